// Scores of classifiers and retrieval, with intervals. All rates are fractions. A logit or score that is NaN or
// infinite is an InputError in each of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/matrix.hpp"
#include "eval/intervals.hpp"

namespace cliplab {

/// One-sided binomial test: the chance of `hits` or more in `n` when each hits with probability `rate`.
double binomial_p_value(std::int64_t hits, std::int64_t n, double rate);

/// Pearson's chi-squared test, without continuity correction, that two groups hit at one rate: `hits` of `n` and
/// `others` of `m`. 1 where all or none hit.
double chi_squared_p_value(std::int64_t hits, std::int64_t n, std::int64_t others, std::int64_t m);

/// Rank of the label's logit in its row, 0 for the highest; ties count against the label except by index
/// (the lower class index wins, as argmax does). logits [N, C], labels [N] -> [N].
std::vector<int> label_ranks(const Matrix& logits, std::span<const int> labels);

/// Fisher's exact test, one-sided: the chance that `hits` or more of the n are right when the two groups, hits of n and
/// others of m, differ by chance alone.
double fisher_p_value(std::int64_t hits, std::int64_t n, std::int64_t others, std::int64_t m);

/// Holm's correction (1979): p-values of a family of tests, each multiplied for the choice among all, in their order.
std::vector<double> holm(std::span<const double> p_values);

/// Share of rows with rank < k, Clopper-Pearson.
Interval top_k(std::span<const int> ranks, int k);

/// Mean over the classes that occur of the class's top-1 rate (mean_over_classes).
Interval mean_per_class(std::span<const int> ranks, std::span<const int> labels);

/// Mean of -log softmax of the label's logit, in nats. logits [N, C], labels [N], N > 0.
double log_loss(const Matrix& logits, std::span<const int> labels);
/// Mean of the logistic loss of each target that is 1 or -1, in nats. logits and targets [N, C]; 0 without such a
/// target.
double binary_log_loss(const Matrix& logits, std::span<const std::int8_t> targets);

struct Predictions {
  std::vector<int> label;           // [N] of the highest logit, the lowest index on a tie
  std::vector<double> probability;  // [N] its softmax
};

/// The logarithm of each row's softmax. logits [N, C].
Matrix log_probabilities(const Matrix& logits);

/// logits [N, C].
Predictions top_predictions(const Matrix& logits);

/// Area under the ROC curve, ties count half. labels 0 or 1, at least one of each; throws InputError otherwise.
double roc_auc(std::span<const float> scores, std::span<const int> labels);

/// Area under precision over recall by steps, of weighted samples; equal scores enter together (scikit-learn's
/// average_precision_score). right 0 or 1, weights above 0. Throws InputError without a right sample.
double average_precision(std::span<const float> scores, std::span<const int> right, std::span<const double> weights);

/// VOC2007's average precision: the mean over recalls 0, 0.1, ..., 1 of the best precision at that recall or above.
/// Samples of equal scores enter together (the VOC development kit takes them in the order of the file, so that a
/// file's order would decide). Throws InputError without a positive.
double average_precision_11(std::span<const float> scores, std::span<const int> labels);
/// Its mean over the classes. logits [N, C], targets [N, C]: 1 yes, -1 no, 0 difficult, which is left out of its class
/// alone as in the development kit's VOCevalcls.m. `skip_absent`: classes without a positive are left out (a small
/// validation cut) instead of an error.
double mean_average_precision_11(const Matrix& logits, std::span<const std::int8_t> targets, bool skip_absent = false);

}  // namespace cliplab
