// Zero-shot against a linear probe, data set by data set (paper 3.1, Figures 5 and 8). Every table has the probe on
// raw pixels and the majority class as rows: a number without a floor says nothing.
#include "eval/robustness.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

class ZeroShotVsProbe : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_list("zero_shot_vs_probe.extra_datasets", {}, "data sets without a train split: zero-shot only");
  }

  void run(Lab& lab) const override {
    const auto datasets = lab.options().list("eval.datasets");
    for (const std::string& name : datasets) record_floors(lab, name);
    for (const auto& baseline : lab.baselines())
      for (const std::string& name : datasets)
        record_probe(lab, name, baseline->info().name, lab.probe(*baseline, name));
    for (const auto& model : lab.models()) {
      std::vector<double> zero_shot, probe;
      for (const std::string& name : datasets) {
        zero_shot.push_back(record_zero_shot(lab, *model, name).value);
        probe.push_back(record_probe(lab, name, model->info().name, lab.probe(*model, name)).value);
      }
      for (const std::string& name : lab.extra_datasets("zero_shot_vs_probe")) record_zero_shot(lab, *model, name);
      for (const std::string& name : datasets)
        record_probe(lab, name, "untrained " + model->info().name, lab.probe(lab.untrained(*model), name),
                     {{"weights", "untrained"}});
      if (datasets.size() >= 3)  // Fig 8: a point a data set
        record_line(lab, {"", "test", model->info().name, "", "", {{"x", "linear-probe"}, {"y", "zero-shot"}}},
                    fit_line(probe, zero_shot), "linear");
    }
  }
};

CLIPLAB_REGISTER_EXPERIMENT(ZeroShotVsProbe, "zero_shot_vs_probe", "section 3.1.5, Figures 5 and 8",
                            "How far does zero-shot come beside a supervised linear probe, on each data set?");

}  // namespace
}  // namespace cliplab
