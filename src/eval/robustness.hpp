// Lines through accuracies: effective robustness (paper 3.3; Taori et al. 2020) and the scaling fit (Fig 9).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "eval/intervals.hpp"

namespace cliplab {

/// So many points make a line whose intervals and verdicts mean something.
inline constexpr std::int64_t kLinePoints = 5;

struct Line {
  /// Student's t with n - 2 degrees of freedom, and Fisher's z for r: "t(models)", "fisher-z(models)". Without bounds
  /// where fewer than kLinePoints points, or points exactly on a line, leave nothing to estimate the scatter from.
  Interval slope, intercept, r;
  std::int64_t n = 0;
  double mean_x = 0, sxx = 0;  // of the points: mean and sum of squares about it
  double least_x = 0, greatest_x = 0;
  double variance = 0;  // of the points about the line, n - 2 degrees of freedom

  double at(double x) const { return intercept.value + slope.value * x; }
  /// Variance of at(x) as an estimate of the line.
  double variance_at(double x) const;
  /// Is r different from 0 at 5 %? False with fewer than kLinePoints points.
  bool is_significant() const;
};

/// Are these three points or more, with x that differ by more than their rounding? Studies say so where they are not.
bool can_fit_line(std::span<const double> x);

/// Least squares y = slope x + intercept. Needs two x that differ by more than their rounding; throws InputError
/// otherwise.
Line fit_line(std::span<const double> x, std::span<const double> y);

/// ln(p / (1 - p)), p first moved into [1/(2n), 1 - 1/(2n)].
double logit(double p, std::int64_t n);
double inverse_logit(double x);

/// Shift accuracy minus what the baseline line (logit source -> logit shift) predicts from the source accuracy. The
/// interval holds the shift's sampling, the source's through the slope, and the line's error at this point (delta
/// method): "delta(line, source, shift)". Without bounds where the line or one of the scores has none.
Interval effective_robustness(const Line& baseline, const Interval& source, const Interval& shift);

/// What stands against a verdict on a number held against this line at `source_accuracy` of n samples: "few points",
/// "not significant" (r), "extrapolated" (outside the baselines' accuracies) or "fitted": nothing.
std::string standing(const Line& baseline, double source_accuracy, std::int64_t n);

}  // namespace cliplab
