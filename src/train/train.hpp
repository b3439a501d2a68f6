// The façade of pre-training on image-text pairs (paper 2.3-2.5): contrastive, or another objective of Figure 2.
// No torch here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cliplab {

class Comm;

/// The processes of this run: those that mpirun, srun or torchrun started, found by the environment; else this one
/// alone. One object a process; it goes before the process ends and after the last training.
class Ranks {
 public:
  /// Joins the others; ranks above 0 show no progress from then on. Throws InputError when this build cannot.
  Ranks();
  int rank() const;
  int size() const;
  /// Prints `reason` and ends all ranks; returns if there is only this one.
  void abort(const std::string& reason) const;
  std::shared_ptr<Comm> comm() const { return comm_; }

 private:
  std::shared_ptr<Comm> comm_;
};

struct TrainConfig {
  std::string architecture = "vit-s";
  std::string objective = "contrastive";  // one of objective_names()
  std::string corpus = "drawings";        // a set of pairs, or webdataset shards (SetRef)
  int streams = 1;                        // of shards: see src/train/shard_source.hpp
  std::uint64_t seed = 0;
  std::int64_t steps = 1000;
  std::int64_t batch = 256;     // pairs a step; all are each other's negatives
  double learning_rate = 5e-4;  // peak; linear warm-up, cosine to 0
  std::int64_t warmup_steps = 50;
  double weight_decay = 0.2;       // not on gains, biases and the temperature
  std::string precision = "bf16";  // activations; weights, optimiser and loss are fp32. "fp16" scales the loss
  std::string augment =
      "crop";               // "crop": random square crop, the paper's; "photos", "drawings": see src/train/augment.hpp
  double word_dropout = 0;  // share of the captions' tokens that a step leaves out; 0, the paper's: none
  std::int64_t micro_batch = 0;  // pairs a rank that go through the towers at a time, all negatives kept; 0: all
  bool recompute = false;        // gradient checkpointing: blocks are computed again in backward; the same bits
  int snapshots = 0;             // models kept on the way: after 1/2, 1/4, 1/8 ... of the steps
  std::string init, init_id;     // a CLIP file to start from, and its SHA-256; empty: random weights
  std::int64_t checkpoint_seconds = 60;

  /// All that decides the weights, as text; what does not (recompute, checkpoint_seconds) is left out. A cache key with
  /// the corpus id.
  std::string key() const;
};

/// The peak rate of one of the paper's nine models. Throws InputError for another.
double paper_learning_rate(const std::string& architecture);

/// The folder of this training: <models>/<architecture>-<12 digits of the key's hash>. Reads the corpus' manifest only.
std::filesystem::path training_folder(const TrainConfig& config, const std::filesystem::path& models);

/// model.safetensors of the finished training in training_folder(); empty when it is not finished, or a snapshot of it
/// is missing.
std::filesystem::path trained_model(const TrainConfig& config, const std::filesystem::path& models);

/// The snapshots of this training, the earliest first: each a model as model.safetensors is one.
std::vector<std::filesystem::path> snapshot_files(const TrainConfig& config, const std::filesystem::path& models);

/// What is measured of the model while it is trained: rank 0 alone does, the others wait. It changes no weight and no
/// key.
struct TrainWatch {
  int times = 0;  // spread evenly over the steps, the last one among them
  std::vector<std::string> names;
  /// The model as it is then -> a value each, NaN where there is none. May throw Interrupted: it is asked again after a
  /// restart.
  std::function<std::vector<double>(const std::filesystem::path& model)> measure;
};

/// Trains, or continues from the last checkpoint to the same bits, or returns at once if the model exists.
/// Files in the folder: model.safetensors (finished), checkpoint.safetensors (until then), train.h5 (curve, record),
/// events.out.tfevents.* (the curve for TensorBoard). Both curves hold what was watched: "watched" in train.h5.
/// On SIGINT or SIGTERM: writes a checkpoint and throws Interrupted. Throws InputError when the loss is not finite
/// (step and pairs named; the checkpoint is kept), the disk is full, or the checkpoint is damaged.
/// All `ranks` call it together. Each takes its part of every batch, rank 0 alone reads and writes the folder; a signal
/// to one stops all at the same step, and an error of one ends all. A checkpoint may be resumed by any number of ranks.
std::filesystem::path train_clip(const TrainConfig& config, const std::filesystem::path& models, const Ranks& ranks,
                                 const TrainWatch& watch = {});

}  // namespace cliplab
