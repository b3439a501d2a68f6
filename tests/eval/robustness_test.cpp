// Lines through points, and how far a model stands from them.
#include "eval/robustness.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "golden.hpp"

namespace cliplab {
namespace {

using nlohmann::json;

TEST(Lines, LeastSquaresIsScipysLinregress) {
  const json line = golden()["line"];
  const auto x = line["x"].get<std::vector<double>>(), y = line["y"].get<std::vector<double>>();
  const Line fit = fit_line(x, y);
  EXPECT_NEAR(fit.slope.value, line["slope"].get<double>(), 1e-12);
  EXPECT_NEAR(fit.intercept.value, line["intercept"].get<double>(), 1e-12);
  EXPECT_NEAR(fit.r.value, line["r"].get<double>(), 1e-12);
  EXPECT_LT(fit.slope.low, fit.slope.value);
  EXPECT_GT(fit.slope.high, fit.slope.value);
  EXPECT_EQ(fit.slope.covers, "t(models)");
  EXPECT_EQ(fit.r.covers, "fisher-z(models)");
}

TEST(Lines, OneXIsRefusedWhateverItsRounding) {
  EXPECT_THROW(fit_line(std::vector<double>{1, 1}, std::vector<double>{0, 1}), InputError);
  for (const double x : {0.1, -0.3, 123456.789, 1e-9}) {
    const double rounded = std::nextafter(x, 1e9);
    EXPECT_THROW(fit_line(std::vector<double>{x, x, rounded, x, x}, std::vector<double>{0, 1, 5, 2, 3}), InputError)
        << x;
  }
}

TEST(Lines, PointsExactlyOnALineHaveNoScatterAndSoNoBounds) {
  Rng rng(1);
  for (int round = 0; round < 500; ++round) {
    const double slope = rng.normal(), intercept = rng.normal();
    std::vector<double> x, y;
    for (int i = 0; i < 6; ++i) x.push_back(rng.normal()), y.push_back(intercept + slope * x.back());
    const Line line = fit_line(x, y);
    EXPECT_NEAR(line.slope.value, slope, 1e-9 * (1 + std::abs(slope)) / std::sqrt(line.sxx));
    EXPECT_FALSE(line.slope.has_bounds() || line.intercept.has_bounds()) << round;
  }
}

TEST(Lines, FewerThanFivePointsHaveNoBoundsAndNoSignificance) {
  const Line line = fit_line(std::vector<double>{0, 1, 2, 3}, std::vector<double>{0, 1.1, 1.9, 3});
  EXPECT_FALSE(line.slope.has_bounds() || line.r.has_bounds() || line.is_significant());
  EXPECT_EQ(standing(line, 0.5, 100), "few points");
}

/// Five baselines about a line in logits.
Line baselines(double scatter) {
  std::vector<double> x, y;
  for (int i = 0; i < 5; ++i) x.push_back(-1 + 0.5 * i), y.push_back(0.5 * x.back() - 1 + (i % 2 ? scatter : -scatter));
  return fit_line(x, y);
}

Interval rate(double value, double half, std::int64_t n) { return {value, value - half, value + half, n, "test"}; }

TEST(Lines, ModelsOnTheBaselineHaveNoEffectiveRobustness) {
  const Line line = baselines(0);
  const double on_line = inverse_logit(line.at(0));
  EXPECT_NEAR(effective_robustness(line, rate(0.5, 0.01, 1000), rate(on_line, 0.01, 1000)).value, 0, 1e-12);
  EXPECT_NEAR(effective_robustness(line, rate(0.5, 0.01, 1000), rate(on_line + 0.1, 0.01, 1000)).value, 0.1, 1e-12);
  EXPECT_TRUE(std::isfinite(logit(0, 10)) && std::isfinite(logit(1, 10)));
}

TEST(Lines, TheIntervalOfEffectiveRobustnessHoldsShiftSourceAndLine) {
  const Line line = baselines(0.1);
  const auto width = [&](const Line& baseline, double source, double shift) {
    const Interval found = effective_robustness(baseline, rate(0.5, source, 100000), rate(0.4, shift, 100000));
    return found.high - found.low;
  };
  const double shift_alone = width(line, 1e-9, 0.05);
  EXPECT_GT(shift_alone, 0.1) << "twice the shift's half-width and the line's error";
  EXPECT_GT(width(line, 0.2, 0.05), shift_alone) << "the source's";
  EXPECT_GT(width(baselines(0.3), 1e-9, 0.05), shift_alone) << "the line's";
  EXPECT_FALSE(effective_robustness(line, rate(0.5, 0, 100), rate(0.4, 0.1, 100)).has_bounds());
}

TEST(Lines, WhatStandsAgainstAVerdict) {
  EXPECT_EQ(standing(baselines(0.05), 0.5, 1000), "fitted");
  EXPECT_EQ(standing(baselines(0.05), 0.9, 1000), "extrapolated");
  EXPECT_EQ(standing(baselines(2), 0.5, 1000), "not significant");
}

}  // namespace
}  // namespace cliplab
