// Lines through accuracies: effective robustness (paper 3.3; Taori et al. 2020) and the scaling fit (Fig 9).
#pragma once

#include <cstdint>
#include <span>

#include "eval/metrics.hpp"

namespace cliplab {

struct Line {
  double slope = 0, intercept = 0;
  double r = 0;                          // Pearson correlation
  double slope_low = 0, slope_high = 0;  // 95 % of `resamples` bootstrap resamples of the points
  std::int64_t n = 0;
};

/// Least squares y = slope x + intercept. Needs two different x; throws InputError otherwise.
Line fit_line(std::span<const double> x, std::span<const double> y, int resamples = 1000, std::uint64_t seed = 0);

/// ln(p / (1 - p)), p first moved into [1/(2n), 1 - 1/(2n)].
double logit(double p, std::int64_t n);
double inverse_logit(double x);

/// Shift accuracy minus what the baseline line (logit source -> logit shift) predicts from the source accuracy.
double effective_robustness(const Line& baseline, double source_accuracy, double shift_accuracy, std::int64_t n);

}  // namespace cliplab
