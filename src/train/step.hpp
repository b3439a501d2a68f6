// The gradients of one optimiser step, over the ranks and in micro-batches: equal to those of one process with the
// batch.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "model/towers/modules.hpp"
#include "train/comm/comm.hpp"
#include "train/comm/reducer.hpp"
#include "train/objectives/objective.hpp"

namespace cliplab {

/// This rank's pairs of the batch.
struct LocalPairs {
  std::vector<std::vector<std::int32_t>> tokens;  // [b][T_i] ids with start and end, not padded
  std::function<torch::Tensor(std::int64_t begin, std::int64_t count)> pixels;  // -> [count, 3, R, R] normalised
};

struct StepResult {
  double loss = 0;           // of the whole batch, on every rank
  double gradient_norm = 0;  // of all parameters; not finite where a gradient is not
};

class GradientStep {
 public:
  /// `micro_batch` pairs a rank go through the towers at a time; 0: all.
  GradientStep(Clip model, std::shared_ptr<Comm> comm, std::int64_t micro_batch);

  /// The gradients of the whole batch are then in the parameters, on every rank. On the way there they are `loss_scale`
  /// times as large.
  StepResult run(const LocalPairs& pairs, double loss_scale = 1);

  /// The loss alone, of this rank's pairs among themselves.
  double evaluate(const LocalPairs& pairs);

 private:
  /// `pairs` must outlive it.
  StepInput input(const LocalPairs& pairs);
  torch::Tensor encode_image(const LocalPairs& pairs, std::int64_t begin, std::int64_t count);
  torch::Tensor encode_text(const LocalPairs& pairs, std::int64_t begin, std::int64_t count);
  double unscale_and_measure(double loss_scale);
  void average_statistics();

  Clip model_;
  std::shared_ptr<Comm> comm_;
  std::int64_t micro_batch_;
  const Objective& objective_;
  GradientReducer reducer_;
};

}  // namespace cliplab
