// QuickGELU against the definition in double.
#include "kernels/quick_gelu.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace cliplab {
namespace {

double exact(float x) { return x / (1 + std::exp(-1.702 * x)); }

TEST(QuickGelu, IsTheDefinitionToAFewUlp) {
  std::vector<float> x;
  for (float v = -50; v <= 50; v += 0.001f) x.push_back(v);  // below, exp(-1.702 x) leaves float's range
  std::vector<float> y = x;
  quick_gelu_cpu(y.data(), y.data(), std::ssize(y));
  for (std::size_t i = 0; i < x.size(); ++i) {
    // 1.702f * x rounds: half an ulp of an exponent of up to 1.702 |x| moves exp by that much.
    const double tolerance = std::abs(exact(x[i])) * std::ldexp(4 + 1.702 * std::abs(x[i]), -23);
    ASSERT_NEAR(y[i], exact(x[i]), tolerance) << x[i];
    if (std::abs(x[i]) > 0.1 && std::abs(x[i]) < 20) {
      ASSERT_GT(std::abs(y[i] - 1.01 * exact(x[i])), tolerance) << "1 % off must be seen";
    }
  }
}

TEST(QuickGelu, OfBfloat16IsTheRoundedDefinitionForEveryValue) {
  std::vector<std::uint16_t> bits(1 << 16);
  std::iota(bits.begin(), bits.end(), 0);
  const auto value = [](std::uint16_t b) { return std::bit_cast<float>(std::uint32_t{b} << 16); };
  std::vector<std::uint16_t> y = bits;
  quick_gelu_cpu(y.data(), y.data(), std::ssize(y));
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const float x = value(bits[i]);
    if (std::isnan(x)) {
      ASSERT_TRUE(std::isnan(value(y[i]))) << i;
    }
    if (!(std::abs(x) < 50)) continue;
    // Half an ulp of bfloat16, and the float's few ulp before that.
    const double tolerance = std::abs(exact(x)) * (0x1p-8 + std::ldexp(4 + 1.702 * std::abs(x), -23)) + 1e-40;
    ASSERT_NEAR(value(y[i]), exact(x), tolerance) << x;
    if (std::abs(x) > 0.1 && std::abs(x) < 20) {
      ASSERT_GT(std::abs(value(y[i]) - 1.01 * exact(x)), tolerance) << "1 % off must be seen";
    }
  }
}

TEST(QuickGelu, GradientIsTheDefinitionsInBothTypes) {
  std::vector<float> x, dy;
  for (float v = -50; v <= 50; v += 0.0037f) x.push_back(v), dy.push_back(1.5f - 0.02f * v);
  const auto exact = [](double v, double up) {
    const double s = 1 / (1 + std::exp(-1.702 * v));
    return up * s * (1 + 1.702 * v * (1 - s));
  };
  std::vector<float> dx(x.size());
  quick_gelu_backward_cpu(x.data(), dy.data(), dx.data(), std::ssize(x));
  std::vector<std::uint16_t> x16, dy16;
  for (std::size_t i = 0; i < x.size(); ++i)
    x16.push_back(std::bit_cast<std::uint32_t>(x[i]) >> 16), dy16.push_back(std::bit_cast<std::uint32_t>(dy[i]) >> 16);
  std::vector<std::uint16_t> dx16 = dy16;
  quick_gelu_backward_cpu(x16.data(), dx16.data(), dx16.data(), std::ssize(x));  // over its own input
  const auto value = [](std::uint16_t b) { return static_cast<double>(std::bit_cast<float>(std::uint32_t{b} << 16)); };
  for (std::size_t i = 0; i < x.size(); ++i) {
    // s and e s x are each within (4 + 1.702 |x|) ulp (see above); where they cancel, that is of s, not of the sum.
    const double s = 1 / (1 + std::exp(-1.702 * x[i]));
    const double tolerance =
        dy[i] * s * (1 + 1.702 * std::abs(x[i]) * (1 - s)) * std::ldexp(8 + 4 * std::abs(x[i]), -23);
    ASSERT_NEAR(dx[i], exact(x[i], dy[i]), tolerance) << x[i];
    const double rounded = exact(value(x16[i]), value(dy16[i]));
    ASSERT_NEAR(value(dx16[i]), rounded, 0x1p-8 * std::abs(rounded) + 1.01 * tolerance + 1e-38) << x[i];
    if (std::abs(x[i]) < 0.5) {
      ASSERT_GT(std::abs(dx[i] - 1.01 * exact(x[i], dy[i])), tolerance) << "1 % off must be seen";
    }
  }
}

TEST(QuickGelu, KeepsNanAndLargeValues) {
  std::vector<float> x{std::numeric_limits<float>::quiet_NaN(), 1e30f, std::numeric_limits<float>::infinity(), 0.0f,
                       -1000.0f};
  quick_gelu_cpu(x.data(), x.data(), std::ssize(x));
  EXPECT_TRUE(std::isnan(x[0]));
  EXPECT_EQ(x[1], 1e30f);
  EXPECT_EQ(x[2], std::numeric_limits<float>::infinity());
  EXPECT_EQ(x[3], 0.0f);
  EXPECT_NEAR(x[4], 0, 1e-30);
}

}  // namespace
}  // namespace cliplab
