// Scores of classifiers and retrieval, with intervals. All rates are fractions. A logit or score that is NaN or
// infinite is an InputError in each of them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/matrix.hpp"

namespace cliplab {

struct Interval {
  double value = 0, low = 0, high = 0;  // 95 % unless said otherwise
  std::int64_t n = 0;
};

/// Clopper-Pearson interval of `hits` in `n`; n = 0 gives {0, 0, 1, 0}. `level` in (0, 1).
Interval clopper_pearson(std::int64_t hits, std::int64_t n, double level = 0.95);

/// One-sided binomial test: the chance of `hits` or more in `n` when each hits with probability `rate`.
double binomial_p_value(std::int64_t hits, std::int64_t n, double rate);

/// Pearson's chi-squared test, without continuity correction, that two groups hit at one rate: `hits` of `n` and
/// `others` of `m`. 1 where all or none hit.
double chi_squared_p_value(std::int64_t hits, std::int64_t n, std::int64_t others, std::int64_t m);

/// Rank of the label's logit in its row, 0 for the highest; ties count against the label except by index
/// (the lower class index wins, as argmax does). logits [N, C], labels [N] -> [N].
std::vector<int> label_ranks(const Matrix& logits, std::span<const int> labels);

/// Share of rows with rank < k, Clopper-Pearson.
Interval top_k(std::span<const int> ranks, int k);

/// Mean over the classes that occur of the class's top-1 rate; interval by 1000 stratified bootstrap resamples.
Interval mean_per_class(std::span<const int> ranks, std::span<const int> labels, std::uint64_t seed = 0);

/// Mean of -log softmax of the label's logit, in nats. logits [N, C], labels [N], N > 0.
double log_loss(const Matrix& logits, std::span<const int> labels);
/// Mean of the logistic loss of each target that is 1 or -1, in nats. logits and targets [N, C]; 0 without such a
/// target.
double binary_log_loss(const Matrix& logits, std::span<const std::int8_t> targets);

/// Mean of independent data sets' scores: half-widths add in quadrature, n is their sum.
Interval mean_of(std::span<const Interval> scores);

/// What guessing the most frequent training class scores on the test labels.
Interval majority_class(std::span<const int> train_labels, std::span<const int> test_labels);

struct Predictions {
  std::vector<int> label;           // [N] of the highest logit, the lowest index on a tie
  std::vector<double> probability;  // [N] its softmax
};

/// logits [N, C].
Predictions top_predictions(const Matrix& logits);

/// 95 % percentile interval of a statistic with this value, from `resamples` calls of `draw`; those where the statistic
/// is undefined (NaN) do not count. Without any: the value alone.
Interval percentile_interval(double value, std::int64_t n, int resamples, const std::function<double()>& draw);

/// 95 % percentile interval of `statistic` over resamples of n rows with replacement; the value is that of rows 0..n-1.
/// Paired differences come from a statistic that looks at two classifiers' rows.
Interval bootstrap(std::int64_t n, const std::function<double(std::span<const std::size_t> rows)>& statistic,
                   int resamples = 1000, std::uint64_t seed = 0);

/// Area under the ROC curve, ties count half. labels 0 or 1, at least one of each; throws InputError otherwise.
double roc_auc(std::span<const float> scores, std::span<const int> labels);

/// Area under precision over recall by steps, of weighted samples; equal scores enter together (scikit-learn's
/// average_precision_score). right 0 or 1, weights above 0. Throws InputError without a right sample.
double average_precision(std::span<const float> scores, std::span<const int> right, std::span<const double> weights);

/// VOC2007's average precision: the mean over recalls 0, 0.1, ..., 1 of the best precision at that recall or above.
/// Samples of equal scores keep their order, as in the VOC development kit. Throws InputError without a positive.
double average_precision_11(std::span<const float> scores, std::span<const int> labels);
/// Its mean over the classes. logits [N, C], targets [N, C]: 1 yes, -1 no, 0 difficult, which is left out of its class
/// alone as in the development kit's VOCevalcls.m. `skip_absent`: classes without a positive are left out (a small
/// validation cut) instead of an error.
double mean_average_precision_11(const Matrix& logits, std::span<const std::int8_t> targets, bool skip_absent = false);

}  // namespace cliplab
