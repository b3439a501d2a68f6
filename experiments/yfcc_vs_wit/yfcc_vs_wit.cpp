// Two models that differ in their training data, on the same data sets (paper appendix D, Table 12): which data gives
// more, and where? The models are the run's: one architecture on two corpora (train.corpus), or two files, and then it
// is the user's to see to that they differ in nothing else.
#include "base/error.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

class YfccVsWit : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_list("yfcc_vs_wit.names", {},
                     "what the two models are called in the records, in their order; empty: their own names");
  }

  void run(Lab& lab) const override {
    const auto& models = lab.models();
    if (models.size() != 2)
      fail("yfcc_vs_wit", std::to_string(models.size()) + " models", "two, trained on the two data sets",
           "--model.files FILE,FILE or --train.corpus ONE,OTHER");
    auto names = lab.options().list("yfcc_vs_wit.names");
    if (names.empty()) names = {models[0]->info().name, models[1]->info().name};
    if (names.size() != 2) fail("yfcc_vs_wit.names", std::to_string(names.size()) + " names", "two, or none");
    const auto datasets = lab.options().list("eval.datasets");
    for (const std::string& name : datasets) record_floors(lab, name);
    for (const std::string method : {"zero-shot", "linear-probe"}) {
      std::vector<Interval> scores[2], gains;
      std::int64_t wins[2] = {0, 0};
      for (const std::string& name : datasets) {
        Outcome outcomes[2];
        for (int m : {0, 1}) {
          outcomes[m] = method == "zero-shot" ? lab.zero_shot(*models[m], name) : lab.probe(*models[m], name);
          scores[m].push_back(record_scores(lab, {name, "test", names[m], method, ""}, outcomes[m]));
        }
        const std::string metric = lab.own_metric(name, outcomes[0]).first;
        gains.push_back(paired_gain(metric, outcomes[0], scores[0].back(), outcomes[1], scores[1].back()));
        lab.record({name, "test", names[0], method, "delta", {{"score", metric}, {"over", names[1]}}}, gains.back());
        wins[0] += gains.back().value > 0, wins[1] += gains.back().value < 0;
      }
      for (int m : {0, 1}) {
        const auto count = static_cast<double>(wins[m]);
        lab.record({"", "test", names[m], method, "mean", {{"summary", "mean"}}}, mean_of(scores[m]));
        lab.record({"", "test", names[m], method, "wins"}, {count, count, count, std::ssize(datasets)});
      }
      lab.record({"", "test", names[0], method, "delta", {{"summary", "mean"}, {"over", names[1]}}}, mean_of(gains));
    }
  }
};

CLIPLAB_REGISTER_EXPERIMENT(YfccVsWit, "yfcc_vs_wit", "appendix D, Table 12",
                            "Of two sets of training data, which gives more, and on which tasks?");

}  // namespace
}  // namespace cliplab
