// The attention kernel against the definition in double.
#include "kernels/attention.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.hpp"

namespace cliplab {
namespace {

struct Case {
  AttentionShape shape;
  std::vector<float> qkv;  // [B, T, 3, H, 64]

  Case(std::int64_t batch, std::int64_t tokens, std::int64_t heads, bool causal, double size) : shape{batch, tokens, heads, causal} {
    Rng rng(7, static_cast<std::uint64_t>(tokens));
    qkv.resize(batch * tokens * 3 * heads * kHeadWidth);
    for (float& x : qkv) x = static_cast<float>(size * (2 * rng.uniform() - 1));
  }
  double at(std::int64_t b, std::int64_t t, int which, std::int64_t h, int c) const {
    return qkv[(((b * shape.tokens + t) * 3 + which) * shape.heads + h) * kHeadWidth + c];
  }
  std::vector<double> exact() const {
    std::vector<double> out;
    for (std::int64_t b = 0; b < shape.batch; ++b)
      for (std::int64_t t = 0; t < shape.tokens; ++t)
        for (std::int64_t h = 0; h < shape.heads; ++h) {
          const std::int64_t seen = shape.causal ? t + 1 : shape.tokens;
          std::vector<double> weights(seen);
          double sum = 0;
          for (std::int64_t j = 0; j < seen; ++j) {
            double score = 0;
            for (int c = 0; c < kHeadWidth; ++c) score += at(b, t, 0, h, c) * at(b, j, 1, h, c);
            sum += weights[j] = std::exp(score / 8);
          }
          for (int c = 0; c < kHeadWidth; ++c) {
            double value = 0;
            for (std::int64_t j = 0; j < seen; ++j) value += weights[j] / sum * at(b, j, 2, h, c);
            out.push_back(value);
          }
        }
    return out;
  }
  std::int64_t heads() const { return shape.batch * shape.heads; }
};

// A score of size s (|q| |k| 64 / 8) is off by at most 64 eps s, and so is its weight, relatively, whose sum with values up
// to v adds T eps: the rounding errors are random, so roots of the counts do, times 4.
double tolerance(const Case& test, double size) {
  return 4 * 0x1p-24 * size * (std::sqrt(64.0) * size * size * 8 + std::sqrt(static_cast<double>(test.shape.tokens)) + 4);
}

TEST(Attention, IsTheDefinitionForEveryLengthAroundItsBlocks) {
  for (const bool causal : {false, true})
    for (const std::int64_t tokens : {1, 3, 4, 16, 50, 64, 65, 77, 130}) {
      const Case test(2, tokens, 3, causal, 1.5);
      const std::vector<double> exact = test.exact();
      std::vector<float> out(exact.size(), std::numeric_limits<float>::quiet_NaN());
      attention_cpu(test.qkv.data(), out.data(), test.shape, 0, 2);  // two parts, as threads would
      attention_cpu(test.qkv.data(), out.data(), test.shape, 2, test.heads());
      double moved = 0;
      for (std::size_t i = 0; i < out.size(); ++i) {
        ASSERT_NEAR(out[i], exact[i], tolerance(test, 1.5)) << tokens << " tokens, causal " << causal << ", value " << i;
        moved = std::max(moved, std::abs(0.01 * exact[i]));
      }
      EXPECT_GT(moved, tolerance(test, 1.5)) << "1 % off must be seen";
    }
}

TEST(Attention, OfBfloat16IsTheDefinitionRoundedOnce) {
  Case test(1, 50, 2, false, 1.5);
  std::vector<std::uint16_t> bits;
  for (float& x : test.qkv) {
    bits.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16));
    x = std::bit_cast<float>(std::uint32_t{bits.back()} << 16);
  }
  const std::vector<double> exact = test.exact();
  std::vector<std::uint16_t> out(exact.size());
  attention_cpu(bits.data(), out.data(), test.shape, 0, test.heads());
  for (std::size_t i = 0; i < out.size(); ++i)
    ASSERT_NEAR(std::bit_cast<float>(std::uint32_t{out[i]} << 16), exact[i], 0x1p-8 * std::abs(exact[i]) + tolerance(test, 1.5)) << i;
}

TEST(Attention, LargeScoresNeitherOverflowNorLoseTheirRow) {
  const Case test(1, 20, 1, false, 40);  // scores up to 12,800: exp of them is infinite without the largest taken off
  const std::vector<double> values = [&] {
    std::vector<double> all;
    for (std::int64_t t = 0; t < 20; ++t)
      for (int c = 0; c < kHeadWidth; ++c) all.push_back(test.at(0, t, 2, 0, c));
    return all;
  }();
  std::vector<float> out(values.size());
  attention_cpu(test.qkv.data(), out.data(), test.shape, 0, 1);
  for (const float x : out) {
    ASSERT_TRUE(std::isfinite(x));
    ASSERT_LE(std::abs(x), 40 * (1 + 0x1p-20));  // a mean of values
  }
}

TEST(Attention, KeepsNan) {
  Case test(1, 10, 1, false, 1);
  test.qkv[0] = std::numeric_limits<float>::quiet_NaN();  // the first token's query
  std::vector<float> out(10 * kHeadWidth);
  attention_cpu(test.qkv.data(), out.data(), test.shape, 0, 1);
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_TRUE(std::isfinite(out[kHeadWidth]));
}

}  // namespace
}  // namespace cliplab
