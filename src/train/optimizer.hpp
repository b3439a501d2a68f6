// AdamW with decoupled weight decay on matrices only (paper Table 18; open_clip train setup: gains, biases and the
// temperature are not decayed), and the learning-rate schedule.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>

namespace cliplab {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.98, eps = 1e-6;
  double weight_decay = 0.2;
  bool fused = false;  // LibTorch's kernel for all parameters together, which GPUs take
};

/// Table 18's for a model family.
AdamWOptions adamw_options(const std::string& family, double weight_decay);

/// DEVIATION(2.5): moments are fp32 and so are the text tower's weights; the paper kept both in half precision, the
/// weights with stochastic rounding, to save memory.
class AdamW {
 public:
  /// Parameters by name, fp32 (fp64 in tests), dense in their own memory format.
  AdamW(std::map<std::string, torch::Tensor> parameters, const AdamWOptions& options);

  /// Update number `step` (from 1) with the present gradients, which it then clears. One pass over memory a
  /// parameter.
  void step(std::int64_t step, double learning_rate);
  /// Clears the gradients without an update.
  void clear();

  /// First and second moments by parameter name, for checkpoints.
  std::map<std::string, torch::Tensor>& first_moments() { return first_; }
  std::map<std::string, torch::Tensor>& second_moments() { return second_; }

 private:
  void step_fused(std::int64_t step, double learning_rate);

  std::map<std::string, torch::Tensor> parameters_, first_, second_;
  AdamWOptions options_;
};

/// Learning rate of `step` (from 0): linear warm-up, then cosine to 0 at `total`.
double scheduled_rate(std::int64_t step, std::int64_t total, std::int64_t warmup, double peak);

}  // namespace cliplab
