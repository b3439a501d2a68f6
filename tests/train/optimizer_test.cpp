// AdamW against torch.optim's own, the schedule, the paper's rates and the factor on the loss in fp16.
#include "train/optimizer.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "base/error.hpp"
#include "model/architecture.hpp"
#include "train/loss_scaler.hpp"
#include "train/train.hpp"

namespace cliplab {
namespace {

class AdamWTest : public ::testing::TestWithParam<bool> {};

TEST_P(AdamWTest, TwentyStepsEqualTorchOptim) {
  torch::manual_seed(1);
  torch::Tensor ours = torch::randn({37, 19}), theirs = ours.clone(), our_bias = torch::randn({19}),
                their_bias = our_bias.clone();
  for (auto* t : {&ours, &theirs, &our_bias, &their_bias}) t->set_requires_grad(true);
  AdamW optimizer({{"w", ours}, {"b", our_bias}}, {0.9, 0.98, 1e-6, 0.2, /*fused=*/GetParam()});
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<torch::Tensor>{theirs},
                      std::make_unique<torch::optim::AdamWOptions>(
                          torch::optim::AdamWOptions(1e-2).betas({0.9, 0.98}).eps(1e-6).weight_decay(0.2)));
  groups.emplace_back(std::vector<torch::Tensor>{their_bias},
                      std::make_unique<torch::optim::AdamWOptions>(
                          torch::optim::AdamWOptions(1e-2).betas({0.9, 0.98}).eps(1e-6).weight_decay(0.0)));
  torch::optim::AdamW oracle(groups);
  const torch::Tensor x = torch::randn({64, 37}), y = torch::randn({64, 19});
  const auto loss = [&](const torch::Tensor& w, const torch::Tensor& b) {
    return (x.matmul(w) + b - y).square().mean();
  };
  for (int step = 1; step <= 20; ++step) {
    loss(ours, our_bias).backward();
    optimizer.step(step, 1e-2);
    oracle.zero_grad();
    loss(theirs, their_bias).backward();
    oracle.step();
  }
  // A step rounds a weight of up to 4 twice (decay, change), on either side: the root of 80 roundings of 4 * 2^-24 or
  // less; what the change itself rounds is a hundredth of that.
  const double tolerance = std::sqrt(80.0) * 4 * 0x1p-24;
  EXPECT_LT((ours - theirs).abs().max().item<double>(), tolerance);
  EXPECT_LT((our_bias - their_bias).abs().max().item<double>(), tolerance);
  EXPECT_GT((ours - 1.01 * theirs).abs().max().item<double>(), 1e-3);  // the tolerance would notice one per cent
}

INSTANTIATE_TEST_SUITE_P(OwnAndFused, AdamWTest, ::testing::Bool());

TEST(Recipe, RatesAreThoseOfTables19And20) {
  EXPECT_EQ(paper_learning_rate("RN50x64"), 3.6e-4);
  EXPECT_EQ(paper_learning_rate("ViT-L/14@336"), 2e-5);
  EXPECT_THROW(paper_learning_rate("vit-s"), InputError);
  int named = 0;  // the paper's nine, with their own vocabulary and context
  for (const Architecture& a : architecture_table()) named += a.context_length == 77 && paper_learning_rate(a.name) > 0;
  EXPECT_EQ(named, 9);
}

TEST(LossScaler, HalvesOnOverflowAndDoublesAfterTwoThousandSteps) {
  LossScaler scaler = LossScaler::for_fp16();
  EXPECT_TRUE(scaler.in_use() && !LossScaler().in_use());
  scaler.update(false);
  EXPECT_EQ(scaler.scale, 32768);
  for (int i = 0; i < 1999; ++i) scaler.update(true);
  EXPECT_EQ(scaler.scale, 32768);
  scaler.update(true);
  EXPECT_EQ(scaler.scale, 65536);
  for (int i = 0; i < 1999; ++i) scaler.update(true);
  scaler.update(false);  // the count starts again
  for (int i = 0; i < 1999; ++i) scaler.update(true);
  EXPECT_EQ(scaler.scale, 32768);
}

TEST(Schedule, WarmsUpLinearlyAndEndsAtZero) {
  EXPECT_DOUBLE_EQ(scheduled_rate(0, 100, 10, 1.0), 0.1);
  EXPECT_DOUBLE_EQ(scheduled_rate(9, 100, 10, 1.0), 1.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(10, 100, 10, 1.0), 1.0);
  EXPECT_NEAR(scheduled_rate(55, 100, 10, 1.0), 0.5, 1e-12);
  EXPECT_NEAR(scheduled_rate(100, 100, 10, 1.0), 0.0, 1e-12);
}

}  // namespace
}  // namespace cliplab
