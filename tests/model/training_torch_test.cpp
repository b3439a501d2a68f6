// Backward passes of the towers: those that LibTorch's libraries compute slowly take another way, with the same
// gradients.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "model/towers/modules.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

/// Medians of 9 interleaved rounds of two things, the first's seconds by the second's.
template <class A, class B>
double ratio_of_seconds(A a, B b) {
  std::vector<double> first, second;
  const auto time = [](auto& f, std::vector<double>& seconds) {
    const auto start = std::chrono::steady_clock::now();
    f();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  };
  a(), b();
  for (int round = 0; round < 9; ++round) time(a, first), time(b, second);
  std::nth_element(first.begin(), first.begin() + 4, first.end()),
      std::nth_element(second.begin(), second.begin() + 4, second.end());
  return first[4] / second[4];
}

TEST(Backward, OneTokenOfEachImageIsAsFastAsRows) {
  const auto options = torch::TensorOptions().requires_grad(true);
  const Tensor tokens = torch::randn({64, 5, 256}, options), rows = torch::randn({64, 256}, options),
               weight = torch::randn({96, 256}, options);
  const auto through = [&](const Tensor& x) { return [&weight, x] { apply_linear(x, weight).sum().backward(); }; };
  // The gradient of the tokens is five times as large and a tenth of a millisecond is noise; by oneDNN's reference it
  // were 100 and more.
  EXPECT_LT(ratio_of_seconds(through(tokens.select(1, 0)), through(rows)), 30);
}

class SmallMaps : public ::testing::Test {
 protected:
  static Clip tower() {
    torch::manual_seed(7);
    Clip model(find_architecture("rn-test"));
    const torch::NoGradGuard no_grad;  // zero gains would hide the blocks
    for (auto& item : model->named_parameters())
      if (item.key().ends_with("bn3.weight")) item.value().fill_(1);
    return model;
  }

  /// The gradients of an image tower whose second and third stage see maps of 4 x 4 and 2 x 2.
  static std::map<std::string, Tensor> gradients(Clip& model, const Tensor& pixels, torch::ScalarType type) {
    model->zero_grad();
    model->set_compute_type(type);
    const Tensor y = model->encode_image(pixels);
    (y / y.norm(2, 1, true)).square().mul(torch::linspace(0, 1, y.size(1))).sum().backward();
    std::map<std::string, Tensor> found;
    for (auto& item : model->named_parameters())
      if (item.value().grad().defined()) found[item.key()] = item.value().grad().clone();
    return found;
  }
};

TEST_F(SmallMaps, Bf16GradientsEqualFloat32) {
  Clip model = tower();
  const Tensor pixels = torch::randn({64, 3, 32, 32});
  const auto rough = gradients(model, pixels, torch::kBFloat16), exact = gradients(model, pixels, torch::kFloat32);
  for (const std::string name :
       {"visual.layer2.0.conv2.weight", "visual.layer3.0.conv2.weight", "visual.layer4.0.conv2.weight"}) {
    // Operands of 2^-8 through some thirty layers there and back, and ReLUs that change side: a few per cent of the
    // direction. A gradient of another kernel position or of other pictures has a cosine of 0.
    const double cosine = (rough.at(name) * exact.at(name)).sum().item<double>() /
                          (rough.at(name).norm() * exact.at(name).norm()).item<double>();
    EXPECT_GT(cosine, 0.9) << name;
    EXPECT_NEAR((rough.at(name).norm() / exact.at(name).norm()).item<double>(), 1, 0.1) << name;
  }
}

TEST_F(SmallMaps, Bf16WeightGradientsComeFromFloat32sKernel) {
  // oneDNN's bf16 kernel rounds its result to bf16; beside other jobs it may be ten times slower
  // (tests/bench/compare_training.py --busy).
  Clip model = tower();
  const auto found = gradients(model, torch::randn({8, 3, 32, 32}), torch::kBFloat16);
  for (const std::string name :
       {"visual.layer3.0.conv2.weight", "visual.layer4.0.conv2.weight"}) {  // maps of 4 x 4 and 2 x 2
    const Tensor& gradient = found.at(name);
    const Tensor finer = gradient != gradient.to(torch::kBFloat16).to(torch::kFloat32);
    EXPECT_GT(finer.to(torch::kFloat64).mean().item<double>(), 0.9) << name;  // 1 - 2^-16 of float32 numbers
  }
}

}  // namespace
}  // namespace cliplab
