// Zero-shot accuracy against pictures seen, a curve an objective, and how many times fewer pictures one needs than
// another (paper 2.3, Figure 2).
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "base/progress.hpp"
#include "base/text.hpp"
#include "lab/experiment.hpp"

namespace cliplab {
namespace {

class ObjectiveEfficiency : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("objective_efficiency.datasets", {}, Role::kTrainAndTest, "data sets with one label a picture",
                     {.fallback = "eval.datasets", .one_label = true});
    options.add_list("objective_efficiency.templates", {"{}"},
                     "prompts of every objective: Figure 2 is from before prompt engineering");
  }

  void run(Lab& lab) const override {
    for (const auto& model : lab.models())
      if (model->info().pairs_seen == 0)
        fail("model " + model->info().name, "no count of the pairs it has seen", "a model trained here",
             "train it with train.objective and train.snapshots");
    std::vector<Interval> floors;
    std::vector<std::vector<Interval>> hits(lab.models().size());  // a model, a data set each
    lab.for_each(lab.sets("objective_efficiency.datasets"), [&](const std::string& name) {
      const Interval floor = lab.majority(name);
      lab.record({name, "test", "majority-class", "floor", "top1"}, floor);
      std::vector<Interval> own;
      for (const auto& model : lab.models()) {
        const Outcome outcome = lab.zero_shot(*model, name, lab.options().list("objective_efficiency.templates"));
        own.push_back(top_k(outcome.ranks, 1));
        lab.record({name, "test", curve_of(*model), "zero-shot", "top1", {{"images", images_of(*model)}}}, own.back());
      }
      floors.push_back(floor);
      for (std::size_t m = 0; m < own.size(); ++m) hits[m].push_back(own[m]);
    });
    lab.record({"", "test", "majority-class", "floor", "top1", {{"summary", "mean"}}}, mean_of(floors));

    std::map<std::string, Curve> curves;
    for (std::size_t m = 0; m < hits.size(); ++m) {
      const ClipModel& model = *lab.models()[m];
      const std::string objective = curve_of(model), images = images_of(model);
      const Interval mean = mean_of(hits[m]);
      lab.record({"", "test", objective, "zero-shot", "top1", {{"images", images}, {"summary", "mean"}}}, mean);
      if (!curves[objective].emplace(static_cast<double>(model.info().pairs_seen), mean.value).second)
        fail("objective_efficiency", "two models of " + objective + " with images=" + images, "one",
             "give one architecture in train.arch");
    }
    draw(lab, curves);
    compare(lab, curves, "contrastive_bow", "bow_prediction");
    compare(lab, curves, "bow_prediction", "transformer_lm");
    compare(lab, curves, "contrastive_bow", "transformer_lm");
  }

 private:
  using Curve = std::map<double, double>;  // pictures seen -> mean accuracy

  static std::string curve_of(const ClipModel& model) { return paper_name(model.info().architecture.objective); }
  static std::string images_of(const ClipModel& model) { return std::to_string(model.info().pairs_seen); }

  /// The curves' names in Figure 2; the paper's own model, a transformer that contrasts, is none of them.
  static std::string paper_name(const std::string& objective) {
    static const std::map<std::string, std::string> kNames{{"bow_contrastive", "contrastive_bow"},
                                                           {"captioning", "transformer_lm"}};
    const auto found = kNames.find(objective);
    return found == kNames.end() ? objective : found->second;
  }

  /// Array "curves": a row for each number of pictures, a column for each objective, NaN where it was not measured.
  static void draw(Lab& lab, const std::map<std::string, Curve>& curves) {
    std::map<double, Eigen::Index> rows;
    for (const auto& [objective, curve] : curves)
      for (const auto& [images, accuracy] : curve) rows[images] = 0;
    Array array{"curves",
                {"images"},
                MatrixD::Constant(std::ssize(rows), 1 + std::ssize(curves), std::numeric_limits<double>::quiet_NaN()),
                {{"kind", "curves"}}};
    Eigen::Index row = 0, column = 1;
    for (auto& [images, place] : rows) place = row++, array.values(place, 0) = images;
    for (const auto& [objective, curve] : curves) {
      array.columns.push_back(objective);
      for (const auto& [images, accuracy] : curve) array.values(rows[images], column) = accuracy;
      ++column;
    }
    lab.array(std::move(array));
  }

  /// Pictures at which the curve, its best so far and linear in the logarithm, reaches `level`; none beyond its ends.
  static std::optional<double> pictures_for(const Curve& curve, double level) {
    double before_images = 0, before = -1;
    for (const auto& [images, measured] : curve) {
      const double accuracy = std::max(measured, before);
      if (accuracy >= level) {
        if (before < 0) return accuracy == level ? std::optional(images) : std::nullopt;
        const double share = (level - before) / (accuracy - before);
        return std::exp(std::log(before_images) + share * (std::log(images) - std::log(before_images)));
      }
      before_images = images, before = accuracy;
    }
    return std::nullopt;
  }

  /// How many times fewer pictures `better` needs for the last accuracy of `other`.
  static void compare(Lab& lab, const std::map<std::string, Curve>& curves, const std::string& better,
                      const std::string& other) {
    if (!curves.contains(better) || !curves.contains(other)) return;
    const auto& [images, level] = *curves.at(other).rbegin();
    const std::optional<double> needed = pictures_for(curves.at(better), level);
    if (!needed) {
      say(better + " over " + other + ": no ratio, its curve does not pass the last accuracy of " + other);
      return;
    }
    const double ratio = images / *needed;
    lab.record({"", "test", better, "training", "efficiency", {{"over", other}, {"summary", "mean"}}},
               {ratio, ratio, ratio, 1});
  }
};

CLIPLAB_REGISTER_EXPERIMENT(ObjectiveEfficiency, "objective_efficiency", "section 2.3, Figure 2",
                            "How many pictures does each objective need for the same zero-shot accuracy?");

}  // namespace
}  // namespace cliplab
