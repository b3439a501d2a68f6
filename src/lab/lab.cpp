// Classifiers on features: zero-shot from the text tower, probes from the store, and their scores.
#include "lab/lab.hpp"

#include <algorithm>

#include "eval/scores.hpp"
#include "sets/published.hpp"

namespace cliplab {
namespace {

void score(Outcome& outcome, const FeatureSet& test, Matrix logits) {
  outcome.logits = std::move(logits), outcome.truth = test.truth;
  if (!test.truth.several_labels()) outcome.ranks = label_ranks(outcome.logits, test.truth.labels);
  Predictions predictions = top_predictions(outcome.logits);
  outcome.predicted = std::move(predictions.label), outcome.confidence = std::move(predictions.probability);
}

/// Is every sample of the test split tested on in every round? So it is in a set without rounds.
bool tests_on_all(const FeatureSet& test) {
  return std::ranges::all_of(test.rounds, [](const std::vector<RoundRole>& roles) {
    return std::ranges::count(roles, RoundRole::kTest) == std::ssize(roles);
  });
}

}  // namespace

Outcome score_classifier(LinearClassifier classifier, const FeatureSet& test) {
  Outcome outcome;
  outcome.classifier = std::move(classifier);
  score(outcome, test, outcome.classifier.logits(test.x));
  return outcome;
}

Lab::Lab(const Options& options, const Plan& plan, const std::filesystem::path& cache, Models models, Recorder recorder)
    : options_(options),
      plan_(plan),
      models_(std::move(models)),
      sets_(options),
      features_(options, sets_, cache),
      probes_(options, cache),
      recorder_(std::move(recorder)) {}

FeatureStore::Wanted Lab::joint() const {
  FeatureStore::Wanted wanted;
  for (const auto& model : models()) wanted.emplace_back(model.get(), Space::kJoint);
  return wanted;
}

bool Lab::measures(const std::string& floor) const {
  return std::ranges::count(options_.list("eval.floors"), floor) > 0;
}

Truth Lab::truth(const std::string& name, const std::string& split) {
  if (measures("raw-pixels")) return raw_pixels(name, split).truth;
  return dataset(name, split).truth().rows(sets_.rows(name, split));
}

Outcome Lab::zero_shot_on(ClipModel& model, const std::string& name, std::vector<std::string> templates,
                          const FeatureSet& test) {
  const Prompts prompts = sets_.prompts(name);
  if (templates.empty()) templates = prompts.templates;
  Outcome outcome;
  std::vector<std::vector<std::string>> names = prompts.class_names;
  std::vector<int> owner;
  if (test.truth.has_clips()) {  // a column a name
    names.clear();
    for (std::size_t c = 0; c < prompts.class_names.size(); ++c)
      for (const std::string& synonym : prompts.class_names[c])
        names.push_back({synonym}), owner.push_back(static_cast<int>(c));
  }
  Matrix logits;
  if (model.info().architecture.contrasts()) {
    outcome.classifier = zero_shot_classifier(model.text(), names, templates, model.info().logit_scale);
    logits = outcome.classifier.logits(test.x);
  } else {
    logits = class_means(model.prompt_scores(test.x, fill_templates(names, templates)), names, templates.size());
  }
  if (!owner.empty()) logits = best_of_columns(logits, owner, test.truth.num_classes);
  if (test.truth.several_labels()) logits = log_probabilities(logits);
  score(outcome, test, std::move(logits));
  return outcome;
}

Outcome Lab::zero_shot(ClipModel& model, const std::string& name, std::vector<std::string> templates) {
  return zero_shot_on(model, name, std::move(templates), features(model, name, "test", Space::kJoint));
}

Outcome Lab::zero_shot_in_rounds(ClipModel& model, const std::string& name) {
  Outcome outcome = zero_shot(model, name);
  const FeatureSet& test = features(model, name, "test", Space::kJoint);
  if (tests_on_all(test)) return outcome;
  const FeatureSet& train = features(model, name, "train", Space::kJoint);
  for (std::size_t r = 0; r < test.rounds.size(); ++r)
    outcome.rounds.push_back(zero_shot_on(model, name, {}, round_of(train, test, r, RoundRole::kTest)));
  return outcome;
}

Outcome Lab::probe_in_rounds(const FeatureSet& train, const FeatureSet& test) {
  std::vector<Outcome> rounds;
  for (std::size_t r = 0; r < train.rounds.size(); ++r)
    rounds.push_back(probe(round_of(train, test, r, RoundRole::kTrain), round_of(train, test, r, RoundRole::kTest)));
  Outcome outcome = rounds.front();
  outcome.rounds = std::move(rounds), outcome.same_pictures = tests_on_all(test);
  return outcome;
}

Outcome Lab::probe(const FeatureSet& train, const FeatureSet& test, const FeatureSet* validation) {
  if (!validation && std::ranges::count(train.validation, 1) > 0 && std::ranges::count(train.validation, 0) > 0) {
    const FeatureSet fitted = part_of(train, false), held = part_of(train, true);
    return probe(fitted, test, &held);
  }
  check_fit(train, validation, test);
  SweepResult sweep = probes_.fit(train, validation);
  Outcome outcome = score_classifier(sweep.classifier, test);
  outcome.sweep = std::move(sweep), outcome.rule = options_.text("probe.rule");
  outcome.official_validation = validation != nullptr;
  if (!validation) outcome.not_validated = classes_of_one(train.truth);
  return outcome;
}

Outcome Lab::probe(ImageModel& model, const std::string& name, Space space, const std::string& tested) {
  const FeatureSet& train = features(model, name, "train", space);
  if (tested.empty() && !train.rounds.empty()) return probe_in_rounds(train, features(model, name, "test", space));
  const FeatureSet* held = has_split(name, "validation") ? &features(model, name, "validation", space) : nullptr;
  return probe(train, features(model, tested.empty() ? name : tested, "test", space), held);
}

Outcome Lab::raw_pixel_probe(const std::string& name) {
  const FeatureSet& train = raw_pixels(name, "train");
  if (!train.rounds.empty()) return probe_in_rounds(train, raw_pixels(name, "test"));
  const FeatureSet* held = has_split(name, "validation") ? &raw_pixels(name, "validation") : nullptr;
  return probe(train, raw_pixels(name, "test"), held);
}

Interval Lab::majority(const std::string& name) {
  return majority_class(truth(name, "train").labels, truth(name, "test"));
}

Interval Lab::over_rounds(const Outcome& outcome, const std::function<Interval(const Outcome&)>& score) {
  if (outcome.rounds.empty()) return score(outcome);
  std::vector<Interval> scores;
  for (const Outcome& round : outcome.rounds) scores.push_back(score(round));
  if (outcome.same_pictures) return mean_alike(scores);
  Interval mean = mean_of(scores);
  if (mean.has_bounds()) mean.covers = "mover(splits)";
  return mean;
}

std::pair<std::string, Interval> Lab::own_metric(const std::string& name, const Outcome& outcome) const {
  const auto set = find_published_set(name);
  const std::string metric = outcome.truth.has_clips()        ? "mean of pm-0 and pm-10"
                             : outcome.truth.several_labels() ? "11-point mAP"
                             : set                            ? set->metric
                                                              : "accuracy";
  return {record_name(metric),
          over_rounds(outcome, [&](const Outcome& one) { return score_named(metric, one.logits, one.truth); })};
}

void Lab::record(Record record, const Interval& interval) {
  if (const std::int64_t left_out = features_.undecodable(record.dataset, record.split); left_out > 0)
    record.params["undecodable"] = std::to_string(left_out);
  recorder_.record(std::move(record), interval);
}

void Lab::start_study(Recorder recorder) {
  recorder_ = std::move(recorder);
  models_.forget_use();
}

}  // namespace cliplab
