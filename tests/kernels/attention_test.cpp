// The attention kernels against the definition in double.
#include "kernels/attention.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "base/rng.hpp"

namespace cliplab {
namespace {

struct Case {
  AttentionShape shape;
  std::vector<float> qkv;   // [B, T, 3, H, W], within +-size
  std::vector<float> dout;  // [B, T, H, W], within +-1

  Case(std::int64_t batch, std::int64_t tokens, std::int64_t heads, bool causal, double size, std::int64_t width = 64)
      : shape{batch, tokens, heads, causal, width} {
    Rng rng(7, static_cast<std::uint64_t>(tokens));
    qkv.resize(batch * tokens * 3 * heads * width), dout.resize(qkv.size() / 3);
    for (float& x : qkv) x = static_cast<float>(size * (2 * rng.uniform() - 1));
    for (float& x : dout) x = static_cast<float>(2 * rng.uniform() - 1);
  }
  std::size_t index(std::int64_t b, std::int64_t t, int which, std::int64_t h, std::int64_t c) const {
    return (((b * shape.tokens + t) * 3 + which) * shape.heads + h) * shape.head_width + c;
  }
  std::size_t out_index(std::int64_t b, std::int64_t t, std::int64_t h, std::int64_t c) const {
    return ((b * shape.tokens + t) * shape.heads + h) * shape.head_width + c;
  }
  double dot(std::int64_t b, std::int64_t h, std::int64_t t, int which, std::int64_t j, int other) const {
    double sum = 0;
    for (std::int64_t c = 0; c < shape.head_width; ++c)
      sum += static_cast<double>(qkv[index(b, t, which, h, c)]) * qkv[index(b, j, other, h, c)];
    return sum;
  }
  std::int64_t heads() const { return shape.batch * shape.heads; }

  /// The output, and the gradient of its product with dout.
  struct Exact {
    std::vector<double> out, dqkv;
  };
  Exact exact() const {
    Exact e{std::vector<double>(dout.size()), std::vector<double>(qkv.size())};
    const std::int64_t W = shape.head_width;
    const double scale = 1 / std::sqrt(static_cast<double>(W));
    for (std::int64_t b = 0; b < shape.batch; ++b)
      for (std::int64_t h = 0; h < shape.heads; ++h)
        for (std::int64_t t = 0; t < shape.tokens; ++t) {
          const std::int64_t seen = shape.causal ? t + 1 : shape.tokens;
          std::vector<double> weights(seen), dweights(seen);
          double sum = 0, mean = 0;
          for (std::int64_t j = 0; j < seen; ++j) sum += weights[j] = std::exp(scale * dot(b, h, t, 0, j, 1));
          for (std::int64_t j = 0; j < seen; ++j) {
            weights[j] /= sum;
            for (std::int64_t c = 0; c < W; ++c) {
              e.out[out_index(b, t, h, c)] += weights[j] * qkv[index(b, j, 2, h, c)];
              dweights[j] += static_cast<double>(dout[out_index(b, t, h, c)]) * qkv[index(b, j, 2, h, c)];
              e.dqkv[index(b, j, 2, h, c)] += weights[j] * dout[out_index(b, t, h, c)];
            }
            mean += weights[j] * dweights[j];
          }
          for (std::int64_t j = 0; j < seen; ++j)
            for (std::int64_t c = 0; c < W; ++c) {
              const double dscore = scale * weights[j] * (dweights[j] - mean);
              e.dqkv[index(b, t, 0, h, c)] += dscore * qkv[index(b, j, 1, h, c)];
              e.dqkv[index(b, j, 1, h, c)] += dscore * qkv[index(b, t, 0, h, c)];
            }
        }
    return e;
  }
};

// A score of size s (|q| |k| W / sqrt(W)) is off by at most W eps s, and so is its weight, relatively, whose sum with
// values up to v adds T eps: the rounding errors are random, so roots of the counts do, times 4.
double relative_tolerance(const Case& test, double size) {
  const double root = std::sqrt(static_cast<double>(test.shape.head_width));
  return 4 * 0x1p-24 * (root * size * size * root + std::sqrt(static_cast<double>(test.shape.tokens)) + 4);
}

double tolerance(const Case& test, double size) { return size * relative_tolerance(test, size); }

// dv sums up to T weights times values up to 1. A dP is a sum of W products, of 4 sqrt(W) size / 3 at most where they
// are random, and takes part in T sums with a key or query of that size, over sqrt(W).
double gradient_tolerance(const Case& test, double size) {
  return relative_tolerance(test, size) * std::sqrt(static_cast<double>(test.shape.tokens)) *
         std::max(1.0, 4 * size * size / 3);
}

constexpr std::int64_t kLengths[] = {1, 3, 4, 16, 17, 50, 64, 65, 77, 130};

TEST(Attention, IsTheDefinitionForEveryLengthAroundItsBlocks) {
  for (const std::int64_t width : {32, 64})
    for (const bool causal : {false, true})
      for (const std::int64_t tokens : kLengths) {
        const Case test(2, tokens, 3, causal, 1.5, width);
        const std::vector<double> exact = test.exact().out;
        std::vector<float> out(exact.size(), std::numeric_limits<float>::quiet_NaN());
        attention_cpu(test.qkv.data(), out.data(), nullptr, test.shape, 0, 2);  // two parts, as threads would
        attention_cpu(test.qkv.data(), out.data(), nullptr, test.shape, 2, test.heads());
        double moved = 0;
        for (std::size_t i = 0; i < out.size(); ++i) {
          ASSERT_NEAR(out[i], exact[i], tolerance(test, 1.5))
              << tokens << " tokens, causal " << causal << ", width " << width << ", value " << i;
          moved = std::max(moved, std::abs(0.01 * exact[i]));
        }
        EXPECT_GT(moved, tolerance(test, 1.5)) << "1 % off must be seen";
      }
}

TEST(Attention, GradientIsTheDefinitionsForEveryLengthAroundItsBlocks) {
  for (const std::int64_t width : {32, 64})
    for (const bool causal : {false, true})
      for (const std::int64_t tokens : kLengths) {
        const Case test(2, tokens, 3, causal, 1, width);
        const std::vector<double> exact = test.exact().dqkv;
        std::vector<float> out(test.dout.size()), log_sums(test.heads() * tokens),
            dqkv(test.qkv.size(), std::numeric_limits<float>::quiet_NaN());
        attention_cpu(test.qkv.data(), out.data(), log_sums.data(), test.shape, 0, test.heads());
        for (const auto& [begin, end] : {std::pair{0, 1}, std::pair{1, 6}})
          attention_backward_cpu(test.qkv.data(), out.data(), log_sums.data(), test.dout.data(), dqkv.data(),
                                 test.shape, begin, end);
        double moved = 0;
        for (std::size_t i = 0; i < dqkv.size(); ++i) {
          ASSERT_NEAR(dqkv[i], exact[i], gradient_tolerance(test, 1))
              << tokens << " tokens, causal " << causal << ", width " << width << ", value " << i;
          moved = std::max(moved, std::abs(0.01 * exact[i]));
        }
        EXPECT_GT(moved, gradient_tolerance(test, 1)) << "1 % off must be seen";
      }
}

TEST(Attention, OfBfloat16IsTheDefinitionRoundedOnce) {
  Case test(1, 50, 2, false, 1);
  const auto rounded = [](std::vector<float>& values) {
    std::vector<std::uint16_t> bits;
    for (float& x : values) {
      bits.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16));
      x = std::bit_cast<float>(std::uint32_t{bits.back()} << 16);
    }
    return bits;
  };
  const auto value = [](std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); };
  const std::vector<std::uint16_t> qkv = rounded(test.qkv), dout = rounded(test.dout);
  const Case::Exact exact = test.exact();
  std::vector<std::uint16_t> out(dout.size()), dqkv(qkv.size());
  std::vector<float> log_sums(test.heads() * 50);
  attention_cpu(qkv.data(), out.data(), log_sums.data(), test.shape, 0, test.heads());
  for (std::size_t i = 0; i < out.size(); ++i)
    ASSERT_NEAR(value(out[i]), exact.out[i], 0x1p-8 * std::abs(exact.out[i]) + tolerance(test, 1)) << i;

  attention_backward_cpu(qkv.data(), out.data(), log_sums.data(), dout.data(), dqkv.data(), test.shape, 0,
                         test.heads());
  // The output was rounded too: the mean of dP is off by 64 random errors of up to 2^-9 of values below 1 times dout,
  // and it takes part in each sum of scores' gradients, with weights that sum to 1 over keys and to some 2 over
  // queries, over sqrt(64).
  const double of_mean = 4 * 0x1p-9 * std::sqrt(64.0) / 3 * 2 / 8;
  for (std::size_t i = 0; i < dqkv.size(); ++i)
    ASSERT_NEAR(value(dqkv[i]), exact.dqkv[i], 0x1p-8 * std::abs(exact.dqkv[i]) + of_mean + gradient_tolerance(test, 1))
        << i;
}

TEST(Attention, LargeScoresNeitherOverflowNorLoseTheirRow) {
  const Case test(1, 20, 1, false, 40);  // scores up to 12,800: exp of them is infinite without the largest taken off
  const std::vector<double> values = [&] {
    std::vector<double> all;
    for (std::int64_t t = 0; t < 20; ++t)
      for (int c = 0; c < 64; ++c) all.push_back(test.qkv[test.index(0, t, 2, 0, c)]);
    return all;
  }();
  std::vector<float> out(values.size());
  attention_cpu(test.qkv.data(), out.data(), nullptr, test.shape, 0, 1);
  for (const float x : out) {
    ASSERT_TRUE(std::isfinite(x));
    ASSERT_LE(std::abs(x), 40 * (1 + 0x1p-20));  // a mean of values
  }
}

TEST(Attention, KeepsNan) {
  Case test(1, 10, 1, false, 1);
  test.qkv[0] = std::numeric_limits<float>::quiet_NaN();  // the first token's query
  std::vector<float> out(10 * 64);
  attention_cpu(test.qkv.data(), out.data(), nullptr, test.shape, 0, 1);
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_TRUE(std::isfinite(out[64]));
}

}  // namespace
}  // namespace cliplab
