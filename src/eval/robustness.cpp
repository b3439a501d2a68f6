// Lines in plain, logit and log axes.
#include "eval/robustness.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace cliplab {
namespace {

/// The standard error that a 95 % interval stands for.
double error_of(const Interval& interval) { return (interval.high - interval.low) / (2 * t_quantile(1e9)); }

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

Line fit_line(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size()) fail("line fit", std::to_string(y.size()) + " y values", std::to_string(x.size()));
  double largest_x = 0, largest_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i]))
      fail("line fit", "point " + std::to_string(i) + " is not finite", "finite points");
    largest_x = std::max(largest_x, std::abs(x[i])), largest_y = std::max(largest_y, std::abs(y[i]));
  }
  Line line;
  line.n = std::ssize(x);
  const double n = static_cast<double>(line.n);
  double my = 0, sxy = 0, syy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) line.mean_x += x[i] / n, my += y[i] / n;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] - line.mean_x, dy = y[i] - my;
    line.sxx += dx * dx, sxy += dx * dy, syy += dy * dy;
  }
  // A sum of n rounded terms is off by n roundings of the largest: differences below that are none.
  constexpr double kRounding = 4 * std::numeric_limits<double>::epsilon();
  const double noise_x = n * kRounding * largest_x, noise_y = n * kRounding * largest_y;
  if (!(line.sxx > noise_x * noise_x))
    fail("line fit", std::to_string(x.size()) + " points with one x", "two different x");
  const auto [least, greatest] = std::minmax_element(x.begin(), x.end());
  line.least_x = *least, line.greatest_x = *greatest;
  const double slope = sxy / line.sxx;
  line.slope = point(slope, line.n), line.intercept = point(my - slope * line.mean_x, line.n);
  line.r = point(syy > noise_y * noise_y ? std::clamp(sxy / std::sqrt(line.sxx * syy), -1.0, 1.0) : 0, line.n);
  double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double residual = y[i] - line.at(x[i]);
    squares += residual * residual;
  }
  const double noise = noise_y + std::abs(slope) * noise_x;
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
  const double of_source = by_logit * baseline.slope.value * error_of(logits);
  const double of_line = by_logit * by_logit * baseline.variance_at(x);
  const double sampling = error_of(shift) * error_of(shift) + of_source * of_source;
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
