// Linear probes of every encoder, CLIP's and those trained on ImageNet (paper 3.2, Figures 10 and 11, Table 10).
// DEVIATION(3.2, Table 10): of the paper's 57 other models EfficientNet-Lite stands here, with pictures resized and
// cropped as CLIP's at each model's own size, not cropped from the slightly larger one of its authors.
#include "base/progress.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"
#include "sets/published.hpp"

namespace cliplab {
namespace {

/// An encoder's probes, in the order of the data sets.
struct Probes {
  std::string name;
  std::vector<Outcome> outcomes;
  std::vector<Interval> scores;
};

class Representation : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("representation.datasets", {}, Role::kTrainAndTest, "data sets with a train and a test split",
                     {.fallback = "eval.datasets"});
  }

  void run(Lab& lab) const override {
    const std::vector<ImageModel*> encoders = lab.encoders();
    std::vector<Probes> probes;
    for (const ImageModel* encoder : encoders) probes.push_back({encoder->info().name, {}, {}});
    const auto datasets = lab.for_each(lab.sets("representation.datasets"), [&](const std::string& name) {
      record_floors(lab, name);
      std::vector<Outcome> outcomes;
      std::vector<Interval> scores;
      for (ImageModel* encoder : encoders) {
        outcomes.push_back(lab.probe(*encoder, name));
        scores.push_back(record_probe(lab, name, encoder->info().name, outcomes.back()));
      }
      for (std::size_t e = 0; e < encoders.size(); ++e)
        probes[e].outcomes.push_back(std::move(outcomes[e])), probes[e].scores.push_back(scores[e]);
    });
    for (std::size_t e = 0; e < encoders.size(); ++e) {
      const ModelInfo& info = encoders[e]->info();
      lab.record({"", "", info.name, "cost", "gflops", {{"family", info.architecture.family}}},
                 {info.image_gflops, info.image_gflops, info.image_gflops, 1});
      for (const auto& [suite, places] : suites_of(datasets))
        lab.record({"", "test", info.name, "linear-probe", "mean", {{"summary", "mean"}, {"suite", suite}}},
                   mean_over(probes[e].scores, places));
    }
    const std::size_t num_models = lab.models().size();
    if (probes.size() == num_models)
      say("representation: no encoder to compare with; --model.baselines efficientnet-lite0");
    for (std::size_t m = 0; m < num_models; ++m)
      for (std::size_t b = num_models; b < probes.size(); ++b) compare(lab, datasets, probes[m], probes[b]);
  }

 private:
  static Interval mean_over(const std::vector<Interval>& scores, const std::vector<std::size_t>& places) {
    std::vector<Interval> chosen;
    for (const std::size_t place : places) chosen.push_back(scores[place]);
    return mean_of(chosen);
  }

  /// Figure 11: the differences, a data set each, how many are above zero, and their means.
  static void compare(Lab& lab, const std::vector<std::string>& datasets, const Probes& ours, const Probes& theirs) {
    std::vector<Interval> gains;
    std::int64_t wins = 0;
    for (std::size_t i = 0; i < datasets.size(); ++i) {
      const std::string metric = lab.own_metric(datasets[i], ours.outcomes[i]).first;
      gains.push_back(paired_gain(metric, ours.outcomes[i], ours.scores[i], theirs.outcomes[i], theirs.scores[i]));
      lab.record({datasets[i], "test", ours.name, "linear-probe", "gain", {{"score", metric}, {"over", theirs.name}}},
                 gains.back());
      wins += gains.back().value > 0;
    }
    const auto count = static_cast<double>(wins);
    lab.record({"", "test", ours.name, "linear-probe", "wins", {{"over", theirs.name}}},
               {count, count, count, std::ssize(gains)});
    for (const auto& [suite, places] : suites_of(datasets))
      lab.record({"",
                  "test",
                  ours.name,
                  "linear-probe",
                  "gain",
                  {{"summary", "mean"}, {"suite", suite}, {"over", theirs.name}}},
                 mean_over(gains, places));
  }
};

CLIPLAB_REGISTER_EXPERIMENT(Representation, "representation", "section 3.2, Figures 10 and 11, Table 10",
                            "Are CLIP's features better than those of encoders trained on ImageNet?");

}  // namespace
}  // namespace cliplab
