// Does an encoder's score on ImageNet tell how its features transfer? (paper 3.2, Figure 12: CLIP's transfer better
// than those of other models with the same ImageNet score.) For sets without ImageNet a key names the one that stands
// for it. DEVIATION(3.2, Figure 12): the paper shows points; a line through the baselines in logit axes is our way to a
// number.
#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/progress.hpp"
#include "eval/robustness.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

class TaskShift : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("task_shift.datasets", {}, Role::kTrainAndTest, "data sets to transfer to, and the reference",
                     {.fallback = "eval.datasets"});
    options.add_reference("task_shift.reference", "imagenet", "task_shift.datasets",
                          "the data set of task_shift.datasets that the others' scores are held against");
  }

  void run(Lab& lab) const override {
    const std::string& reference = lab.options().text("task_shift.reference");
    std::vector<std::string> others = lab.sets("task_shift.datasets");
    std::erase(others, reference);
    if (others.empty()) fail("task_shift.datasets", reference + " alone", "data sets to transfer to");
    std::map<std::string, Interval> source;
    std::map<std::string, std::vector<Interval>> scores;  // by encoder
    const auto measure = [&](const std::string& name) {
      std::map<std::string, Interval> own;
      for (ImageModel* encoder : lab.encoders()) {
        const std::string& model = encoder->info().name;
        own[model] = record_probe(lab, name, model, lab.probe(*encoder, name));
      }
      return own;
    };
    lab.for_each({reference}, [&](const std::string& name) { source = measure(name); });
    lab.for_each(others, [&](const std::string& name) {
      for (const auto& [model, score] : measure(name)) scores[model].push_back(score);
    });
    std::vector<Point> points;
    for (ImageModel* encoder : lab.encoders()) {
      const std::string& model = encoder->info().name;
      points.push_back({model, source[model], mean_of(scores[model])});
      lab.record({"", "test", model, "linear-probe", "reference_score", {{"reference", reference}}}, source[model]);
      lab.record({"", "test", model, "linear-probe", "transfer_score", {{"reference", reference}, {"summary", "mean"}}},
                 points.back().transfer);
    }
    against_the_line(lab, reference, points);
  }

 private:
  struct Point {
    std::string model;
    Interval source, transfer;
  };

  /// Each CLIP model's mean over the others less what the baselines' line in logit axes expects at its score on the
  /// reference.
  static void against_the_line(Lab& lab, const std::string& reference, const std::vector<Point>& points) {
    std::vector<double> x, y;
    const std::size_t first = lab.models().size();
    for (std::size_t i = first; i < points.size(); ++i)
      x.push_back(logit(points[i].source.value, points[i].source.n)),
          y.push_back(logit(points[i].transfer.value, points[i].transfer.n));
    if (!can_fit_line(x)) {
      say("task_shift: a line needs 3 baselines with different scores, this run has " + std::to_string(x.size()) +
          "; points alone are recorded");
      return;
    }
    const Line line = fit_line(x, y);
    record_line(lab, {"", "test", "", "", "", {{"reference", reference}, {"role", "baseline"}}}, line, "logit");
    for (std::size_t i = 0; i < first; ++i) {
      const Interval& source = points[i].source;
      lab.record({"",
                  "test",
                  points[i].model,
                  "linear-probe",
                  "transfer_lead",
                  {{"reference", reference}, {"summary", "mean"}, {"line", standing(line, source.value, source.n)}}},
                 effective_robustness(line, source, points[i].transfer));
    }
  }
};

CLIPLAB_REGISTER_EXPERIMENT(TaskShift, "task_shift", "section 3.2, Figure 12",
                            "At the same score on ImageNet, do CLIP's features transfer better than others?");

}  // namespace
}  // namespace cliplab
