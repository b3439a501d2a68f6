// Does an encoder's score on ImageNet tell how its features transfer? (paper 3.2, Figure 12: CLIP's transfer better
// than those of other models with the same ImageNet score.) For sets without ImageNet a key names the one that stands
// for it. DEVIATION(3.2, Figure 12): the paper shows points; a line through the baselines in logit axes is our way to a
// number.
#include <algorithm>

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
    options.add_text("task_shift.reference", "imagenet",
                     "the data set of eval.datasets that the others' scores are held against");
  }

  void run(Lab& lab) const override {
    auto others = lab.options().list("eval.datasets");
    const std::string& reference = lab.options().text("task_shift.reference");
    if (std::erase(others, reference) == 0) fail("task_shift.reference", "'" + reference + "'", "one of eval.datasets");
    if (others.empty()) fail("eval.datasets", reference + " alone", "data sets to transfer to");
    std::vector<Point> points;
    for (ImageModel* encoder : lab.encoders()) {
      const std::string& model = encoder->info().name;
      const Interval source = record_probe(lab, reference, model, lab.probe(*encoder, reference));
      std::vector<Interval> scores;
      for (const std::string& name : others)
        scores.push_back(record_probe(lab, name, model, lab.probe(*encoder, name)));
      points.push_back({model, source, mean_of(scores)});
      lab.record({"", "test", model, "linear-probe", "reference_score", {{"reference", reference}}}, source);
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
    if (x.size() < 3 || std::all_of(x.begin(), x.end(), [&](double value) { return value == x[0]; })) {
      say("task_shift: a line needs 3 baselines with different scores, this run has " + std::to_string(x.size()) +
          "; points alone are recorded");
      return;
    }
    const Line line = fit_line(x, y);
    record_line(lab, {"", "test", "", "", "", {{"reference", reference}, {"role", "baseline"}}}, line, "logit");
    for (std::size_t i = 0; i < first; ++i) {  // the interval carries the others' sampling error alone
      const auto lead = [&](double transfer) {
        return effective_robustness(line, points[i].source.value, transfer, points[i].source.n);
      };
      const Interval& t = points[i].transfer;
      lab.record({"",
                  "test",
                  points[i].model,
                  "linear-probe",
                  "transfer_lead",
                  {{"reference", reference}, {"summary", "mean"}}},
                 {lead(t.value), lead(t.low), lead(t.high), t.n});
    }
  }
};

CLIPLAB_REGISTER_EXPERIMENT(TaskShift, "task_shift", "section 3.2, Figure 12",
                            "At the same score on ImageNet, do CLIP's features transfer better than others?");

}  // namespace
}  // namespace cliplab
