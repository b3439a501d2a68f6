// Name only, one template, ensemble in embedding space; ensembles of fewer templates; names before they were chosen
// (paper 3.1.4, Figure 4).
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>

#include "base/error.hpp"
#include "base/progress.hpp"
#include "eval/few_shot.hpp"
#include "eval/prompt_ensemble.hpp"
#include "eval/scores.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

constexpr const char* kPrompts[] = {"name-only", "one-template", "ensemble"};

/// The first template that says more than the name.
int one_template(const Prompts& prompts, const std::string& name) {
  const auto one =
      std::find_if(prompts.templates.begin(), prompts.templates.end(), [](const std::string& t) { return t != "{}"; });
  if (one == prompts.templates.end()) fail("data/prompts/" + name + ".json", "no template with words", "at least one");
  return static_cast<int>(one - prompts.templates.begin());
}

/// A model on a data set, its prompts encoded once.
class Measurement {
 public:
  Measurement(Lab& lab, ClipModel& model, const std::string& name)
      : lab_(lab),
        model_(model),
        name_(name),
        prompts_(lab.prompts(name)),
        one_(one_template(prompts_, name)),
        test_(lab.features(model, name, "test", Space::kJoint)) {}

  /// By the names of kPrompts.
  std::map<std::string, Outcome> outcomes() {
    std::map<std::string, Outcome> outcomes;
    if (!model_.info().architecture.contrasts()) {  // scores prompts one by one
      outcomes["name-only"] = lab_.zero_shot(model_, name_, {"{}"});
      outcomes["one-template"] = lab_.zero_shot(model_, name_, {prompts_.templates[one_]});
      outcomes["ensemble"] = lab_.zero_shot(model_, name_);
      return outcomes;
    }
    std::vector<std::string> templates = prompts_.templates;
    const auto bare = std::find(templates.begin(), templates.end(), "{}") - templates.begin();
    if (bare == std::ssize(templates)) templates.emplace_back("{}");
    ensemble_.emplace(model_.text(), prompts_.class_names, templates, model_.info().logit_scale);
    std::vector<int> all(prompts_.templates.size());
    std::iota(all.begin(), all.end(), 0);
    outcomes["name-only"] = scored(*ensemble_, {static_cast<int>(bare)});
    outcomes["one-template"] = scored(*ensemble_, {one_});
    outcomes["ensemble"] = scored(*ensemble_, all);
    return outcomes;
  }

  /// Ensembles of fewer templates and the set's own labels, next to the `outcomes` of outcomes(); of models with a text
  /// tower.
  void record_others(const std::map<std::string, Outcome>& outcomes) const {
    for (const auto& [prompts, outcome] : outcomes) keep_ranks({{"prompts", prompts}}, outcome);
    if (!ensemble_) return;
    record_sizes(*ensemble_);
    for (const auto& [subset, chosen] : prompts_.subsets) {
      const Outcome fewer = scored(*ensemble_, chosen);
      record_subset({{"subset", subset}}, fewer, outcomes.at("ensemble"));
      keep_ranks({{"subset", subset}}, fewer);
    }
    if (!prompts_.own_names.empty()) record_own_names(outcomes);
    record_selection(outcomes.at("ensemble"));
  }

 private:
  Outcome scored(const PromptEnsemble& ensemble, const std::vector<int>& templates) const {
    return score_classifier(ensemble.classifier(templates), test_);
  }

  void record(const std::string& metric, const Params& params, const Interval& interval) const {
    lab_.record({name_, "test", model_.info().name, "zero-shot", metric, params}, interval);
  }

  void record_subset(const Params& params, const Outcome& fewer, const Outcome& whole) const {
    record("top1", params, top_k(fewer.ranks, 1));
    record("gain_over_ensemble", params, paired_gain(fewer, whole));
  }

  /// Whether each picture is right by this kind of prompt, so that its rate and the gains can be recomputed.
  void keep_ranks(const Params& params, const Outcome& outcome) const {
    std::string name = "prompts/" + name_ + "/" + model_.info().name;
    for (const auto& [key, value] : params) name += "/" + value;
    MatrixD table(std::ssize(outcome.ranks), 2);
    for (Eigen::Index i = 0; i < table.rows(); ++i) table.row(i) << outcome.truth.labels[i], outcome.ranks[i];
    lab_.array({name, {"label", "rank"}, table, array_params("prompts", name_, model_.info().name, params)});
  }

  /// Ensembles of 1, 2, 4, ... templates: the mean over draws, and every draw.
  void record_sizes(const PromptEnsemble& ensemble) const {
    const int count = static_cast<int>(std::ssize(prompts_.templates)),
              draws = static_cast<int>(lab_.options().integer("prompt_engineering.draws"));
    std::vector<std::array<double, 3>> points;
    for (int size = 1; draws > 0 && size < count; size *= 2) {
      std::vector<double> scores, right(test_.truth.labels.size());  // of each picture: the share of draws
      const auto subsets =
          template_subsets(count, size, draws, static_cast<std::uint64_t>(lab_.options().integer("seed")));
      for (const auto& chosen : subsets) {
        const std::vector<int> ranks = label_ranks(ensemble.classifier(chosen).logits(test_.x), test_.truth.labels);
        for (std::size_t i = 0; i < ranks.size(); ++i)
          right[i] += (ranks[i] == 0) / static_cast<double>(subsets.size());
        scores.push_back(top_k(ranks, 1).value);
        points.push_back({static_cast<double>(size), static_cast<double>(scores.size() - 1), scores.back()});
      }
      record("top1", {{"templates", std::to_string(size)}}, mean_of_draws(scores, sampling_of_mean(right), 0, 0));
    }
    if (points.empty()) return;
    Array array{"templates/" + name_ + "/" + model_.info().name,
                {"templates", "draw", "top1"},
                MatrixD(std::ssize(points), 3),
                array_params("templates", name_, model_.info().name)};
    for (std::size_t i = 0; i < points.size(); ++i)
      array.values.row(static_cast<Eigen::Index>(i)) << points[i][0], points[i][1], points[i][2];
    lab_.array(std::move(array));
  }

  /// The set's own labels in place of the names that were chosen; apart, the pictures of classes that share a label,
  /// which no classifier can tell apart by it (polysemy: 3.1.4's crane).
  void record_own_names(const std::map<std::string, Outcome>& chosen) const {
    std::vector<std::vector<std::string>> names;
    std::map<std::string, int> uses;
    for (const std::string& own : prompts_.own_names) names.push_back({own}), ++uses[own];
    const std::vector<std::string> templates{"{}", prompts_.templates[one_]};
    const PromptEnsemble ensemble(model_.text(), names, templates, model_.info().logit_scale);
    std::vector<std::size_t> shared;
    for (std::size_t i = 0; i < test_.truth.labels.size(); ++i)
      if (uses[prompts_.own_names[test_.truth.labels[i]]] > 1) shared.push_back(i);
    const Outcome own[] = {scored(ensemble, {0}), scored(ensemble, {1})},
                  *ours[] = {&chosen.at(kPrompts[0]), &chosen.at(kPrompts[1])};
    for (const int t : {0, 1}) {
      const Params chosen_names{{"prompts", kPrompts[t]}}, own_names{{"prompts", kPrompts[t]}, {"names", "own"}};
      record("top1", own_names, top_k(own[t].ranks, 1));
      keep_ranks(own_names, own[t]);
      record("gain_over_own_names", chosen_names, paired_gain(*ours[t], own[t]));
      if (shared.empty()) continue;
      record("top1_shared_label", own_names, top1_of(own[t], shared));
      record("top1_shared_label", chosen_names, top1_of(*ours[t], shared));
    }
    const int classes = static_cast<int>(names.size());
    Array array{"classes/" + name_ + "/" + model_.info().name,
                {"class", "pictures", "label_uses", "name_only", "one_template", "own_name_only", "own_one_template"},
                MatrixD::Zero(classes, 7),
                array_params("own_names", name_, model_.info().name)};
    for (int c = 0; c < classes; ++c) array.values(c, 0) = c, array.values(c, 2) = uses[prompts_.own_names[c]];
    for (std::size_t i = 0; i < test_.truth.labels.size(); ++i) {
      auto row = array.values.row(test_.truth.labels[i]);
      row(1) += 1;
      row(3) += ours[0]->ranks[i] == 0, row(4) += ours[1]->ranks[i] == 0;
      row(5) += own[0].ranks[i] == 0, row(6) += own[1].ranks[i] == 0;
    }
    lab_.array(std::move(array));
  }

  /// Forward selection of templates, scored on the test split; on the training split if there is one, else on the test
  /// split itself, as the paper's authors.
  void record_selection(const Outcome& whole) const {
    const auto most = static_cast<int>(lab_.options().integer("prompt_engineering.select"));
    if (most == 0) return;
    const bool trains = lab_.has_split(name_, "train");
    const FeatureSet& held = trains ? lab_.features(model_, name_, "train", Space::kJoint) : test_;
    const auto steps = forward_selection(*ensemble_, held.x, held.truth.labels,
                                         static_cast<int>(std::ssize(prompts_.templates)), most);
    std::vector<int> chosen;
    std::string templates;
    MatrixD table(std::ssize(steps), 2);
    for (const auto& [index, top1] : steps) {
      table.row(std::ssize(chosen)) << index, top1;
      chosen.push_back(index), templates += fmt::format("\n  {:5.1f} %  {}", 100 * top1, prompts_.templates[index]);
    }
    const std::string on = trains ? "train" : "test";
    say(fmt::format("{}, {}: forward selection takes {} of {} templates; top-1 on its {} split with each more:{}",
                    name_, model_.info().name, chosen.size(), prompts_.templates.size(), on, templates));
    const Params params{{"subset", "forward-selection"}, {"chosen_on", on}};
    record_subset(params, scored(*ensemble_, chosen), whole);
    lab_.array({"selection/" + name_ + "/" + model_.info().name,
                {"template", "top1"},
                table,
                array_params("selection", name_, model_.info().name, {{"chosen_on", on}})});
  }

  static Interval top1_of(const Outcome& outcome, const std::vector<std::size_t>& rows) {
    std::vector<int> ranks;
    for (const std::size_t row : rows) ranks.push_back(outcome.ranks[row]);
    return top_k(ranks, 1);
  }

  Lab& lab_;
  ClipModel& model_;
  std::string name_;
  Prompts prompts_;
  int one_;
  const FeatureSet& test_;
  std::optional<PromptEnsemble> ensemble_;  // of the templates and, where it is none of them, the bare name
};

class PromptEngineering : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("prompt_engineering.datasets", {}, Role::kTrainAndTest, "data sets with one label a picture",
                     {.fallback = "eval.datasets", .one_label = true});
    options.add_sets("prompt_engineering.extra_datasets", {}, Role::kTest, "more data sets, without a train split",
                     {.one_label = true});
    options.add_integer("prompt_engineering.draws", 20, 0, 1000,
                        "ensembles of 2, 4, 8 ... templates drawn at random; 0: none, nor each template alone");
    options.add_integer(
        "prompt_engineering.select", 0, 0, 1000,
        "templates that forward selection may take (how the paper found its seven for ImageNet), chosen "
        "on the training split where a set has one; 0: no selection");
  }

  void run(Lab& lab) const override {
    std::map<std::string, Scores> scores;  // by model
    const std::vector<std::string> datasets = lab.sets("prompt_engineering.datasets");
    lab.for_each(datasets, [&](const std::string& name) {
      lab.record({name, "test", "majority-class", "floor", "top1"}, lab.majority(name));
      if (lab.measures("raw-pixels"))
        lab.record({name, "test", "raw-pixels", "linear-probe", "top1"}, top_k(lab.raw_pixel_probe(name).ranks, 1));
      measure(lab, name, scores);
    });
    std::vector<std::string> extra = lab.sets("prompt_engineering.extra_datasets");
    std::erase_if(extra, [&](const std::string& name) { return std::ranges::find(datasets, name) != datasets.end(); });
    lab.for_each(extra, [&](const std::string& name) { measure(lab, name, scores); });
    for (const auto& [model, of_model] : scores)
      for (const auto& [key, of_sets] : of_model.scores) {
        const auto& [prompts, metric] = key;
        if (metric == "top1" || !of_model.all_top1)
          lab.record({"", "test", model, "zero-shot", metric, {{"prompts", prompts}, {"summary", "mean"}}},
                     mean_of(of_sets));
      }
  }

 private:
  /// A model's scores, a data set each, by kind of prompt and metric ("score": each set's own).
  struct Scores {
    std::map<std::pair<std::string, std::string>, std::vector<Interval>> scores;
    bool all_top1 = true;
  };

  /// Each kind of prompt by the data set's own metric, and top-1 if that is another, for every model.
  static void measure(Lab& lab, const std::string& name, std::map<std::string, Scores>& scores) {
    std::vector<std::tuple<std::string, std::string, std::string, Interval>> fresh;  // model, prompts, metric
    std::vector<std::string> with_own_metric;
    for (const auto& model : lab.models()) {
      const std::string& encoder = model->info().name;
      Measurement measurement(lab, *model, name);
      const auto outcomes = measurement.outcomes();
      for (const std::string prompts : kPrompts) {
        const Outcome& outcome = outcomes.at(prompts);
        const auto [own, score] = lab.own_metric(name, outcome);
        const Interval top1 = top_k(outcome.ranks, 1);
        const auto record = [&](const std::string& metric, const Interval& value) {
          lab.record({name, "test", encoder, "zero-shot", metric, {{"prompts", prompts}}}, value);
        };
        record("top1", top1);
        if (own != "top1") record(own, score), with_own_metric.push_back(encoder);
        if (outcome.logits.cols() > 100) record("top5", top_k(outcome.ranks, 5));
        fresh.emplace_back(encoder, prompts, "top1", top1), fresh.emplace_back(encoder, prompts, "score", score);
      }
      measurement.record_others(outcomes);
    }
    for (const auto& [model, prompts, metric, value] : fresh) scores[model].scores[{prompts, metric}].push_back(value);
    for (const std::string& model : with_own_metric) scores[model].all_top1 = false;
  }
};

CLIPLAB_REGISTER_EXPERIMENT(PromptEngineering, "prompt_engineering", "section 3.1.4, Figure 4",
                            "What do a template and an ensemble of templates add to the bare class name?");

}  // namespace
}  // namespace cliplab
