// Contrastive loss with plain autograd; the B x B logits are kept, which is right up to a few thousand pairs a step.
#include "train/loss.hpp"

#include <cmath>

namespace cliplab {

using torch::Tensor;

Tensor contrastive_loss(const Tensor& image, const Tensor& text, const Tensor& logit_scale) {
  const Tensor I = image / image.norm(2, 1, true), T = text / text.norm(2, 1, true);
  const Tensor logits = logit_scale.exp() * I.matmul(T.t());  // [B, B]
  const Tensor labels = torch::arange(image.size(0), torch::TensorOptions(torch::kInt64).device(image.device()));
  return 0.5 * (at::cross_entropy_loss(logits, labels) + at::cross_entropy_loss(logits.t(), labels));
}

void clamp_logit_scale(Tensor& logit_scale) {
  const torch::NoGradGuard no_grad;
  logit_scale.clamp_(0, std::log(100.0));
}

}  // namespace cliplab
