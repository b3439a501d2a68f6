// Zero-shot against a linear probe, data set by data set (paper 3.1, Figures 5 and 8). Every table has the probe on
// raw pixels and the majority class as rows: a number without a floor says nothing.
#include <algorithm>
#include <map>

#include "eval/robustness.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

class ZeroShotVsProbe : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("zero_shot_vs_probe.datasets", {}, Role::kTrainAndTest, "data sets with a train and a test split",
                     {.fallback = "eval.datasets"});
    options.add_sets("zero_shot_vs_probe.extra_datasets", {}, Role::kTest,
                     "data sets without a train split: zero-shot only",
                     {.untrainable_of = "zero_shot_vs_probe.datasets"});
  }

  void run(Lab& lab) const override {
    std::map<std::string, std::vector<double>> zero_shot, probe;  // a model's scores, a data set each
    const std::vector<std::string> datasets = lab.sets("zero_shot_vs_probe.datasets");
    lab.for_each(datasets, [&](const std::string& name) {
      record_floors(lab, name);
      for (const auto& baseline : lab.baselines())
        record_probe(lab, name, baseline->info().name, lab.probe(*baseline, name));
      std::map<std::string, std::pair<double, double>> scores;
      for (const auto& model : lab.models()) {
        const std::string& encoder = model->info().name;
        scores[encoder] = {record_zero_shot(lab, *model, name).value,
                           record_probe(lab, name, encoder, lab.probe(*model, name)).value};
        if (!lab.measures("untrained")) continue;
        record_probe(lab, name, "untrained " + encoder, lab.probe(lab.untrained(*model), name),
                     {{"weights", "untrained"}});
      }
      for (const auto& [encoder, pair] : scores)
        zero_shot[encoder].push_back(pair.first), probe[encoder].push_back(pair.second);
    });
    std::vector<std::string> extra = lab.sets("zero_shot_vs_probe.extra_datasets");
    std::erase_if(extra, [&](const std::string& name) { return std::ranges::find(datasets, name) != datasets.end(); });
    lab.for_each(extra, [&](const std::string& name) {
      for (const auto& model : lab.models()) record_zero_shot(lab, *model, name);
    });
    for (const auto& model : lab.models())  // Fig 8: a point a data set
      if (const std::string& encoder = model->info().name; probe[encoder].size() >= 3)
        record_line_through(lab, {"", "test", encoder, "", "", {{"x", "linear-probe"}, {"y", "zero-shot"}}},
                            probe[encoder], zero_shot[encoder], "linear");
  }
};

CLIPLAB_REGISTER_EXPERIMENT(ZeroShotVsProbe, "zero_shot_vs_probe", "section 3.1.5, Figures 5 and 8",
                            "How close does zero-shot come to a supervised linear probe, on each data set?");

}  // namespace
}  // namespace cliplab
