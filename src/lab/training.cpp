// Options to trainings, trainings to model files.
#include "lab/training.hpp"

#include <algorithm>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/progress.hpp"
#include "base/text.hpp"
#include "lab/provenance.hpp"
#include "lab/watch.hpp"
#include "model/encoder.hpp"
#include "store/results.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

/// The label that distinguishes the trainings of one run.
std::string label_of(const Options& options, const TrainConfig& config) {
  return config.architecture + (options.list("train.objective").size() > 1 ? " " + config.objective : "") +
         (options.list("train.corpus").size() > 1 ? " on " + config.corpus : "");
}

bool is_whole(const fs::path& file) {
  try {
    read_results(file);
    return true;
  } catch (const InputError&) {
    return false;
  }
}

/// The training's curve, with the provenance of this run, as a result file of its own; its provenance has `label`.
void keep_curve(const Options& options, const std::string& label, const fs::path& training, const fs::path& curve) {
  if (is_whole(curve)) return;
  if (fs::exists(curve)) say(curve.string() + ": damaged; it is made again");
  if (!is_whole(training)) {  // the model itself is whole; only a new training makes its curve again
    fs::remove(curve);
    return say(label + ": " + training.string() + (fs::exists(training) ? " is damaged" : " is missing") +
               "; the model is whole, and the results are without this training's curve; to make it again, delete " +
               training.parent_path().string() + " and run the same command");
  }
  Results results = read_results(training);
  for (const auto& [name, value] : provenance()) results.provenance.emplace(name, value);
  results.provenance["smoke"] = options.flag("smoke") ? "yes" : "no";
  results.provenance["label"] = label;
  write_results(curve, results);
}

void train_one(const Options& options, const TrainConfig& config, const fs::path& folder, const Ranks& ranks,
               std::vector<ModelFile>& files) {
  const fs::path root = project_root(), models = root / "results/models";
  const bool existed = !trained_model(config, models).empty();
  const TrainWatch watch = train_watch(options, models / ".watch" / folder.filename());
  const fs::path file = train_clip(config, models, ranks, watch);
  if (ranks.rank() > 0) return;
  const std::string label = label_of(options, config);
  if (existed)
    say(label + ": trained already (" + fs::relative(file, root).string() + ")" +
        (watch.names.empty() ? "" : "; nothing is watched: study its train.snapshots instead"));
  std::string file_name = "train_" + label + ".h5";
  std::replace(file_name.begin(), file_name.end(), '/', '-');
  std::replace(file_name.begin(), file_name.end(), ' ', '_');
  keep_curve(options, label, file.parent_path() / "train.h5", folder / file_name);
  for (const fs::path& snapshot : snapshot_files(config, models))
    files.push_back({snapshot, label + " " + snapshot.stem().string(), ""});
  files.push_back({file, label == config.architecture ? "" : label, ""});
}

}  // namespace

std::string resolved_precision(const std::string& wanted) {
  if (wanted != "auto") return wanted;
  return supports_bf16() ? "bf16" : "fp32";
}

TrainConfig train_config(const Options& options, const std::string& architecture, const std::string& objective,
                         const std::string& corpus) {
  TrainConfig config;
  config.architecture = architecture;
  config.objective = objective;
  config.corpus = corpus;
  config.init = options.text("train.init");
  config.streams = static_cast<int>(options.integer("train.streams"));
  config.seed = static_cast<std::uint64_t>(options.integer("seed"));
  config.steps = options.integer("train.steps");
  config.batch = options.integer("train.batch");
  config.learning_rate = options.real("train.lr") > 0 ? options.real("train.lr") : paper_learning_rate(architecture);
  config.warmup_steps = std::min(options.integer("train.warmup"), config.steps);
  config.weight_decay = options.real("train.weight_decay");
  config.word_dropout = options.real("train.word_dropout");
  config.precision = resolved_precision(options.text("train.precision"));
  config.augment = options.text("train.augment");
  config.micro_batch = options.integer("train.micro_batch");
  config.snapshots = static_cast<int>(options.integer("train.snapshots"));
  config.recompute = options.flag("train.recompute");
  config.checkpoint_seconds = options.integer("train.checkpoint_seconds");
  return config;
}

void declare_train_options(Options& options) {
  options.add_list("train.arch", {"vit-s"}, "architectures to train from scratch (./cliplab model list)");
  options.add_list(
      "train.objective", {"contrastive"},
      "what is trained, one model each: " +
          joined(objective_summaries(), ", ", [](const auto& o) { return o.first + " (" + o.second + ")"; }),
      objective_names());
  options.add_integer("train.snapshots", 0, 0, 20, "models kept and studied too: after 1/2, 1/4, 1/8 ... of the steps");
  options.add_sets(
      "train.corpus", {"drawings"}, Role::kTrainingPairs,
      "image-text pairs to train on, one model each: a set of ./cliplab data list; a part of one, by sources "
      "and size: \"drawings:noto+twemoji:3000\"; webdataset shards by path: a folder, or "
      "\"/data/cc3m-{00000..00331}.tar\"",
      {.when_training = true});
  options.add_integer(
      "train.streams", 1, 1, 4096,
      "of shards: how many are read side by side, a multiple of the processes; it decides which pairs make up a step");
  options.add_file("train.init",
                   "a CLIP checkpoint to start from instead of random weights; of another resolution its positions are "
                   "resized (ViT-L/14@336)",
                   {.when_training = true, .is_model = true});
  options.add_integer("train.steps", 1000, 1, 100'000'000, "optimiser steps");
  options.add_integer("train.batch", 256, 2, 65536, "pairs a step");
  options.add_integer(
      "train.micro_batch", 0, 0, 65536,
      "pairs a process that go through the towers at a time, to bound memory; all negatives are kept. 0: all");
  options.add_real("train.lr", 1e-3, 0, 1, "peak learning rate; 0: each model's own of the paper's Tables 19 and 20");
  options.add_integer("train.warmup", 50, 0, 1'000'000, "steps of linear warm-up");
  options.add_real(
      "train.word_dropout", 0, 0, 0.9,
      "share of the captions' tokens that each step leaves out, against learning few captions by heart; the paper: 0");
  options.add_real("train.weight_decay", 0.2, 0, 10, "decoupled weight decay of matrices");
  options.add_text("train.precision", "auto",
                   "type of activations; auto: bf16 where the processor multiplies it natively, else fp32",
                   {"auto", "fp32", "bf16", "fp16"});
  options.add_flag(
      "train.recompute", false,
      "gradient checkpointing: compute each block again in backward instead of keeping its insides; the same bits");
  options.add_text(
      "train.augment", "crop",
      "variation of training pictures: the paper's random crop, or a stronger set for thousands of photos or drawings",
      {"none", "crop", "photos", "drawings"});
  options.add_integer("train.checkpoint_seconds", 60, 1, 86400, "seconds between checkpoints");
}

void check_train_options(const Options& options) {
  if (options.list("train.arch").empty()) fail("train.arch", "an empty list", "an architecture, or model.files");
  if (options.list("train.corpus").empty()) fail("train.corpus", "an empty list", "a corpus, or model.files");
  for (const std::string& name : options.list("train.arch")) {
    find_architecture(name);
    // A rate of 0 stands for the paper's, which not every architecture has.
    train_config(options, name, "contrastive", options.list("train.corpus").at(0));
  }
}

std::vector<ModelFile> train_models(const Options& options, const std::string& init_id, const fs::path& folder,
                                    const Ranks& ranks) {
  std::vector<ModelFile> files;
  for (const std::string& architecture : options.list("train.arch"))
    for (const std::string& objective : options.list("train.objective"))
      for (const std::string& corpus : options.list("train.corpus")) {
        TrainConfig config = train_config(options, architecture, objective, corpus);
        config.init_id = init_id;
        train_one(options, config, folder, ranks, files);
      }
  return files;
}

}  // namespace cliplab
