// Name only, one template, ensemble in embedding space (paper 3.1.4, Figure 4).
#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "run/experiment.hpp"

namespace cliplab {
namespace {

class PromptEngineering : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_list("prompt_engineering.extra_datasets", {}, "data sets besides eval.datasets");
  }

  void run(Context& context) const override {
    auto datasets = context.options().list("eval.datasets");
    const auto& extra = context.options().list("prompt_engineering.extra_datasets");
    datasets.insert(datasets.end(), extra.begin(), extra.end());
    for (const std::string& name : datasets) context.need_one_label(name);
    for (const std::string& name : context.options().list("eval.datasets")) {
      context.record({name, "test", "majority-class", "floor", "top1", ""}, context.majority(name));
      context.record({name, "test", "raw-pixels", "linear-probe", "top1", ""}, top_k(context.raw_pixel_probe(name).ranks, 1));
    }
    for (const auto& model : context.models())
      for (const char* variant : {"name-only", "one-template", "ensemble"}) measure(context, *model, datasets, variant);
  }

 private:
  /// The prompts file's templates: "{}" alone is the name; the first that says more is the one template.
  static std::vector<std::string> templates_of(Context& context, const std::string& name, const std::string& variant) {
    if (variant == "name-only") return {"{}"};
    const auto all = load_prompts(context.dataset(name, "test"), name).templates;
    if (variant == "ensemble") return all;
    const auto one = std::find_if(all.begin(), all.end(), [](const std::string& t) { return t != "{}"; });
    if (one == all.end()) fail("data/prompts/" + name + ".json", "no template with words", "at least one");
    return {*one};
  }

  /// The data set's own metric, and top-1 where that is another; their means over the data sets.
  static void measure(Context& context, ClipModel& model, const std::vector<std::string>& datasets, const std::string& variant) {
    std::map<std::string, double> sums;  // "score": each by its own metric
    std::int64_t n = 0;
    bool all_top1 = true;
    for (const std::string& name : datasets) {
      const Outcome outcome = context.zero_shot(model, name, templates_of(context, name, variant));
      const auto [own, score] = context.own_metric(name, outcome);
      const Interval top1 = top_k(outcome.ranks, 1);
      context.record({name, "test", model.info().name, "zero-shot", "top1", variant}, top1);
      if (own != "top1") context.record({name, "test", model.info().name, "zero-shot", own, variant}, score), all_top1 = false;
      if (outcome.classifier.weight.rows() > 100)
        context.record({name, "test", model.info().name, "zero-shot", "top5", variant}, top_k(outcome.ranks, 5));
      sums["top1"] += top1.value, sums["score"] += score.value, n += top1.n;
    }
    for (const auto& [metric, sum] : sums)
      if (const double mean = sum / static_cast<double>(datasets.size()); metric == "top1" || !all_top1)
        context.record({"mean", "test", model.info().name, "zero-shot", metric, variant}, {mean, mean, mean, n});
  }
};

CLIPLAB_REGISTER_EXPERIMENT(PromptEngineering, "prompt_engineering", "section 3.1.4, Figure 4",
                            "What do a template and an ensemble of templates add to the bare class name?");

}  // namespace
}  // namespace cliplab
