// Zero-shot against probes on k labelled samples a class (paper 3.1.5, Figures 6 and 7). The zero-shot initialised
// probe is no curve of the paper's: its penalty pulls to the zero-shot classifier.
#include "eval/few_shot.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "eval/scores.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

class FewShot : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_integer("few_shot.draws", 20, 1, 1000, "draws of each number of shots");
    options.add_list("few_shot.starts", {"zero", "zero-shot"},
                     "where few-shot probes start; random ends where zero does", {"zero", "random", "zero-shot"});
  }

  void run(Lab& lab) const override {
    const auto datasets = lab.one_label_datasets();
    for (const auto& model : lab.models()) {
      std::vector<double> needed;
      for (const std::string& name : datasets) {
        lab.record({name, "test", "majority-class", "floor", "top1"}, lab.majority(name));
        const Outcome zero_shot = lab.zero_shot(*model, name), supervised = lab.probe(*model, name);
        const auto [metric, words] = lab.own_metric(name, zero_shot);
        const Interval all = lab.own_metric(name, supervised).second;
        lab.record({name, "test", model->info().name, "zero-shot", metric}, words);
        lab.record({name, "test", model->info().name, "linear-probe", metric, {{"rule", supervised.rule}}}, all);
        for (const std::string& start : lab.options().list("few_shot.starts"))
          if (const auto match =
                  measure(lab, *model, name, start, zero_shot.classifier, metric, words.value, all.value);
              match && start == "zero")
            needed.push_back(*match);
      }
      if (!needed.empty()) median_of(lab, model->info().name, needed);
    }
  }

 private:
  /// The curve over shots, and Fig 7's examples a class to match zero-shot.
  static std::optional<double> measure(Lab& lab, ClipModel& model, const std::string& name, const std::string& start,
                                       const LinearClassifier& zero_shot, const std::string& metric,
                                       double zero_shot_score, double supervised_score) {
    // The zero-shot classifier lives in the joint space; the paper's probes before the projection.
    const Space space = start == "zero-shot" ? Space::kJoint : Space::kTrunk;
    const int num_classes = static_cast<int>(zero_shot.weight.rows());
    FewShotOptions options{.draws = static_cast<int>(lab.options().integer("few_shot.draws"))};
    options.start = start == "zero"     ? FewShotStart::kZero
                    : start == "random" ? FewShotStart::kRandom
                                        : FewShotStart::kZeroShot;
    options.zero_shot = &zero_shot, options.metric = name_of_metric(metric);
    const auto points = few_shot_draws(lab, model, name, space, options);

    std::vector<double> examples, accuracies;
    Array array{"few_shot/" + name + "/" + model.info().name + "/" + start,
                {"shots", "draw", "lambda", "accuracy"},
                MatrixD(std::ssize(points), 4),
                array_params("few_shot", name, model.info().name, {{"start", start}})};
    for (std::size_t i = 0; i < points.size(); ++i)
      array.values.row(static_cast<Eigen::Index>(i)) << points[i].shots, points[i].draw, points[i].lambda,
          points[i].score;
    lab.array(std::move(array));
    for (const int shots : options.shots) {
      const Interval accuracy = over_draws(points, shots);
      lab.record(
          {name, "test", model.info().name, "few-shot", metric, {{"shots", std::to_string(shots)}, {"start", start}}},
          accuracy);
      examples.push_back(shots), accuracies.push_back(accuracy.value);
    }
    const FeatureSet &train = lab.features(model, name, "train", space),
                     &test = lab.features(model, name, "test", space);
    // The last point of Fig 7's line is the probe on all samples.
    if (const double per_class = static_cast<double>(train.labels.size()) / num_classes; per_class > examples.back())
      examples.push_back(per_class), accuracies.push_back(supervised_score);
    const auto match = examples_to_match(examples, accuracies, zero_shot_score);
    if (match)
      lab.record({name, "test", model.info().name, "few-shot", "examples_per_class", {{"start", start}}},
                 {*match, *match, *match, std::ssize(test.labels)});
    return match;
  }

  static void median_of(Lab& lab, const std::string& model, std::vector<double> needed) {
    std::sort(needed.begin(), needed.end());
    const std::size_t n = needed.size();
    const double median = (needed[(n - 1) / 2] + needed[n / 2]) / 2;
    lab.record({"", "test", model, "few-shot", "examples_per_class", {{"start", "zero"}, {"summary", "median"}}},
               {median, needed.front(), needed.back(), std::ssize(needed)});
  }
};

CLIPLAB_REGISTER_EXPERIMENT(FewShot, "few_shot", "section 3.1.5, Figures 6 and 7",
                            "How many labelled samples a class does a probe need to match zero-shot?");

}  // namespace
}  // namespace cliplab
