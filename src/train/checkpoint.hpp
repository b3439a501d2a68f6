// The state that a training needs to continue to the same bits, in one file that is whole or absent. Batches and
// learning rates are functions of the step, so there is no state of a random generator.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "train/comm/comm.hpp"
#include "train/loss_scaler.hpp"
#include "train/optimizer.hpp"

namespace cliplab {

struct TrainingState {
  std::map<std::string, torch::Tensor> model;  // views of its parameters and buffers
  AdamW* optimizer = nullptr;
  LossScaler scaler;
  std::int64_t step = 0, updates = 0;  // batches seen; those whose gradients were finite
  double seconds = 0;                  // of training, without interruptions
  double loss_sum = 0;                 // since the last row of the curve
  std::int64_t loss_count = 0;
  std::vector<double> curve;
  std::vector<std::string> watched_names;
  std::vector<double> watched;  // rows of the step and a value each
  std::vector<double> place;    // ShardSource::position() of all ranks; empty when a corpus is in memory

  /// `training`: lines "key = value" of all that decides the weights.
  void save(const std::filesystem::path& file, const std::string& training) const;
  /// A training from shards has `place` before (of any value). Throws InputError naming the file, and each key in which
  /// it is another training's.
  void load(const std::filesystem::path& file, const std::string& training);
  /// All ranks go on from what rank 0 has; the curve stays its own.
  void share(Comm& comm);
};

}  // namespace cliplab
