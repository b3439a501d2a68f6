// Lines in plain, logit and log axes.
#include "eval/robustness.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace cliplab {
namespace {

/// Mean of values, the sum of squares about it, and the root that rounding alone could give the latter.
struct Spread {
  double mean = 0, squares = 0, noise = 0;
  bool is_real() const { return squares > noise * noise; }
};

Spread spread_of(std::span<const double> values) {
  Spread spread;
  double largest = 0;
  const double n = static_cast<double>(values.size());
  for (const double value : values) spread.mean += value / n, largest = std::max(largest, std::abs(value));
  for (const double value : values) spread.squares += (value - spread.mean) * (value - spread.mean);
  // A sum of n rounded terms is off by n roundings of the largest: differences below that are none.
  spread.noise = n * 4 * std::numeric_limits<double>::epsilon() * largest;
  return spread;
}

}  // namespace

double Line::variance_at(double x) const {
  return variance * (1 / static_cast<double>(n) + (x - mean_x) * (x - mean_x) / sxx);
}

bool Line::is_significant() const {
  if (n < kLinePoints) return false;
  if (!(std::abs(r.value) < 1)) return true;
  const double df = static_cast<double>(n - 2), t = r.value * std::sqrt(df / (1 - r.value * r.value));
  return std::abs(t) > t_quantile(df);
}

bool can_fit_line(std::span<const double> x) { return x.size() >= 3 && spread_of(x).is_real(); }

Line fit_line(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size()) fail("line fit", std::to_string(y.size()) + " y values", std::to_string(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!std::isfinite(x[i]) || !std::isfinite(y[i]))
      fail("line fit", "point " + std::to_string(i) + " is not finite", "finite points");
  const Spread of_x = spread_of(x), of_y = spread_of(y);
  if (!of_x.is_real()) fail("line fit", std::to_string(x.size()) + " points with one x", "two different x");
  Line line;
  line.n = std::ssize(x), line.mean_x = of_x.mean, line.sxx = of_x.squares;
  const double n = static_cast<double>(line.n);
  double sxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sxy += (x[i] - of_x.mean) * (y[i] - of_y.mean);
  const auto [least, greatest] = std::minmax_element(x.begin(), x.end());
  line.least_x = *least, line.greatest_x = *greatest;
  const double slope = sxy / line.sxx;
  line.slope = point(slope, line.n), line.intercept = point(of_y.mean - slope * line.mean_x, line.n);
  line.r = point(of_y.is_real() ? std::clamp(sxy / std::sqrt(line.sxx * of_y.squares), -1.0, 1.0) : 0, line.n);
  double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double residual = y[i] - line.at(x[i]);
    squares += residual * residual;
  }
  const double noise = of_y.noise + std::abs(slope) * of_x.noise;
  if (line.n < kLinePoints || !(squares > noise * noise)) return line;
  line.variance = squares / (n - 2);
  const auto widen = [&](Interval& value, double variance) {
    const double half = t_quantile(n - 2) * std::sqrt(variance);
    value.low = value.value - half, value.high = value.value + half, value.covers = "t(models)";
  };
  widen(line.slope, line.variance / line.sxx), widen(line.intercept, line.variance_at(0));
  line.r = correlation_interval(line.r.value, line.n, "models");
  return line;
}

double logit(double p, std::int64_t n) {
  const double edge = 0.5 / static_cast<double>(std::max<std::int64_t>(1, n));
  p = std::clamp(p, edge, 1 - edge);
  return std::log(p / (1 - p));
}

double inverse_logit(double x) { return 1 / (1 + std::exp(-x)); }

Interval effective_robustness(const Line& baseline, const Interval& source, const Interval& shift) {
  const double x = logit(source.value, source.n), expected = inverse_logit(baseline.at(x));
  const double value = shift.value - expected;
  if (!baseline.slope.has_bounds() || !source.has_bounds() || !shift.has_bounds()) return point(value, shift.n);
  const double by_logit = expected * (1 - expected);  // the expectation's derivative
  // The source's error in logits: between the logits of its own bounds, which stays finite at 0 and 1.
  const Interval logits{x, logit(source.low, source.n), logit(source.high, source.n), source.n, {}};
  const double of_source = by_logit * baseline.slope.value * standard_error(logits);
  const double of_line = by_logit * by_logit * baseline.variance_at(x);
  const double sampling = standard_error(shift) * standard_error(shift) + of_source * of_source;
  // Satterthwaite: the line's variance has n - 2 degrees of freedom, the accuracies' have many.
  const double variance = sampling + of_line;
  const double df = variance * variance / (of_line * of_line) * static_cast<double>(baseline.n - 2);
  const double half = t_quantile(df) * std::sqrt(variance);
  return {value, std::max(-1.0, value - half), std::min(1.0, value + half), shift.n, "delta(line, source, shift)"};
}

std::string standing(const Line& baseline, double source_accuracy, std::int64_t n) {
  if (baseline.n < kLinePoints) return "few points";
  if (!baseline.is_significant()) return "not significant";
  const double x = logit(source_accuracy, n);
  return x < baseline.least_x || x > baseline.greatest_x ? "extrapolated" : "fitted";
}

}  // namespace cliplab
