// Lines in plain, logit and log axes.
#include "eval/robustness.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "base/rng.hpp"

namespace cliplab {
namespace {

/// Slope and intercept over the chosen points; false when all x are equal.
bool least_squares(std::span<const double> x, std::span<const double> y, const std::vector<std::size_t>& rows,
                   Line& line) {
  double mx = 0, my = 0, sxx = 0, sxy = 0, syy = 0;
  const auto n = static_cast<double>(rows.size());
  for (const std::size_t i : rows) mx += x[i] / n, my += y[i] / n;
  for (const std::size_t i : rows) {
    sxx += (x[i] - mx) * (x[i] - mx), sxy += (x[i] - mx) * (y[i] - my), syy += (y[i] - my) * (y[i] - my);
  }
  if (!(sxx > 0)) return false;
  line.slope = sxy / sxx, line.intercept = my - line.slope * mx;
  line.r = syy > 0 ? sxy / std::sqrt(sxx * syy) : 0;
  return true;
}

}  // namespace

Line fit_line(std::span<const double> x, std::span<const double> y, int resamples, std::uint64_t seed) {
  if (x.size() != y.size()) fail("line fit", std::to_string(y.size()) + " y values", std::to_string(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!std::isfinite(x[i]) || !std::isfinite(y[i]))
      fail("line fit", "point " + std::to_string(i) + " is not finite", "finite points");
  std::vector<std::size_t> rows(x.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = i;
  Line line;
  line.n = std::ssize(x);
  if (!least_squares(x, y, rows, line))
    fail("line fit", std::to_string(x.size()) + " points with one x", "two different x");
  Rng rng(seed, 0x11e);
  const Interval slope = percentile_interval(line.slope, line.n, resamples, [&] {
    for (std::size_t& row : rows) row = rng.below(x.size());
    Line resampled;
    return least_squares(x, y, rows, resampled) ? resampled.slope : std::numeric_limits<double>::quiet_NaN();
  });
  line.slope_low = slope.low, line.slope_high = slope.high;
  return line;
}

double logit(double p, std::int64_t n) {
  const double edge = 0.5 / static_cast<double>(std::max<std::int64_t>(1, n));
  p = std::clamp(p, edge, 1 - edge);
  return std::log(p / (1 - p));
}

double inverse_logit(double x) { return 1 / (1 + std::exp(-x)); }

double effective_robustness(const Line& baseline, double source_accuracy, double shift_accuracy, std::int64_t n) {
  return shift_accuracy - inverse_logit(baseline.intercept + baseline.slope * logit(source_accuracy, n));
}

}  // namespace cliplab
