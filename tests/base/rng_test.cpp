// Expected values: tests/golden/make_rng.py, an independent Python implementation of the reference algorithms
// (prng.di.unimi.it).
#include "base/rng.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>
#include <set>

namespace cliplab {
namespace {

TEST(Rng, StreamsAreThoseOfXoshiro256StarStarSeededThroughSplitmix64) {
  const auto first = [](Rng rng) {
    std::array<std::uint64_t, 5> words;
    for (std::uint64_t& word : words) word = rng.next();
    return words;
  };
  using Words = std::array<std::uint64_t, 5>;
  EXPECT_EQ(first(Rng(0)), (Words{0xfb5405f7bd79c540, 0x780c98e26cea5883, 0x2a146e0980febc66, 0x4851477db8791fca,
                                  0x2b8cfa83b9759759}));
  EXPECT_EQ(first(Rng(42)), (Words{0x1ff785474f113b15, 0x4b7867ceff5d8325, 0x90ca7a95a9909966, 0x9c9ea6a358c5008f,
                                   0x791ff8c94e02e190}));
  EXPECT_EQ(first(Rng(42, 7)), (Words{0x24bfb39aeb008c15, 0xd858489e7fc02496, 0x3deebe24036964f3, 0x532b7127a28f00a1,
                                      0x95bf366290b6e8a7}));
}

TEST(Rng, UniformAndNormalMatchPython) {
  Rng uniform(42), normal(42);
  EXPECT_EQ(uniform.uniform(), 0.12487061491907958);
  EXPECT_EQ(uniform.uniform(), 0.2948059921612778);
  // libm's log and cos may differ in the last bit between platforms: 4 eps of the value.
  EXPECT_NEAR(normal.normal(), -0.14349279863740336, 4 * 2.3e-16);
  EXPECT_NEAR(normal.normal(), -0.985635391381699, 4 * 2.3e-16);
}

TEST(Rng, ShuffleIsThePythonTwinsPermutation) {
  std::vector<int> values(10);
  std::iota(values.begin(), values.end(), 0);
  Rng(42).shuffle(values);
  EXPECT_EQ(values, (std::vector<int>{7, 5, 1, 8, 2, 0, 4, 6, 9, 3}));
}

TEST(Rng, StreamsOfOneSeedDoNotMeet) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t stream = 0; stream < 1000; ++stream) {
    Rng rng(1, stream);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(seen.insert(rng.next()).second);
  }
}

TEST(Rng, BelowIsUnbiased) {
  Rng rng(5);
  constexpr int kDraws = 60000, kSides = 6;
  int counts[kSides] = {};
  for (int i = 0; i < kDraws; ++i) ++counts[rng.below(kSides)];
  double chi_squared = 0;
  for (const int count : counts) chi_squared += std::pow(count - kDraws / kSides, 2) / (kDraws / kSides);
  EXPECT_LT(chi_squared, 20.5);  // 5 degrees of freedom: the 99.9 % quantile
  EXPECT_EQ(rng.below(1), 0u);
  constexpr std::uint64_t kHuge = (std::uint64_t{1} << 63) + 1;  // nearly half of the raw values are refused
  for (int i = 0; i < 1000; ++i) EXPECT_LT(rng.below(kHuge), kHuge);
}

TEST(Rng, NormalHasItsMoments) {
  Rng rng(6);
  constexpr int kDraws = 200000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = rng.normal();
    sum += value, squares += value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0, 4 / std::sqrt(kDraws));  // 4 standard errors
  EXPECT_NEAR(squares / kDraws, 1, 4 * std::sqrt(2.0 / kDraws));
}

}  // namespace
}  // namespace cliplab
