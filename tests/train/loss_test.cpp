// The contrastive loss against its definition in double precision, values and gradients.
#include "train/loss.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace cliplab {
namespace {

TEST(ContrastiveLoss, EqualsTheDefinitionAndItsClosedFormGradient) {
  torch::manual_seed(2);
  const auto options = torch::TensorOptions(torch::kFloat64).requires_grad(true);
  torch::Tensor I = torch::randn({12, 8}, options), T = torch::randn({12, 8}, options);
  torch::Tensor scale = torch::tensor(std::log(1 / 0.07), options);
  const torch::Tensor loss = contrastive_loss(I, T, scale);
  loss.backward();

  // By hand: rows and columns of softmax(s I T^T), averaged.
  const torch::Tensor i = I.detach() / I.detach().norm(2, 1, true), t = T.detach() / T.detach().norm(2, 1, true);
  const torch::Tensor logits = std::exp(scale.item<double>()) * i.matmul(t.t());
  double expected = 0;
  for (int k = 0; k < 12; ++k) {
    const double own = logits[k][k].item<double>();
    expected += 0.5 / 12 * (logits[k].logsumexp(0).item<double>() - own + logits.select(1, k).logsumexp(0).item<double>() - own);
  }
  EXPECT_NEAR(loss.item<double>(), expected, 1e-12);
  // d loss / d ln s = sum(G * logits), G = (P + Q)/(2B) - 1/B on the diagonal.
  const torch::Tensor G = (torch::softmax(logits, 1) + torch::softmax(logits, 0)) / 24 - torch::eye(12, torch::kFloat64) / 12;
  EXPECT_NEAR(scale.grad().item<double>(), (G * logits).sum().item<double>(), 1e-12);
  EXPECT_GT(std::abs(loss.item<double>() * 1.01 - expected), 1e-4);
}

TEST(ContrastiveLoss, ScaleStaysBetweenOneAndAHundred) {
  torch::Tensor scale = torch::tensor(9.0f);
  clamp_logit_scale(scale);
  EXPECT_FLOAT_EQ(scale.exp().item<float>(), 100.0f);
  scale.fill_(-3);
  clamp_logit_scale(scale);
  EXPECT_FLOAT_EQ(scale.exp().item<float>(), 1.0f);
}

}  // namespace
}  // namespace cliplab
