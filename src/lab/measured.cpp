// The records that studies share.
#include "lab/measured.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/progress.hpp"
#include "base/rng.hpp"
#include "eval/scores.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

/// The per-sample scores from which every statistic can be recomputed.
Array scores_of(const Record& record, const Outcome& outcome) {
  const Eigen::Index N = outcome.logits.rows(), C = outcome.logits.cols();
  Array array{"scores/" + record.dataset + "/" + record.model + "/" + record.method,
              {"label", "rank", "predicted", "confidence"},
              MatrixD(N, outcome.truth.several_labels() ? 2 * C : 4),
              array_params("scores", record.dataset, record.model, {{"method", record.method}})};
  if (outcome.truth.several_labels()) {  // several labels a picture: the logits of all classes, then the targets
    array.columns.clear();
    for (const char* kind : {"logit", "target"})
      for (Eigen::Index c = 0; c < C; ++c) array.columns.push_back(fmt::format("{}{}", kind, c));
    array.values.leftCols(C) = outcome.logits.cast<double>();
    for (Eigen::Index i = 0; i < N; ++i)
      for (Eigen::Index c = 0; c < C; ++c) array.values(i, C + c) = outcome.truth.targets[i * C + c];
  } else {
    for (Eigen::Index i = 0; i < N; ++i)
      array.values.row(i) << outcome.truth.labels[i], outcome.ranks[i], outcome.predicted[i], outcome.confidence[i];
  }
  if (outcome.truth.has_clips()) {
    array.columns.emplace_back("clip");
    array.values.conservativeResize(N, array.values.cols() + 1);
    array.values.rightCols(1) = Eigen::Map<const Eigen::VectorXi>(outcome.truth.clips.data(), N).cast<double>();
  }
  return array;
}

/// Samples of the class that has the fewest.
std::int64_t smallest_class(const Truth& truth) {
  std::vector<std::int64_t> sizes(std::max(1, truth.num_classes));
  for (const int label : truth.labels) ++sizes[label];
  return *std::min_element(sizes.begin(), sizes.end());
}

void say_not_validated(const std::string& name, int classes) {
  if (classes > 0)
    say(fmt::format("{}: {} classes have one training sample; the penalty is chosen without them", name, classes));
}

/// Of records that are means over rounds.
Params rounds_of(const Outcome& outcome) {
  return outcome.rounds.empty() ? Params{} : Params{{"rounds", std::to_string(outcome.rounds.size())}};
}

constexpr int kThumbnail = 64, kLikeliest = 5;

void record_example(Lab& lab, ClipModel& model, const std::string& name, const Outcome& outcome) {
  const std::vector<std::int64_t>& rows = lab.features(model, name, "test", Space::kJoint).rows;
  Rng rng(static_cast<std::uint64_t>(lab.options().integer("seed")), 0xe8a3);
  const auto row = static_cast<Eigen::Index>(rng.below(rows.size()));
  const Dataset& set = lab.dataset(name, "test");
  const Eigen::RowVectorXd logits = outcome.logits.row(row).cast<double>(),
                           odds = (logits.array() - logits.maxCoeff()).exp();
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return logits(a) > logits(b); });
  const auto is_right = [&](int c) {
    return outcome.truth.several_labels() ? outcome.truth.targets[row * logits.size() + c] == 1
                                          : outcome.truth.labels[row] == c;
  };
  const auto right = std::ranges::find_if(order, is_right);
  std::vector<int> ranks;
  for (int r = 0; r < std::min(kLikeliest, static_cast<int>(order.size())); ++r) ranks.push_back(r);
  if (const int r = static_cast<int>(right - order.begin()); right != order.end() && r >= std::ssize(ranks))
    ranks.push_back(r);

  const Prompts prompts = lab.prompts(name);
  Array said{"example/" + name + "/" + model.info().name,
             {},
             MatrixD(3, std::ssize(ranks)),
             array_params("example", name, model.info().name)};
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const int c = order[ranks[i]];
    const std::vector<std::string> names{prompts.class_names[c][0]};
    said.columns.push_back(fill_templates(std::span(&names, 1), std::span(prompts.templates).first(1)).front());
    said.values.col(static_cast<Eigen::Index>(i)) << odds(c) / odds.sum(), ranks[i] + 1, is_right(c) ? 1 : 0;
  }
  lab.array(std::move(said));
  const std::string picture = "picture/" + name;
  if (lab.recorder().has_array(picture)) return;
  const Image image = clip_transform(set.get(rows[row]).image, kThumbnail);
  Array pixels{
      picture, {"red", "green", "blue"}, MatrixD(kThumbnail * kThumbnail, 3), {{"kind", "picture"}, {"dataset", name}}};
  for (Eigen::Index i = 0; i < pixels.values.size(); ++i) pixels.values(i / 3, i % 3) = image.pixels[i];
  lab.array(std::move(pixels));
}

MatrixD curve_of(const SweepResult& sweep) {
  MatrixD table(std::ssize(sweep.points), 5);
  for (std::size_t i = 0; i < sweep.points.size(); ++i) {
    const SweepPoint& p = sweep.points[i];
    table.row(i) << p.lambda, p.validation_accuracy, p.validation_loss, p.fit.objective,
        static_cast<double>(p.fit.iterations);
  }
  return table;
}

}  // namespace

Params array_params(const std::string& kind, const std::string& dataset, const std::string& model, Params more) {
  more.insert({{"kind", kind}, {"dataset", dataset}, {"model", model}});
  return more;
}

void record_line(Lab& lab, Record like, const Line& line, const std::string& axes) {
  like.method = "fit", like.params["axes"] = axes;
  const auto add = [&](const std::string& metric, const std::string& unit, const Interval& value) {
    like.metric = metric, like.unit = unit;
    lab.record(like, value);
  };
  add("slope", "ratio", line.slope);
  add("intercept", axes == "linear" ? "fraction difference" : axes, line.intercept);
  add("r", "ratio", line.r);
}

void record_line_through(Lab& lab, const Record& like, std::span<const double> x, std::span<const double> y,
                         const std::string& axes) {
  if (!can_fit_line(x))
    return say(fmt::format("no line of {} over {}: it needs 3 points with different x, these are {}",
                           like.params.at("y"), like.params.at("x"), x.size()));
  record_line(lab, like, fit_line(x, y), axes);
}

Matrix label_logits(ClipModel& model, std::span<const std::string> labels, const std::string& sentence,
                    const Matrix& features) {
  std::vector<std::vector<std::string>> names;
  for (const std::string& label : labels) names.push_back({label});
  const std::vector<std::string> templates{sentence};
  return zero_shot_classifier(model.text(), names, templates, model.info().logit_scale).logits(features);
}

Interval record_scores(Lab& lab, Record record, const Outcome& outcome) {
  const auto [own, score] = lab.own_metric(record.dataset, outcome);
  const auto add = [&](const std::string& metric, const Interval& value) {
    record.metric = metric, lab.record(record, value);
  };
  record.params.merge(rounds_of(outcome));
  add(own, score);
  const bool one_label = !outcome.truth.several_labels();
  if (outcome.truth.has_clips())
    for (const char* part : {"pm-0", "pm-10"}) add(record_name(part), score_named(part, outcome.logits, outcome.truth));
  if (one_label && own != "top1")
    add("top1", Lab::over_rounds(outcome, [](const Outcome& o) { return rate_within(o.ranks, 1, o.truth); }));
  if (one_label && own != "mean_per_class" && outcome.logits.cols() <= 100) {
    const Interval mean =
        Lab::over_rounds(outcome, [](const Outcome& o) { return mean_per_class(o.ranks, o.truth.labels); });
    add("mean_per_class", outcome.truth.has_clips() ? point(mean.value, mean.n) : mean);  // its bounds count pictures
  }
  if (outcome.rounds.empty()) lab.array(scores_of(record, outcome));
  for (std::size_t r = 0; r < outcome.rounds.size(); ++r) {
    Array scores = scores_of(record, outcome.rounds[r]);
    scores.name += fmt::format("/round{}", r + 1);
    scores.params["kind"] = "round_scores", scores.params["round"] = std::to_string(r + 1);
    lab.array(std::move(scores));
  }
  return score;
}

Interval record_zero_shot(Lab& lab, ClipModel& model, const std::string& name) {
  const Outcome outcome = lab.zero_shot_in_rounds(model, name);
  Interval score = record_scores(lab, {name, "test", model.info().name, "zero-shot", ""}, outcome);
  if (outcome.logits.cols() > 10 && !outcome.truth.several_labels())
    lab.record({name, "test", model.info().name, "zero-shot", "top5", rounds_of(outcome)},
               Lab::over_rounds(outcome, [](const Outcome& o) { return rate_within(o.ranks, 5, o.truth); }));
  if (const Matrix& texts = outcome.classifier.weight; texts.size() > 0) {
    std::vector<std::string> columns;
    for (Eigen::Index d = 0; d < texts.cols(); ++d) columns.push_back(fmt::format("d{}", d));
    lab.array({"text_features/" + name + "/" + model.info().name, columns, texts.cast<double>(),
               array_params("text_features", name, model.info().name)});
  }
  record_example(lab, model, name, outcome);
  return score;
}

Interval record_probe(Lab& lab, const std::string& name, const std::string& model, const Outcome& outcome,
                      Params params) {
  params.insert({{"lambda", fmt::format("{:.3g}", outcome.sweep.lambda)}, {"rule", outcome.rule}});
  if (outcome.official_validation) params["validation"] = "official";
  if (outcome.not_validated > 0) params["classes_not_validated"] = std::to_string(outcome.not_validated);
  say_not_validated(name, outcome.not_validated);
  lab.array({"probe/" + name + "/" + model + "/sweep",
             {"lambda", "validation_accuracy", "validation_loss", "objective", "iterations"},
             curve_of(outcome.sweep),
             array_params("sweep", name, model, {{"method", "linear-probe"}})});
  return record_scores(lab, {name, "test", model, "linear-probe", "", std::move(params)}, outcome);
}

void record_floors(Lab& lab, const std::string& name) {
  if (!lab.truth(name, "test").several_labels())
    lab.record({name, "test", "majority-class", "floor", "top1"}, lab.majority(name));
  if (lab.measures("raw-pixels")) record_probe(lab, name, "raw-pixels", lab.raw_pixel_probe(name));
}

void record_data_set(Lab& lab, const std::string& name) {
  record_floors(lab, name);
  for (const auto& model : lab.models()) record_zero_shot(lab, *model, name);
  for (ImageModel* encoder : lab.encoders()) record_probe(lab, name, encoder->info().name, lab.probe(*encoder, name));
}

Interval paired_gain(const Outcome& ours, const Outcome& theirs) {
  std::int64_t gained = 0, lost = 0;
  for (std::size_t i = 0; i < ours.ranks.size(); ++i) {
    gained += ours.ranks[i] == 0 && theirs.ranks[i] != 0;
    lost += ours.ranks[i] != 0 && theirs.ranks[i] == 0;
  }
  return paired_difference(gained, lost, std::ssize(ours.ranks));
}

Interval paired_gain(const std::string& metric, const Outcome& ours, const Interval& our_score, const Outcome& theirs,
                     const Interval& their_score) {
  if (metric == "top1" && !ours.truth.has_clips() && ours.rounds.empty()) return paired_gain(ours, theirs);
  return difference_of(our_score, their_score);
}

FewShotDraws few_shot_draws(Lab& lab, ImageModel& model, const std::string& name, Space space, FewShotOptions options) {
  const FeatureSet &train = lab.features(model, name, "train", space), &test = lab.features(model, name, "test", space);
  options.rule = stop_rule(lab.options().text("probe.rule"));
  options.seed = static_cast<std::uint64_t>(lab.options().integer("seed"));
  struct Part {  // copied rows, which LabelledRows refers to
    Part(const FeatureSet& set, const std::vector<Eigen::Index>& rows)
        : x(set.x(rows, Eigen::all)), truth(set.truth.rows(rows)) {}
    explicit Part(const FeatureSet& set) : x(set.x), truth(set.truth) {}
    LabelledRows rows() const { return {x, truth}; }
    Matrix x;
    Truth truth;
  };
  const auto parts = [&]() -> std::pair<Part, Part> {
    if (lab.has_split(name, "validation")) return {Part(train), Part(lab.features(model, name, "validation", space))};
    if (!train.validation.empty()) return {Part(part_of(train, false)), Part(part_of(train, true))};
    say_not_validated(name, classes_of_one(train.truth));
    const Cut cut = cut_validation(train.truth.labels, train.truth.num_classes, 0.2, options.seed);
    return {Part(train, cut.train), Part(train, cut.validation)};
  };
  const auto [drawn_from, held] = parts();
  options.held_out = held.truth.size() > 0;
  const std::int64_t most = smallest_class(drawn_from.truth);
  for (const int shots : options.shots)
    if (shots > most)
      say(fmt::format("{}: no draws of {} samples a class: the smallest class has {} to draw from", name, shots, most));
  std::erase_if(options.shots, [&](int shots) { return shots > most; });
  if (options.shots.empty()) return {};
  FewShotDraws draws{
      few_shot(drawn_from.rows(), options.held_out ? held.rows() : drawn_from.rows(), {test.x, test.truth}, options),
      options.shots,
      {}};
  for (const int shots : draws.shots) draws.shared.push_back(shared_of_pool(drawn_from.truth, shots));
  return draws;
}

std::vector<RetrievalRanks> caption_ranks(Lab& lab, const std::string& set, const std::string& split,
                                          std::int64_t captions, const std::string& prefix) {
  const PairFeatures pairs = lab.pair_features(set, split, lab.limit("test"), lab.joint());
  std::vector<std::string> texts;  // [T]
  std::vector<int> owner;          // [T]
  for (std::int64_t i = 0; i < pairs.size(); ++i) {
    const std::vector<std::string>& own = pairs.captions[i];
    for (std::size_t c = 0; c < std::min<std::size_t>(own.size(), captions); ++c) {
      texts.push_back(prefix.empty() ? own[c] : prefix + " " + own[c]);
      owner.push_back(static_cast<int>(i));
    }
  }
  std::vector<RetrievalRanks> ranks;
  for (std::size_t m = 0; m < pairs.features.size(); ++m)
    ranks.push_back(retrieval_ranks(pairs.features[m], lab.models()[m]->text().encode(texts), owner));
  return ranks;
}

}  // namespace cliplab
