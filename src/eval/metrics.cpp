// Ranks first; every rate and interval is a function of them.
#include "eval/metrics.hpp"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/rng.hpp"

namespace cliplab {

Interval clopper_pearson(std::int64_t hits, std::int64_t n, double level) {
  if (n == 0) return {0, 0, 1, 0};
  if (hits < 0 || hits > n || !(level > 0 && level < 1)) fail("interval", std::to_string(hits) + " hits of " + std::to_string(n), "0 <= hits <= n");
  const double tail = (1 - level) / 2, k = static_cast<double>(hits), size = static_cast<double>(n);
  Interval interval{k / size, 0, 1, n};
  if (hits > 0) interval.low = quantile(boost::math::beta_distribution<>(k, size - k + 1), tail);
  if (hits < n) interval.high = quantile(boost::math::beta_distribution<>(k + 1, size - k), 1 - tail);
  return interval;
}

std::vector<int> label_ranks(const Matrix& logits, std::span<const int> labels) {
  if (logits.rows() != std::ssize(labels)) fail("metrics", std::to_string(labels.size()) + " labels", std::to_string(logits.rows()));
  std::vector<int> ranks(labels.size());
  for (Eigen::Index i = 0; i < logits.rows(); ++i) {
    const int label = labels[i];
    if (label < 0 || label >= logits.cols()) fail("metrics", "label " + std::to_string(label), "a label in [0, " + std::to_string(logits.cols()) + ")");
    const float own = logits(i, label);
    int rank = 0;
    for (Eigen::Index c = 0; c < logits.cols(); ++c)
      rank += logits(i, c) > own || (logits(i, c) == own && c < label) || (std::isnan(own) && c != label);
    ranks[i] = rank;
  }
  return ranks;
}

Interval top_k(std::span<const int> ranks, int k) {
  const auto hits = std::count_if(ranks.begin(), ranks.end(), [k](int rank) { return rank < k; });
  return clopper_pearson(hits, std::ssize(ranks));
}

Interval mean_per_class(std::span<const int> ranks, std::span<const int> labels, std::uint64_t seed) {
  if (ranks.size() != labels.size()) fail("metrics", std::to_string(labels.size()) + " labels", std::to_string(ranks.size()));
  if (labels.empty()) return {0, 0, 1, 0};
  std::vector<std::vector<char>> hits(1 + *std::max_element(labels.begin(), labels.end()));
  for (std::size_t i = 0; i < labels.size(); ++i) hits[labels[i]].push_back(ranks[i] == 0);
  std::erase_if(hits, [](const auto& mine) { return mine.empty(); });
  const auto mean = [&](auto&& rate) {
    double sum = 0;
    for (const auto& mine : hits) sum += rate(mine);
    return sum / static_cast<double>(hits.size());
  };
  Interval result;
  result.n = std::ssize(labels);
  result.value = mean([](const auto& mine) { return std::accumulate(mine.begin(), mine.end(), 0.0) / static_cast<double>(mine.size()); });
  Rng rng(seed, 0xb007);
  std::vector<double> resampled(1000);
  for (double& value : resampled)
    value = mean([&](const auto& mine) {
      std::int64_t count = 0;
      for (std::size_t i = 0; i < mine.size(); ++i) count += mine[rng.below(mine.size())];
      return static_cast<double>(count) / static_cast<double>(mine.size());
    });
  std::sort(resampled.begin(), resampled.end());
  result.low = std::min(result.value, resampled[24]), result.high = std::max(result.value, resampled[974]);
  return result;
}

Interval majority_class(std::span<const int> train_labels, std::span<const int> test_labels) {
  if (train_labels.empty()) fail("majority class", "no training label", "at least one");
  std::vector<std::int64_t> counts(1 + *std::max_element(train_labels.begin(), train_labels.end()));
  for (const int label : train_labels) ++counts[label];
  const auto majority = std::max_element(counts.begin(), counts.end()) - counts.begin();
  return clopper_pearson(std::count(test_labels.begin(), test_labels.end(), majority), std::ssize(test_labels));
}

}  // namespace cliplab
