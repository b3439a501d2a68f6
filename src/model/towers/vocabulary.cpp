// The softmax over a vocabulary of which one entry a row is asked for. Kept whole, a batch of 256 captions has 0.6 GB
// of logits, several times over in backward; here a tile is used while it is in the cache.
#include "model/towers/layers.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

constexpr std::int64_t kTileRows = 128;  // 25 MB of fp32 logits over CLIP's vocabulary

/// With z = x W^T, lse its log-sum-exp and y = z_target - lse: dy/dz = onehot - softmax.
struct LogProbability : torch::autograd::Function<LogProbability> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& targets) {
    const Tensor w = as_type_of(weight, x);
    std::vector<Tensor> sums, chosen;
    for (std::int64_t begin = 0; begin < x.size(0); begin += kTileRows) {
      const std::int64_t n = std::min(kTileRows, x.size(0) - begin);
      const Tensor z = logits(x.narrow(0, begin, n), w);
      sums.push_back(at::logsumexp(z, 1)),
          chosen.push_back(z.gather(1, targets.narrow(0, begin, n).unsqueeze(1)).squeeze(1));
    }
    const Tensor lse = torch::cat(sums);
    context->save_for_backward({x, weight, targets, lse});
    return torch::cat(chosen) - lse;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &targets = saved[2], &lse = saved[3], w = as_type_of(saved[1], x);
    Tensor dx = torch::empty_like(x), dw = torch::zeros_like(saved[1]);
    for (std::int64_t begin = 0; begin < x.size(0); begin += kTileRows) {
      const std::int64_t n = std::min(kTileRows, x.size(0) - begin);
      const Tensor part = x.narrow(0, begin, n), g = gradients[0].narrow(0, begin, n).unsqueeze(1);
      Tensor dz = logits(part, w).sub_(lse.narrow(0, begin, n).unsqueeze(1)).exp_().mul_(-g);
      dz.scatter_add_(1, targets.narrow(0, begin, n).unsqueeze(1), g.contiguous());
      dz = as_type_of(dz, x);
      dx.narrow(0, begin, n).copy_(apply_linear(dz, w.t()));  // [n,V] [V,K]
      dw.add_(apply_linear(dz.t(), part.t()));                // [V,n] [n,K]
    }
    return {dx, dw, {}};
  }

 private:
  static Tensor logits(const Tensor& x, const Tensor& w) {
    const Tensor z = apply_linear(x, w);
    return z.scalar_type() == torch::kFloat64 ? z : z.to(torch::kFloat32);
  }
};

}  // namespace

Tensor log_probabilities_of(const Tensor& x, const Tensor& weight, const Tensor& targets) {
  return LogProbability::apply(x, weight, targets);
}

}  // namespace cliplab
