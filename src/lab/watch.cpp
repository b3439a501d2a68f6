#include "lab/watch.hpp"

#include <array>
#include <cmath>

#include "base/error.hpp"
#include "base/progress.hpp"
#include "lab/measured.hpp"
#include "lab/model_options.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

/// NaN, with a notice, where `measure` cannot do it.
template <class Measure>
double value_of(const std::string& name, const Measure& measure) {
  try {
    return measure();
  } catch (const InputError& error) {
    say("watch: no " + name + ": " + error.what());
    return std::nan("");
  }
}

}  // namespace

void declare_watch_options(Options& options) {
  options.add_sets("watch.zero_shot", {}, Role::kTest,
                   "data sets on which the model is classified zero-shot while it is trained, by the set's own metric",
                   {.when_training = true});
  options.add_sets(
      "watch.retrieval", {}, Role::kPairs,
      "captioned sets on which it retrieves while it is trained: recall at 1 both ways, among watch.limit pictures",
      {.split_keys = {"watch.split"}, .when_training = true});
  options.add_text("watch.split", "val", "which part of the captioned sets");
  options.add_integer("watch.times", 10, 1, 10000,
                      "measurements of a training, the last at its end; written to train.h5 and for TensorBoard");
  options.add_integer("watch.limit", 1000, 2, 100'000'000, "pictures of a set, at most");
}

TrainWatch train_watch(const Options& options, const fs::path& folder) {
  const auto &zero_shot = options.list("watch.zero_shot"), &retrieval = options.list("watch.retrieval");
  TrainWatch watch;
  watch.times = static_cast<int>(options.integer("watch.times"));
  for (const std::string& name : zero_shot) watch.names.push_back("zero-shot " + name);
  for (const std::string& name : retrieval)
    for (const char* way : {" image-to-text", " text-to-image"}) watch.names.push_back("recall1 " + name + way);
  watch.measure = [&options, folder](const fs::path& file) {
    Options limited = options;
    limited.parse_arguments(std::array{std::string("--limit"), std::to_string(options.integer("watch.limit"))});
    std::vector<std::unique_ptr<ClipModel>> models;
    models.push_back(open_clip_model(file, model_options(limited)));
    const Plan plan(limited);
    Lab lab(limited, plan, folder, Models(limited, std::move(models)));
    std::vector<double> values;
    for (const std::string& name : options.list("watch.zero_shot"))
      values.push_back(value_of("zero-shot " + name, [&] {
        return lab.own_metric(name, lab.zero_shot(*lab.models()[0], name)).second.value;
      }));
    for (const std::string& name : options.list("watch.retrieval")) {
      RetrievalRanks ranks;
      const double there = value_of("retrieval on " + name, [&] {
        ranks = caption_ranks(lab, name, options.text("watch.split"), 5, "")[0];
        return top_k(ranks.text_of_image, 1).value;
      });
      values.push_back(there), values.push_back(std::isnan(there) ? there : top_k(ranks.image_of_text, 1).value);
    }
    fs::remove_all(folder);
    return values;
  };
  return watch;
}

}  // namespace cliplab
