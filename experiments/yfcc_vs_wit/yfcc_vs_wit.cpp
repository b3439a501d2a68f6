// Two models that differ in their training data, on the same data sets (paper appendix D, Table 12): which data gives
// more, and where? The models are the run's: one architecture on two corpora (train.corpus), or two files, and then it
// is the user's to see to that they differ in nothing else.
#include <array>
#include <map>

#include "base/error.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

class YfccVsWit : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("yfcc_vs_wit.datasets", {}, Role::kTrainAndTest, "data sets with a train and a test split",
                     {.fallback = "eval.datasets"});
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
    std::map<std::string, Comparison> comparisons;  // by method
    lab.for_each(lab.sets("yfcc_vs_wit.datasets"), [&](const std::string& name) {
      record_floors(lab, name);
      std::map<std::string, std::array<Interval, 3>> own;  // both scores and their difference
      for (const std::string method : kMethods) {
        Outcome outcomes[2];
        Interval scores[2];
        for (int m : {0, 1}) {
          outcomes[m] = method == "zero-shot" ? lab.zero_shot(*models[m], name) : lab.probe(*models[m], name);
          scores[m] = record_scores(lab, {name, "test", names[m], method, ""}, outcomes[m]);
        }
        const std::string metric = lab.own_metric(name, outcomes[0]).first;
        const Interval gain = paired_gain(metric, outcomes[0], scores[0], outcomes[1], scores[1]);
        lab.record({name, "test", names[0], method, "delta", {{"score", metric}, {"over", names[1]}}}, gain);
        own[method] = {scores[0], scores[1], gain};
      }
      for (const auto& [method, values] : own) comparisons[method].add(values);
    });
    for (const std::string method : kMethods) {
      const Comparison& all = comparisons[method];
      for (int m : {0, 1}) {
        const auto count = static_cast<double>(all.wins[m]);
        lab.record({"", "test", names[m], method, "mean", {{"summary", "mean"}}}, mean_of(all.scores[m]));
        lab.record({"", "test", names[m], method, "wins"}, {count, count, count, std::ssize(all.gains)});
      }
      lab.record({"", "test", names[0], method, "delta", {{"summary", "mean"}, {"over", names[1]}}},
                 mean_of(all.gains));
    }
  }

 private:
  static constexpr const char* kMethods[] = {"zero-shot", "linear-probe"};

  /// One method's scores over the data sets.
  struct Comparison {
    std::vector<Interval> scores[2], gains;
    std::int64_t wins[2] = {0, 0};
    void add(const std::array<Interval, 3>& values) {
      for (int m : {0, 1}) scores[m].push_back(values[m]);
      gains.push_back(values[2]);
      wins[0] += values[2].value > 0, wins[1] += values[2].value < 0;
    }
  };
};

CLIPLAB_REGISTER_EXPERIMENT(YfccVsWit, "yfcc_vs_wit", "appendix D, Table 12",
                            "Of two sets of training data, which gives more, and on which tasks?");

}  // namespace
}  // namespace cliplab
