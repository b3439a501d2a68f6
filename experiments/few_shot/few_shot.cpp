// Zero-shot against probes on k labelled samples a class (paper 3.1.5, Figures 6 and 7). The zero-shot initialised
// probe is no curve of the paper's: its penalty pulls to the zero-shot classifier.
#include "eval/few_shot.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "eval/scores.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

class FewShot : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("few_shot.datasets", {}, Role::kTrainAndTest, "data sets with one label a picture",
                     {.fallback = "eval.datasets", .one_label = true});
    options.add_integer("few_shot.draws", 20, 1, 1000, "draws of each number of shots");
    options.add_list("few_shot.starts", {"zero", "zero-shot"},
                     "where few-shot probes start; random ends where zero does", {"zero", "random", "zero-shot"});
  }

  void run(Lab& lab) const override {
    std::map<std::string, std::vector<Match>> needed;  // by model
    lab.for_each(lab.sets("few_shot.datasets"), [&](const std::string& name) {
      lab.record({name, "test", "majority-class", "floor", "top1"}, lab.majority(name));
      std::map<std::string, Match> matches;
      for (const auto& model : lab.models()) {
        const Outcome zero_shot = lab.zero_shot(*model, name), supervised = on_all(lab, *model, name, Space::kTrunk);
        const auto [metric, words] = lab.own_metric(name, zero_shot);
        lab.record({name, "test", model->info().name, "zero-shot", metric}, words);
        lab.record({name, "test", model->info().name, "linear-probe", metric, {{"rule", supervised.rule}}},
                   lab.own_metric(name, supervised).second);
        for (const std::string& start : lab.options().list("few_shot.starts"))
          if (const auto match = measure(lab, *model, name, start, zero_shot.classifier, metric, words.value);
              match && start == "zero")
            matches[model->info().name] = *match;
      }
      for (const auto& [model, match] : matches) needed[model].push_back(match);
    });
    for (const auto& [model, matches] : needed) {
      const auto [median, censored] = median_match(matches);
      record_examples(lab, {"", "test", model, "few-shot", "", {{"start", "zero"}, {"summary", "median"}}}, median,
                      censored);
    }
  }

 private:
  /// The probe on all that the draws are of: STL-10's folds and UCF101's other splits are no part of the curve.
  static Outcome on_all(Lab& lab, ClipModel& model, const std::string& name, Space space) {
    const FeatureSet& train = lab.features(model, name, "train", space);
    return train.rounds.empty() ? lab.probe(model, name, space)
                                : lab.probe(train, lab.features(model, name, "test", space));
  }

  /// The curve over shots, and Fig 7's examples a class to match zero-shot.
  static std::optional<Match> measure(Lab& lab, ClipModel& model, const std::string& name, const std::string& start,
                                      const LinearClassifier& zero_shot, const std::string& metric,
                                      double zero_shot_score) {
    // The zero-shot classifier lives in the joint space; the paper's probes before the projection.
    const Space space = start == "zero-shot" ? Space::kJoint : Space::kTrunk;
    const int num_classes = static_cast<int>(zero_shot.weight.rows());
    FewShotOptions options{.draws = static_cast<int>(lab.options().integer("few_shot.draws"))};
    options.start = start == "zero"     ? FewShotStart::kZero
                    : start == "random" ? FewShotStart::kRandom
                                        : FewShotStart::kZeroShot;
    options.zero_shot = &zero_shot, options.metric = name_of_metric(metric);
    const auto [points, shots, shared] = few_shot_draws(lab, model, name, space, options);

    Array array{"few_shot/" + name + "/" + model.info().name + "/" + start,
                {"shots", "draw", "lambda", "accuracy"},
                MatrixD(std::ssize(points), 4),
                array_params("few_shot", name, model.info().name, {{"start", start}})};
    for (std::size_t i = 0; i < points.size(); ++i)
      array.values.row(static_cast<Eigen::Index>(i)) << points[i].shots, points[i].draw, points[i].lambda,
          points[i].score;
    lab.array(std::move(array));
    const FeatureSet &train = lab.features(model, name, "train", space),
                     &test = lab.features(model, name, "test", space);
    std::vector<double> examples, accuracies;
    for (std::size_t i = 0; i < shots.size(); ++i) {
      const Interval accuracy = over_draws(points, shots[i], options.metric, test.truth, shared[i]);
      lab.record({name,
                  "test",
                  model.info().name,
                  "few-shot",
                  metric,
                  {{"shots", std::to_string(shots[i])}, {"start", start}}},
                 accuracy);
      examples.push_back(shots[i]), accuracies.push_back(accuracy.value);
    }
    // The last point of Fig 7's line is the probe on all samples, in the space of the others.
    if (const double per_class = static_cast<double>(train.truth.size()) / num_classes;
        examples.empty() || per_class > examples.back())
      examples.push_back(per_class),
          accuracies.push_back(lab.own_metric(name, on_all(lab, model, name, space)).second.value);
    if (examples.size() < 2) return {};
    const Match match = examples_to_match(examples, accuracies, zero_shot_score);
    record_examples(lab, {name, "test", model.info().name, "few-shot", "", {{"start", start}}},
                    point(match.examples, test.truth.size()), match.censored);
    return match;
  }

  static void record_examples(Lab& lab, Record record, const Interval& examples, const std::string& censored) {
    record.metric = "examples_per_class";
    if (!censored.empty()) record.params["censored"] = censored;
    lab.record(std::move(record), examples);
  }
};

CLIPLAB_REGISTER_EXPERIMENT(FewShot, "few_shot", "section 3.1.5, Figures 6 and 7",
                            "How many labelled samples a class does a probe need to match zero-shot?");

}  // namespace
}  // namespace cliplab
