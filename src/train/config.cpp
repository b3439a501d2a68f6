// The identity of a training, and the folder that is named by it. The peak learning rates are those of Tables 19 and
// 20; the rest of the recipe (Table 18) is the same for all models or for a family.
#include "train/config.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "model/family.hpp"
#include "sets/set_ref.hpp"

namespace cliplab {

namespace fs = std::filesystem;

double paper_learning_rate(const std::string& architecture) {
  const Architecture& a = find_architecture(architecture);
  for (const NamedSize& size : find_family(a.family).named_sizes())
    if (size.architecture.name == a.name && size.paper_learning_rate > 0) return size.paper_learning_rate;
  fail("train.lr", "0 for " + architecture,
       "a rate, or one of the paper's nine models, whose rate Tables 19 and 20 have");
}

std::vector<std::int64_t> snapshot_steps(const TrainConfig& config) {
  std::vector<std::int64_t> steps;
  for (int i = config.snapshots; i > 0; --i)
    if (const std::int64_t step = config.steps >> i; step > 0) steps.push_back(step);
  return steps;
}

fs::path snapshot_file(const fs::path& folder, std::int64_t step) {
  return folder / fmt::format("model-{}.safetensors", step);
}

std::string TrainConfig::key() const {
  std::string parts = micro_batch > 0 ? fmt::format("micro_batch = {}\n", micro_batch) : "";
  if (word_dropout > 0) parts += fmt::format("word_dropout = {}\n", word_dropout);
  if (SetRef::parse(corpus).kind() == SetKind::kShards) parts += fmt::format("streams = {}\n", streams);
  if (!init.empty()) parts += "init = " + init_id + "\n";
  if (objective != "contrastive") parts += "objective = " + objective + "\n";
  if (snapshots > 0) parts += fmt::format("snapshots = {}\n", snapshots);
  return fmt::format(
             "architecture = {}\ncorpus = {}\nseed = {}\nsteps = {}\nbatch = {}\nlr = {}\nwarmup = {}\nweight_decay = "
             "{}\n"
             "precision = {}\naugment = {}\nrecipe = 3\n",
             architecture, corpus, seed, steps, batch, learning_rate, warmup_steps, weight_decay, precision, augment) +
         parts;
}

fs::path training_folder(const TrainConfig& config, const fs::path& models) {
  const Architecture& architecture = find_architecture(config.architecture);
  std::string name = architecture.name;
  std::replace(name.begin(), name.end(), '/', '-');
  return models / (name + "-" + sha256_hex(config.key() + SetRef::parse(config.corpus).id("train")).substr(0, 12));
}

fs::path trained_model(const TrainConfig& config, const fs::path& models) {
  const fs::path folder = training_folder(config, models), file = folder / "model.safetensors";
  for (const std::int64_t step : snapshot_steps(config))  // a damaged one was deleted: train again
    if (!fs::exists(snapshot_file(folder, step))) return {};
  return fs::exists(file) ? file : fs::path();
}

std::vector<fs::path> snapshot_files(const TrainConfig& config, const fs::path& models) {
  std::vector<fs::path> files;
  for (const std::int64_t step : snapshot_steps(config))
    files.push_back(snapshot_file(training_folder(config, models), step));
  return files;
}

}  // namespace cliplab
