// Intervals: what they cover, how they behave at the edges, and values that are known. Coverage: tests/coverage.
#include "eval/intervals.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "base/rng.hpp"

namespace cliplab {
namespace {

TEST(Intervals, MeanOfIndependentScoresAddsHalfWidthsInQuadrature) {
  const Interval parts[] = {{0.5, 0.47, 0.56, 10}, {0.7, 0.66, 0.78, 30}};
  const Interval mean = mean_of(parts);
  EXPECT_DOUBLE_EQ(mean.value, 0.6);
  EXPECT_NEAR(mean.low, 0.6 - 0.05 / 2, 1e-15);   // 3, 4, 5
  EXPECT_NEAR(mean.high, 0.6 + 0.10 / 2, 1e-15);  // 6, 8, 10; a few roundings of 1e-16 each
  EXPECT_EQ(mean.n, 40);
  EXPECT_EQ(mean.covers, "mover(data sets)");
  const Interval one_without[] = {parts[0], point(0.7, 30)};
  EXPECT_EQ(mean_of(one_without).covers, "none") << "a part without bounds would make them too narrow";
}

TEST(Intervals, TheBootstrapOfAMeanIsItsStandardError) {
  Rng rng(5);
  std::vector<double> x(400);
  for (double& v : x) v = rng.normal();
  const auto mean = [&](std::span<const std::size_t> rows) {
    double sum = 0;
    for (const std::size_t row : rows) sum += x[row];
    return sum / static_cast<double>(rows.size());
  };
  const Interval interval = bootstrap(400, "pictures", mean, 2000);
  // 1.96 sigma / sqrt(n) = 0.098 either side; a percentile of 2000 resamples is good to a tenth of that.
  EXPECT_NEAR(interval.high - interval.value, 0.098, 0.015);
  EXPECT_NEAR(interval.value - interval.low, 0.098, 0.015);
  EXPECT_EQ(interval.covers, "bootstrap(pictures)");
  EXPECT_EQ(bootstrap(5, "pictures", [](auto) { return 0.5; }).covers, "none")
      << "equal resamples say nothing of the spread";
  EXPECT_THROW(bootstrap(0, "pictures", [](auto) { return 0.0; }), InputError);
}

TEST(Intervals, EqualValuesAreNoCertainty) {
  for (const double value : {0.0, 1.0}) {
    EXPECT_TRUE(bounded_mean(std::vector<double>(20, value), "pictures").has_bounds());
    std::vector<int> each(20), all(20, 7);
    for (int i = 0; i < 20; ++i) each[i] = i;
    EXPECT_TRUE(mean_over_classes(std::vector<double>(20, value), each).has_bounds()) << "one picture a class";
    const std::vector<char> right(20, value > 0);
    EXPECT_TRUE(clustered_rate(right, each, "clips").has_bounds());
    const Interval one = clustered_rate(right, all, "clips");
    EXPECT_NEAR(one.high - one.low, 0.975, 1e-9) << "one clip is one sample";
    EXPECT_TRUE(auc_interval(value, 5, 50).has_bounds());
  }
  EXPECT_TRUE(paired_difference(0, 0, 50).has_bounds());
  EXPECT_TRUE(difference_of_rates(10, 10, 10, 10).has_bounds());
  EXPECT_TRUE(
      mean_of_draws(std::vector<double>(5, 1.0), sampling_of_mean(std::vector<double>(30, 1.0)), 0, 0).has_bounds());
}

TEST(Intervals, APairedDifferenceExcludesNothingExactlyWhereMcNemarRejects) {
  for (int n = 5; n <= 60; n += 11)
    for (int b = 0; b <= n; ++b)
      for (int c = 0; b + c <= n; ++c) {
        if (b + c == 0) continue;
        const Interval difference = paired_difference(b, c, n);
        const bool rejects = std::abs(b - c) / std::sqrt(b + c) > 1.959963984540054;
        EXPECT_EQ(difference.low > 0 || difference.high < 0, rejects) << b << ' ' << c << ' ' << n;
        EXPECT_LE(difference.low, difference.value);
        EXPECT_GE(difference.high, difference.value);
      }
}

TEST(Intervals, KnownValues) {
  const Interval difference = difference_of_rates(56, 70, 48, 80);  // Newcombe 1998, Table II (a), method 10
  EXPECT_NEAR(difference.value, 0.2, 1e-12);
  EXPECT_NEAR(difference.low, 0.0524, 5e-5);
  EXPECT_NEAR(difference.high, 0.3339, 5e-5);
  EXPECT_NEAR(t_quantile(3), 3.182446, 1e-6);
  EXPECT_NEAR(t_quantile(std::numeric_limits<double>::infinity()), 1.959964, 1e-6);
  const Interval r = correlation_interval(0.5, 12, "models");
  EXPECT_NEAR(r.low, std::tanh(std::atanh(0.5) - 1.959964 / 3), 1e-6);
  const Interval median = median_of({7, 1, 3, 2, 6, 5}, "data sets");  // all six: (1/2)^6 on either side
  EXPECT_EQ(median.value, 4);
  EXPECT_EQ(median.low, 1);
  EXPECT_EQ(median.high, 7);
  EXPECT_FALSE(median_of({1, 2, 3, 4, 5}, "data sets").has_bounds());
}

TEST(Intervals, FramesOfAClipAreNoIndependentPictures) {
  std::vector<char> right;
  std::vector<int> clip, each;
  for (int k = 0; k < 30; ++k)
    for (int i = 0; i < 10; ++i) right.push_back(k % 3 != 0), clip.push_back(k), each.push_back(10 * k + i);
  const Interval by_clip = clustered_rate(right, clip, "clips"), by_frame = clustered_rate(right, each, "clips"),
                 thirty = clopper_pearson(20, 30);
  EXPECT_GT(by_clip.high - by_clip.low, 2.5 * (by_frame.high - by_frame.low)) << "sqrt(10) and more";
  EXPECT_NEAR(by_clip.high - by_clip.low, thirty.high - thirty.low, 0.05) << "all frames alike: one sample a clip";
  EXPECT_THROW(clustered_rate(right, std::span(clip).first(3), "clips"), InputError);
}

TEST(Intervals, MeanOfDraws) {
  const std::vector<double> scores{-0.03, -0.01, 0.01};  // mean -0.01, standard deviation 0.02
  const Interval mean = mean_of_draws(scores, {0, 1});
  EXPECT_NEAR(mean.value, -0.01, 1e-12);
  EXPECT_NEAR(mean.low, -0.01 - t_quantile(2) * 0.02 / std::sqrt(3.0), 1e-12);
  EXPECT_NEAR(mean.high, -0.01 + t_quantile(2) * 0.02 / std::sqrt(3.0), 1e-12);
  EXPECT_EQ(mean.n, 3);
  EXPECT_EQ(mean_of_draws(std::span(scores).first(1), {0, 1}).covers, "none");
  EXPECT_EQ(mean_of_draws(std::span(scores).first(1), {0.01, 100}).covers, "t(pictures)");
  const Interval wider = mean_of_draws(scores, {0, 1}, 0.5);  // 1/3 + 1 times the variance instead of 1/3
  EXPECT_NEAR((wider.high - wider.low) / (mean.high - mean.low), 2, 1e-9);
  EXPECT_THROW(mean_of_draws({}, {0, 1}), InputError);
}

}  // namespace
}  // namespace cliplab
