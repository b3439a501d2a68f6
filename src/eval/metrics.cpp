// Ranks first; every rate and interval is a function of them.
#include "eval/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/hypergeometric.hpp>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/finite.hpp"
#include "base/rng.hpp"

namespace cliplab {

double binomial_p_value(std::int64_t hits, std::int64_t n, double rate) {
  if (hits < 0 || hits > n || !(rate >= 0 && rate <= 1))
    fail("binomial test", std::to_string(hits) + " hits of " + std::to_string(n), "0 <= hits <= n, a rate in [0, 1]");
  if (hits == 0) return 1;
  return cdf(
      complement(boost::math::binomial_distribution<>(static_cast<double>(n), rate), static_cast<double>(hits - 1)));
}

double chi_squared_p_value(std::int64_t hits, std::int64_t n, std::int64_t others, std::int64_t m) {
  if (hits < 0 || hits > n || others < 0 || others > m || n == 0 || m == 0)
    fail("chi-squared test", fmt::format("{} hits of {} and {} of {}", hits, n, others, m),
         "0 <= hits <= n, both n above 0");
  const double a = static_cast<double>(hits), b = static_cast<double>(n - hits), c = static_cast<double>(others),
               d = static_cast<double>(m - others);
  if (a + c == 0 || b + d == 0) return 1;
  const double cross = a * d - b * c, chi2 = cross * cross * (a + b + c + d) / ((a + b) * (c + d) * (a + c) * (b + d));
  return std::erfc(std::sqrt(chi2 / 2));  // one degree of freedom
}

double fisher_p_value(std::int64_t hits, std::int64_t n, std::int64_t others, std::int64_t m) {
  if (hits < 0 || hits > n || others < 0 || others > m || n == 0 || m == 0)
    fail("Fisher's test", fmt::format("{} hits of {} and {} of {}", hits, n, others, m),
         "0 <= hits <= n, both n above 0");
  const auto all = static_cast<std::uint64_t>(hits + others), size = static_cast<std::uint64_t>(n);
  const std::uint64_t least = all > static_cast<std::uint64_t>(m) ? all - static_cast<std::uint64_t>(m) : 0;
  if (static_cast<std::uint64_t>(hits) <= least) return 1;
  const boost::math::hypergeometric_distribution<> drawn(all, size, static_cast<std::uint64_t>(n + m));
  return cdf(complement(drawn, static_cast<std::uint64_t>(hits - 1)));
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> corrected(p_values.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, static_cast<double>(order.size() - i) * p_values[order[i]]);
    corrected[order[i]] = std::min(1.0, largest);
  }
  return corrected;
}

std::vector<int> label_ranks(const Matrix& logits, std::span<const int> labels) {
  if (logits.rows() != std::ssize(labels))
    fail("metrics", std::to_string(labels.size()) + " labels", std::to_string(logits.rows()));
  need_finite("metrics: logits", logits);
  std::vector<int> ranks(labels.size());
  for (Eigen::Index i = 0; i < logits.rows(); ++i) {
    const int label = labels[i];
    if (label < 0 || label >= logits.cols())
      fail("metrics", "label " + std::to_string(label), "a label in [0, " + std::to_string(logits.cols()) + ")");
    const float own = logits(i, label);
    int rank = 0;
    for (Eigen::Index c = 0; c < logits.cols(); ++c) rank += logits(i, c) > own || (logits(i, c) == own && c < label);
    ranks[i] = rank;
  }
  return ranks;
}

Interval top_k(std::span<const int> ranks, int k) {
  const auto hits = std::count_if(ranks.begin(), ranks.end(), [k](int rank) { return rank < k; });
  return clopper_pearson(hits, std::ssize(ranks));
}

Interval mean_per_class(std::span<const int> ranks, std::span<const int> labels) {
  if (ranks.size() != labels.size())
    fail("metrics", std::to_string(labels.size()) + " labels", std::to_string(ranks.size()));
  if (labels.empty()) return clopper_pearson(0, 0);
  std::vector<double> right;
  for (const int rank : ranks) right.push_back(rank == 0 ? 1 : 0);
  return mean_over_classes(right, labels);
}

double log_loss(const Matrix& logits, std::span<const int> labels) {
  if (logits.rows() != std::ssize(labels) || labels.empty())
    fail("log loss", std::to_string(labels.size()) + " labels", std::to_string(logits.rows()) + ", at least one");
  need_finite("log loss: logits", logits);
  double sum = 0;
  for (Eigen::Index i = 0; i < logits.rows(); ++i) {
    const Eigen::RowVectorXd row = logits.row(i).cast<double>();
    const double top = row.maxCoeff();
    sum += top + std::log((row.array() - top).exp().sum()) - row(labels[i]);
  }
  return sum / static_cast<double>(labels.size());
}

double binary_log_loss(const Matrix& logits, std::span<const std::int8_t> targets) {
  if (logits.size() != std::ssize(targets))
    fail("log loss", std::to_string(targets.size()) + " targets", std::to_string(logits.size()));
  need_finite("log loss: logits", logits);
  double sum = 0;
  std::int64_t count = 0;
  for (Eigen::Index i = 0; i < logits.size(); ++i) {
    if (targets[i] == 0) continue;
    const double margin = static_cast<double>(logits.data()[i]) * targets[i];
    sum += std::max(0.0, -margin) + std::log1p(std::exp(-std::abs(margin))), ++count;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

Matrix log_probabilities(const Matrix& logits) {
  need_finite("probabilities: logits", logits);
  const MatrixD shifted = logits.cast<double>().colwise() - logits.cast<double>().rowwise().maxCoeff();
  const VectorD sums = shifted.array().exp().rowwise().sum().log();
  return (shifted.colwise() - sums).cast<float>();
}

Predictions top_predictions(const Matrix& logits) {
  need_finite("predictions: logits", logits);
  Predictions result;
  for (Eigen::Index i = 0; i < logits.rows(); ++i) {
    Eigen::Index best = 0;
    const float top = logits.row(i).maxCoeff(&best);
    result.label.push_back(static_cast<int>(best));
    result.probability.push_back(1 / static_cast<double>((logits.row(i).array() - top).exp().sum()));
  }
  return result;
}

namespace {

/// Rows by falling score; throws unless scores and labels match and are 0 or 1.
std::vector<std::size_t> by_score(std::span<const float> scores, std::span<const int> labels) {
  if (scores.size() != labels.size())
    fail("metrics", std::to_string(labels.size()) + " labels", std::to_string(scores.size()));
  for (const int label : labels)
    if (label != 0 && label != 1) fail("metrics", "label " + std::to_string(label), "0 or 1");
  need_finite("metrics", scores);
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  return order;
}

}  // namespace

double roc_auc(std::span<const float> scores, std::span<const int> labels) {
  const std::vector<std::size_t> order = by_score(scores, labels);
  double above = 0, area = 0;  // positives with a higher score; pairs in the right order
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    double positives = 0;
    for (; end < order.size() && scores[order[end]] == scores[order[i]]; ++end) positives += labels[order[end]];
    area += (static_cast<double>(end - i) - positives) * (above + positives / 2);
    above += positives;
    i = end;
  }
  const double negatives = static_cast<double>(labels.size()) - above;
  if (above == 0 || negatives == 0) fail("ROC", "labels of one class", "samples of both");
  return area / (above * negatives);
}

double average_precision(std::span<const float> scores, std::span<const int> right, std::span<const double> weights) {
  const std::vector<std::size_t> order = by_score(scores, right);
  if (weights.size() != right.size())
    fail("average precision", std::to_string(weights.size()) + " weights", "one a sample");
  double all = 0, hits = 0, seen = 0, area = 0;
  for (std::size_t i = 0; i < right.size(); ++i) all += right[i] == 1 ? weights[i] : 0;
  if (all == 0) fail("average precision", "no positive sample", "at least one");
  for (std::size_t i = 0; i < order.size();) {
    const double before = hits;
    const float score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i)
      seen += weights[order[i]], hits += right[order[i]] == 1 ? weights[order[i]] : 0;
    area += (hits - before) / all * (hits / seen);
  }
  return area;
}

double average_precision_11(std::span<const float> scores, std::span<const int> labels) {
  const std::vector<std::size_t> order = by_score(scores, labels);
  const double positives = static_cast<double>(std::count(labels.begin(), labels.end(), 1));
  if (positives == 0) fail("average precision", "no positive sample", "at least one");
  double best[11] = {}, hits = 0;
  for (std::size_t i = 0; i < order.size();) {
    const float score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i) hits += labels[order[i]];
    const double precision = hits / static_cast<double>(i);
    for (int t = 0; t <= 10; ++t)
      if (hits * 10 >= t * positives) best[t] = std::max(best[t], precision);
  }
  return std::accumulate(std::begin(best), std::end(best), 0.0) / 11;
}

double mean_average_precision_11(const Matrix& logits, std::span<const std::int8_t> targets, bool skip_absent) {
  if (logits.size() != std::ssize(targets) || logits.cols() == 0)
    fail("average precision", std::to_string(targets.size()) + " targets",
         "one for each of " + std::to_string(logits.size()) + " logits");
  need_finite("average precision: logits", logits);
  double sum = 0;
  int counted = 0;
  for (Eigen::Index c = 0; c < logits.cols(); ++c) {
    std::vector<float> scores;
    std::vector<int> labels;
    for (Eigen::Index i = 0; i < logits.rows(); ++i)
      if (const int target = targets[i * logits.cols() + c]; target != 0)
        scores.push_back(logits(i, c)), labels.push_back(target > 0);
    if (skip_absent && std::find(labels.begin(), labels.end(), 1) == labels.end()) continue;
    sum += average_precision_11(scores, labels), ++counted;
  }
  return counted == 0 ? 0 : sum / counted;
}

}  // namespace cliplab
