// AdamW, update rule of torch.optim.AdamW (the oracle of its test).
#include "train/optimizer.hpp"

#include <ATen/Parallel.h>

#include <cmath>
#include <numbers>

#include "kernels/adamw.hpp"
#include "model/family.hpp"

namespace cliplab {

using torch::Tensor;

AdamWOptions adamw_options(const std::string& family, double weight_decay) {
  const AdamWMoments moments = find_family(family).adamw_moments();
  return {moments.beta1, moments.beta2, moments.eps, weight_decay};
}

namespace {

/// One update of n values of a parameter.
template <class T>
void update(T* w, const T* g, T* m, T* v, std::int64_t n, std::int64_t step, double learning_rate, bool decayed,
            const AdamWOptions& o) {
  const AdamWStep values{o.beta1,
                         o.beta2,
                         o.eps,
                         learning_rate / (1 - std::pow(o.beta1, step)),
                         1 / std::sqrt(1 - std::pow(o.beta2, step)),
                         decayed ? 1 - learning_rate * o.weight_decay : 1.0};
  at::parallel_for(0, n, 1 << 15, [=](std::int64_t begin, std::int64_t end) {
    adamw_cpu(w + begin, g + begin, m + begin, v + begin, end - begin, values);
  });
}

bool is_decayed(const Tensor& parameter) { return parameter.dim() >= 2; }

}  // namespace

AdamW::AdamW(std::map<std::string, Tensor> parameters, const AdamWOptions& options)
    : parameters_(std::move(parameters)), options_(options) {
  for (const auto& [name, value] : parameters_) {
    TORCH_INTERNAL_ASSERT(value.is_non_overlapping_and_dense());
    first_[name] = torch::zeros_like(value);
    second_[name] = torch::zeros_like(value);
  }
}

void AdamW::step(std::int64_t step, double learning_rate) {
  const torch::NoGradGuard no_grad;
  for (auto& [name, parameter] : parameters_) {
    Tensor& gradient = parameter.mutable_grad();
    if (!gradient.defined()) continue;
    // Element-wise, so any dense layout will do as long as the gradient has the same one.
    if (gradient.strides() != parameter.strides()) gradient = torch::empty_like(parameter).copy_(gradient);
  }
  if (options_.fused || (!parameters_.empty() && parameters_.begin()->second.is_cuda())) {
    step_fused(step, learning_rate);
  } else {
    for (auto& [name, parameter] : parameters_) {
      const Tensor& gradient = parameter.grad();
      if (!gradient.defined()) continue;
      const auto run = [&]<class T>(T* w) {
        update(w, gradient.const_data_ptr<T>(), first_[name].data_ptr<T>(), second_[name].data_ptr<T>(),
               parameter.numel(), step, learning_rate, is_decayed(parameter), options_);
      };
      if (parameter.scalar_type() == torch::kFloat64) {
        run(parameter.data_ptr<double>());
      } else {
        run(parameter.data_ptr<float>());
      }
    }
  }
  clear();
}

void AdamW::clear() {
  for (auto& [name, parameter] : parameters_) parameter.mutable_grad().reset();
}

void AdamW::step_fused(std::int64_t step, double learning_rate) {
  for (const bool decayed : {true, false}) {
    std::vector<Tensor> weights, gradients, first, second, steps;
    for (auto& [name, parameter] : parameters_) {
      if (is_decayed(parameter) != decayed || !parameter.grad().defined()) continue;
      weights.push_back(parameter), gradients.push_back(parameter.grad()), first.push_back(first_[name]),
          second.push_back(second_[name]);
    }
    if (weights.empty()) continue;
    steps.assign(weights.size(), torch::full({}, static_cast<double>(step),
                                             weights[0].options().dtype(torch::kFloat32).requires_grad(false)));
    at::_fused_adamw_(weights, gradients, first, second, {}, steps, learning_rate, options_.beta1, options_.beta2,
                      decayed ? options_.weight_decay : 0.0, options_.eps, /*amsgrad=*/false, /*maximize=*/false);
  }
}

double scheduled_rate(std::int64_t step, std::int64_t total, std::int64_t warmup, double peak) {
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double done =
      static_cast<double>(step - warmup) / static_cast<double>(std::max<std::int64_t>(1, total - warmup));
  return 0.5 * peak * (1 + std::cos(std::numbers::pi * done));
}

}  // namespace cliplab
