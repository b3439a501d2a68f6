// 95 % intervals of measured numbers. Each says what it covers; tests/coverage simulates how often it holds the truth.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace cliplab {

struct Interval {
  double value = 0, low = 0, high = 0;  // 95 % unless said otherwise
  std::int64_t n = 0;
  /// "METHOD(UNITS)": how the bounds were found, and what counts as independent; "none": there are no bounds. Empty: no
  /// bounds if both equal the value (Recorder refuses it otherwise).
  std::string covers{};

  bool has_bounds() const { return low < value || high > value; }
};

/// A number without an interval.
Interval point(double value, std::int64_t n);

inline constexpr double kZ = 1.959963984540054;  // the normal's upper 97.5 % point

/// The standard error that a 95 % interval stands for.
inline double standard_error(const Interval& interval) { return (interval.high - interval.low) / (2 * kZ); }

/// The upper 97.5 % point of Student's t; `df` > 0, infinity for the normal's.
double t_quantile(double df);

/// Clopper-Pearson interval of `hits` in `n`; n = 0 gives {0, 0, 1, 0}. `level` in (0, 1).
Interval clopper_pearson(std::int64_t hits, std::int64_t n, double level = 0.95, const std::string& units = "pictures");

/// A mean of values in [0, 1], by Agresti and Coull's rule for rates: two pseudo-samples at each end, so that values
/// that are all equal do not stand for certainty. At least one value. "agresti-coull(UNITS)".
Interval bounded_mean(std::span<const double> values, const std::string& units);

/// A rate of samples that come in clusters (frames of a clip, captions of a picture): Clopper-Pearson of the effective
/// number of samples (Korn and Graubard 1998), from the variance between clusters. `cluster` [N]: any numbers.
/// "korn-graubard(UNITS)".
Interval clustered_rate(std::span<const char> right, std::span<const int> cluster, const std::string& units);
/// The same of samples crossed by two kinds of clusters (answers by person and picture): variances by either, less that
/// of the cells (Cameron, Gelbach and Miller 2011).
Interval clustered_rate(std::span<const char> right, std::span<const int> cluster, std::span<const int> other,
                        const std::string& units);

/// Rate of one classifier less another's on the same n samples, of which `gained` are right by the first alone and
/// `lost` by the second alone: Tango's score interval (1998), which excludes 0 where McNemar's test rejects.
Interval paired_difference(std::int64_t gained, std::int64_t lost, std::int64_t n);

/// Rate hits / n less that of another group, others / m: Newcombe's interval (1998, method 10, Wilson scores). Both n
/// above 0.
Interval difference_of_rates(std::int64_t hits, std::int64_t n, std::int64_t others, std::int64_t m,
                             double level = 0.95);

/// Interval of an area under the ROC curve by Newcombe's method 5 (2006): the areas whose own variance by Hanley and
/// McNeil, of so many positives and negatives, allows this one. "newcombe(pictures)".
Interval auc_interval(double area, std::int64_t positives, std::int64_t negatives);

/// Mean of independent data sets' scores: half-widths add in quadrature (MOVER, Zou and Donner 2008), n is their sum.
/// Without bounds if one of them has none.
Interval mean_of(std::span<const Interval> scores);
/// Of scores on the same pictures, which err together: bounds are the means of theirs, n is one's.
Interval mean_alike(std::span<const Interval> scores);

/// One score less another's: half-widths in quadrature, which is right for independent scores and too wide for those of
/// the same pictures.
Interval difference_of(const Interval& ours, const Interval& theirs);

/// Pearson's r of n pairs by Fisher's z; without bounds where n is below 4 or r is 1 or -1. "fisher-z(UNITS)".
Interval correlation_interval(double r, std::int64_t n, const std::string& units);

/// The median, between the order statistics that hold it with 95 % or more; n below 6: no bounds.
Interval median_of(std::vector<double> values, const std::string& units);

/// 95 % percentile interval of a statistic with this value, from `resamples` calls of `draw`; those where the statistic
/// is undefined (NaN) do not count. It holds the value; resamples that are all equal give no bounds.
/// "bootstrap(UNITS)".
Interval percentile_interval(double value, std::int64_t n, int resamples, const std::string& units,
                             const std::function<double()>& draw);

/// 95 % percentile interval of `statistic` over resamples of n rows with replacement; the value is that of rows 0..n-1.
Interval bootstrap(std::int64_t n, const std::string& units,
                   const std::function<double(std::span<const std::size_t> rows)>& statistic, int resamples = 1000,
                   std::uint64_t seed = 0);

/// What sampling of the test pictures adds to a score: its variance and the degrees of freedom behind it.
struct Sampling {
  double variance = 0, df = 0;
};

/// Of a mean of values in [0, 1], with bounded_mean's pseudo-samples.
Sampling sampling_of_mean(std::span<const double> values);

/// Mean over the classes that occur of the class's mean of `values` in [0, 1], one a sample, with `labels`:
/// Clopper-Pearson of the effective number of samples. A class's variance is that of its rate after one sample of the
/// mean rate was added to it: one sample a class, all of them right, still leaves an interval.
/// "clopper-pearson(pictures of each class)".
Interval mean_over_classes(std::span<const double> values, std::span<const int> labels);
/// Its variance and degrees of freedom.
Sampling sampling_over_classes(std::span<const double> values, std::span<const int> labels);

/// Mean of the scores of `scores.size()` draws on the same test pictures: Student's t of the draws' variance and the
/// test pictures' together (degrees of freedom by Satterthwaite), within [least, 1]. `shared`: the share of the pool
/// that a draw takes; draws that share samples differ too little, so their variance counts 1 / draws + shared / (1 -
/// shared) times (Nadeau and Bengio 2003). n: the draws. One draw: the test pictures' alone. "t(draws, pictures)".
Interval mean_of_draws(std::span<const double> scores, const Sampling& test, double shared = 0, double least = -1);

}  // namespace cliplab
