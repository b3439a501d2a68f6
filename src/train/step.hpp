// The gradients of one optimiser step, over the ranks and in micro-batches: equal to those of one process with the batch.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "model/modules.hpp"
#include "train/comm.hpp"
#include "train/reducer.hpp"

namespace cliplab {

/// This rank's pairs of the batch.
struct LocalPairs {
  std::vector<std::vector<std::int32_t>> tokens;                        // [b][T_i] ids with start and end, not padded
  std::function<torch::Tensor(std::int64_t begin, std::int64_t count)> pixels;  // -> [count, 3, R, R] normalised
};

class GradientStep {
 public:
  /// `micro_batch` pairs a rank go through the towers at a time; 0: all.
  GradientStep(Clip model, std::shared_ptr<Comm> comm, std::int64_t micro_batch);

  /// -> the loss of the whole batch, on every rank; its gradients are then in the parameters, on every rank.
  double run(const LocalPairs& pairs);

  /// The loss alone, of this rank's pairs among themselves.
  double evaluate(const LocalPairs& pairs);

 private:
  torch::Tensor encode_image(const LocalPairs& pairs, std::int64_t begin, std::int64_t count);
  torch::Tensor encode_text(const LocalPairs& pairs, std::int64_t begin, std::int64_t count);
  torch::Tensor accumulate(const LocalPairs& pairs);
  void average_statistics();

  Clip model_;
  std::shared_ptr<Comm> comm_;
  std::int64_t micro_batch_;
  GradientReducer reducer_;
};

}  // namespace cliplab
