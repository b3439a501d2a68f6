// Expected values: tests/golden/make_rng.py, an independent Python implementation of the reference algorithms
// (prng.di.unimi.it); the stream of state {1, 2, 3, 4} is also the one that the rand_xoshiro crate publishes.
#include "base/rng.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

namespace cliplab {
namespace {

TEST(Rng, FollowsTheReferenceStreamOfXoshiro256StarStar) {
  Rng rng(0);
  rng.set_state({1, 2, 3, 4});
  for (const std::uint64_t expected :
       {11520ull, 0ull, 1509978240ull, 1215971899390074240ull, 1216172134540287360ull, 607988272756665600ull,
        16172922978634559625ull, 8476171486693032832ull, 10595114339597558777ull, 2904607092377533576ull})
    EXPECT_EQ(rng.next(), expected);
}

TEST(Rng, SeedsThroughSplitmix64) {
  EXPECT_EQ(Rng(0).state(), (std::array<std::uint64_t, 4>{0xa706dd2f4d197e6f, 0xb382a305f4414f5e, 0x631a9154fbabf717,
                                                          0xa80aba8c86640906}));
  EXPECT_EQ(Rng(42).state(), (std::array<std::uint64_t, 4>{0x4d9b3f1ec9cf6b1b, 0x78c2d7cd08dbb11f, 0x4a4d831399ccfc4e,
                                                           0xaaf470fcbc468f50}));
  EXPECT_EQ(Rng(42, 7).state(), (std::array<std::uint64_t, 4>{0x6eab8625df268fbc, 0x45847a4c3fc62d89,
                                                              0xe9871b135156aabf, 0x3ef7d517faf51d54}));
  EXPECT_EQ(Rng(42, 7).next(), 0x24bfb39aeb008c15u);
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

TEST(Rng, StateRestoresTheStream) {
  Rng rng(3), copy(4);
  rng.next();
  copy.set_state(rng.state());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(rng.next(), copy.next());
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
