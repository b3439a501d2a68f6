// The contrastive loss against its definition in double precision, values and gradients.
#include "train/objectives/loss.hpp"

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
    expected += 0.5 / 12 *
                (logits[k].logsumexp(0).item<double>() - own + logits.select(1, k).logsumexp(0).item<double>() - own);
  }
  EXPECT_NEAR(loss.item<double>(), expected, 1e-12);
  // d loss / d ln s = sum(G * logits), G = (P + Q)/(2B) - 1/B on the diagonal.
  const torch::Tensor G =
      (torch::softmax(logits, 1) + torch::softmax(logits, 0)) / 24 - torch::eye(12, torch::kFloat64) / 12;
  EXPECT_NEAR(scale.grad().item<double>(), (G * logits).sum().item<double>(), 1e-12);
  EXPECT_GT(std::abs(loss.item<double>() * 1.01 - expected), 1e-4);
}

struct Gradients {
  double loss;
  torch::Tensor image, text, scale;
};

template <class Loss>
Gradients gradients_of(const torch::Tensor& image, const torch::Tensor& text, double scale, Loss loss) {
  torch::Tensor i = image.clone().requires_grad_(), t = text.clone().requires_grad_();
  torch::Tensor s = torch::tensor(std::log(scale), torch::TensorOptions(image.scalar_type()).requires_grad(true));
  const torch::Tensor value = loss(i, t, s);
  (2 * value).backward();  // what comes from above counts
  return {value.template item<double>(), i.grad(), t.grad(), s.grad()};
}

double distance(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

/// Pairs whose image and text agree, so that the gradient is not only that of noise. [B, 24]
std::pair<torch::Tensor, torch::Tensor> pairs(std::int64_t B, torch::ScalarType type) {
  torch::manual_seed(4);
  const torch::Tensor image = torch::randn({B, 24}, type);
  return {image, 0.6 * image + torch::randn({B, 24}, type)};
}

// 1,100 and 2,500 pairs: several tiles each way, the last ones not full. 100 is the largest scale; rows of z then span
// more than exp can in float32.
class Blockwise : public ::testing::TestWithParam<std::tuple<std::int64_t, double>> {};

TEST_P(Blockwise, EqualsThePlainLossInEveryGradient) {
  const auto [B, scale] = GetParam();
  const auto comm = single_comm();
  const auto blockwise = [&](auto&... x) { return blockwise_contrastive_loss(x..., *comm); };
  const auto [image, text] = pairs(B, torch::kFloat64);
  const Gradients plain = gradients_of(image, text, scale, contrastive_loss),
                  ours = gradients_of(image, text, scale, blockwise);
  // Sums of up to 2,500 terms in another order, in float64: sqrt(2500) * 2^-53 times a scale of 100 inside exp.
  EXPECT_NEAR(ours.loss, plain.loss, 1e-12 * plain.loss + 1e-13);
  EXPECT_LT(distance(ours.image, plain.image), 1e-12);
  EXPECT_LT(distance(ours.text, plain.text), 1e-12);
  EXPECT_LT(distance(ours.scale, plain.scale), 1e-11);  // a difference of sums as large as the logits
  EXPECT_GT(distance(1.01 * ours.image, plain.image), 1e-3);
  EXPECT_GT(distance(ours.image, gradients_of(image, text, 1.01 * scale, contrastive_loss).image), 1e-5);

  const Gradients rough = gradients_of(image.to(torch::kFloat32), text.to(torch::kFloat32), scale, blockwise);
  // z carries scale * 2^-24 of error into exp: 100 * 6e-8 * a few.
  EXPECT_LT(distance(rough.image, plain.image), 2e-5);
  EXPECT_LT(distance(rough.text, plain.text), 2e-5);
  EXPECT_NEAR(rough.loss, plain.loss, 2e-5);
}

INSTANTIATE_TEST_SUITE_P(SizesAndScales, Blockwise,
                         ::testing::Combine(::testing::Values(3, 1100, 2500), ::testing::Values(1.0, 14.3, 100.0)));

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
