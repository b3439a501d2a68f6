// AdamW, update rule of torch.optim.AdamW (the oracle of its test).
#include "train/optimizer.hpp"

#include <ATen/Parallel.h>

#include <cmath>
#include <numbers>

namespace cliplab {

using torch::Tensor;

// Moments of rarely used embedding rows decay towards denormal numbers, which cost a hundred times a normal one: after
// some 700 steps the update of 49,408 rows was two thirds of a step. Far below what changes a float32 weight.
constexpr float kNothing = 1e-30f;

AdamWOptions adamw_options(const std::string& family, double weight_decay) {
  AdamWOptions options;
  if (family == "resnet") options.beta2 = 0.999, options.eps = 1e-8;
  options.weight_decay = weight_decay;
  return options;
}

AdamW::AdamW(std::map<std::string, Tensor> parameters, const AdamWOptions& options)
    : parameters_(std::move(parameters)), options_(options) {
  for (const auto& [name, value] : parameters_) {
    TORCH_INTERNAL_ASSERT(value.scalar_type() == torch::kFloat32 && value.is_non_overlapping_and_dense());
    first_[name] = torch::zeros_like(value);
    second_[name] = torch::zeros_like(value);
  }
}

void AdamW::step(std::int64_t step, double learning_rate) {
  const torch::NoGradGuard no_grad;
  const float beta1 = static_cast<float>(options_.beta1), beta2 = static_cast<float>(options_.beta2);
  const double correction1 = 1 - std::pow(options_.beta1, step), correction2 = 1 - std::pow(options_.beta2, step);
  const float rate = static_cast<float>(learning_rate / correction1), eps = static_cast<float>(options_.eps);
  const float root = static_cast<float>(1.0 / std::sqrt(correction2));
  for (auto& [name, parameter] : parameters_) {
    if (!parameter.grad().defined()) continue;
    // Element-wise, so any dense layout will do as long as the gradient has the same one.
    Tensor gradient = parameter.grad();
    if (gradient.strides() != parameter.strides()) gradient = torch::empty_like(parameter).copy_(gradient);
    const float keep = parameter.dim() >= 2 ? static_cast<float>(1 - learning_rate * options_.weight_decay) : 1.0f;
    float *w = parameter.data_ptr<float>(), *m = first_[name].data_ptr<float>(), *v = second_[name].data_ptr<float>();
    const float* g = gradient.data_ptr<float>();
    at::parallel_for(0, parameter.numel(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const float first = beta1 * m[i] + (1 - beta1) * g[i], second = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
        m[i] = std::abs(first) < kNothing ? 0.0f : first;
        v[i] = second < kNothing ? 0.0f : second;
        w[i] = keep * w[i] - rate * m[i] / (std::sqrt(v[i]) * root + eps);
      }
    });
    parameter.mutable_grad().reset();
  }
}

double scheduled_rate(std::int64_t step, std::int64_t total, std::int64_t warmup, double peak) {
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double done = static_cast<double>(step - warmup) / static_cast<double>(std::max<std::int64_t>(1, total - warmup));
  return 0.5 * peak * (1 + std::cos(std::numbers::pi * done));
}

}  // namespace cliplab
