// Closed forms where a good one is known; the bootstrap for what has none.
#include "eval/intervals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "base/error.hpp"
#include "base/rng.hpp"

namespace cliplab {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string in_units(const char* method, const std::string& units) { return fmt::format("{}({})", method, units); }

/// Clopper-Pearson for counts that need not be whole.
void exact_bounds(double hits, double n, double level, Interval& interval) {
  const double tail = (1 - level) / 2;
  interval.low = 0, interval.high = 1;
  if (hits > 0) interval.low = quantile(boost::math::beta_distribution<>(hits, n - hits + 1), tail);
  if (hits < n) interval.high = quantile(boost::math::beta_distribution<>(hits + 1, n - hits), 1 - tail);
}

/// Where a falling function passes 0 between `low` and `high`.
double root_of_falling(double low, double high, const std::function<double(double)>& function) {
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (function(middle) > 0 ? low : high) = middle;
  }
  return (low + high) / 2;
}

/// Sums of a rate's residuals over clusters: the variance of the rate between them.
struct Clusters {
  double variance = 0;
  std::int64_t count = 0;
  double added = 0;
};

/// `added` clusters are counted whose samples are all alike, which is the most that there can be: few clusters, or few
/// that hold any hit, show less of their variance than there is.
template <class Key>
Clusters between(std::span<const char> right, const std::function<Key(std::size_t)>& cluster_of, double rate,
                 double added = 0) {
  std::map<Key, double> residuals;
  for (std::size_t i = 0; i < right.size(); ++i) residuals[cluster_of(i)] += (right[i] != 0) - rate;
  Clusters clusters{0, std::ssize(residuals), added};
  for (const auto& [cluster, residual] : residuals) clusters.variance += residual * residual;
  const double count = static_cast<double>(clusters.count), n = static_cast<double>(right.size());
  if (!(count - 1 + added > 0)) return clusters.variance = kInfinity, clusters;
  const double shrunk = (count * rate + 1) / (count + 2), mean_size = n / count;
  clusters.variance = (clusters.variance + added * mean_size * mean_size * shrunk * (1 - shrunk)) /
                      (count - 1 + added) * count / (n * n);
  return clusters;
}

Interval of_clusters(std::span<const char> right, const Clusters& clusters, const std::string& units) {
  const double n = static_cast<double>(right.size());
  const double hits = static_cast<double>(std::count_if(right.begin(), right.end(), [](char hit) { return hit != 0; }));
  const double rate = hits / n, count = static_cast<double>(clusters.count);
  // All right or all wrong say nothing of the correlation within: then a cluster counts once.
  double effective = count;
  if (hits > 0 && hits < n && clusters.count > 1 && clusters.variance > 0) {
    const double ratio = t_quantile(n - 1) / t_quantile(count - 1 + clusters.added);
    effective = std::min(n, rate * (1 - rate) / clusters.variance * ratio * ratio);
  }
  Interval interval{rate, 0, 1, std::ssize(right), in_units("korn-graubard", units)};
  exact_bounds(rate * effective, effective, 0.95, interval);
  return interval;
}

double rate_of(std::span<const char> right) {
  double hits = 0;
  for (const char hit : right) hits += hit != 0;
  return hits / static_cast<double>(right.size());
}

void need_clusters(std::size_t samples, std::size_t clusters) {
  if (samples == 0 || samples != clusters)
    fail("interval", fmt::format("{} clusters of {} samples", clusters, samples), "one a sample, at least one");
}

}  // namespace

Interval point(double value, std::int64_t n) { return {value, value, value, n, "none"}; }

double t_quantile(double df) {
  if (!(df < 1e6)) return kZ;
  return quantile(boost::math::students_t(df), 0.975);
}

Interval clopper_pearson(std::int64_t hits, std::int64_t n, double level, const std::string& units) {
  const std::string covers = in_units("clopper-pearson", units);
  if (n == 0) return {0, 0, 1, 0, covers};
  if (hits < 0 || hits > n || !(level > 0 && level < 1))
    fail("interval", std::to_string(hits) + " hits of " + std::to_string(n), "0 <= hits <= n");
  const double k = static_cast<double>(hits), size = static_cast<double>(n);
  Interval interval{k / size, 0, 1, n, covers};
  exact_bounds(k, size, level, interval);
  return interval;
}

Sampling sampling_of_mean(std::span<const double> values) {
  double sum = kZ * kZ / 2, squares = kZ * kZ / 2;
  for (const double value : values) sum += value, squares += value * value;
  const double n = static_cast<double>(values.size()) + kZ * kZ, mean = sum / n;
  return {std::max(0.0, squares / n - mean * mean) / n, static_cast<double>(values.size()) - 1 + kZ * kZ};
}

Interval bounded_mean(std::span<const double> values, const std::string& units) {
  if (values.empty()) fail("interval", "no value", "at least one");
  const double sum = std::accumulate(values.begin(), values.end(), 0.0), n = static_cast<double>(values.size());
  const Sampling sampling = sampling_of_mean(values);
  const double middle = (sum + kZ * kZ / 2) / (n + kZ * kZ), half = kZ * std::sqrt(sampling.variance), mean = sum / n;
  return {mean, std::clamp(middle - half, 0.0, mean), std::clamp(middle + half, mean, 1.0), std::ssize(values),
          in_units("agresti-coull", units)};
}

Interval clustered_rate(std::span<const char> right, std::span<const int> cluster, const std::string& units) {
  need_clusters(right.size(), cluster.size());
  return of_clusters(right,
                     between<int>(
                         right, [&](std::size_t i) { return cluster[i]; }, rate_of(right), 2),
                     units);
}

Interval clustered_rate(std::span<const char> right, std::span<const int> cluster, std::span<const int> other,
                        const std::string& units) {
  need_clusters(right.size(), cluster.size()), need_clusters(right.size(), other.size());
  const double rate = rate_of(right);
  const Clusters by_one = between<int>(
                     right, [&](std::size_t i) { return cluster[i]; }, rate),
                 by_other = between<int>(
                     right, [&](std::size_t i) { return other[i]; }, rate),
                 cells = between<std::pair<int, int>>(
                     right, [&](std::size_t i) { return std::pair(cluster[i], other[i]); }, rate);
  const Clusters& fewer = by_one.count < by_other.count ? by_one : by_other;
  if (fewer.count < 2) return of_clusters(right, fewer, units);
  return of_clusters(
      right,
      {std::max({by_one.variance + by_other.variance - cells.variance, by_one.variance, by_other.variance}),
       fewer.count, 0},
      units);
}

Interval paired_difference(std::int64_t gained, std::int64_t lost, std::int64_t n) {
  if (gained < 0 || lost < 0 || n < 1 || gained + lost > n)
    fail("interval", fmt::format("{} gained and {} lost of {}", gained, lost, n), "at most all of one or more");
  const double size = static_cast<double>(n);
  // The upper bound; the lower one is that of the negative difference.
  const auto upper = [size](double b, double c) {
    const auto beyond = [=](double difference) {  // above 0 while the score test keeps this difference
      const double B = -b - c + (2 * size - b + c) * difference, C = -c * difference * (1 - difference);
      const double q = (std::sqrt(std::max(0.0, B * B - 8 * size * C)) - B) / (4 * size);
      const double variance = size * (2 * q + difference * (1 - difference)), gap = b - c - size * difference;
      return kZ * kZ * variance - gap * gap;
    };
    return root_of_falling((b - c) / size, 1, beyond);
  };
  const double b = static_cast<double>(gained), c = static_cast<double>(lost);
  return {(b - c) / size, -upper(c, b), upper(b, c), n, in_units("score", "pictures")};
}

Interval difference_of_rates(std::int64_t hits, std::int64_t n, std::int64_t others, std::int64_t m, double level) {
  if (hits < 0 || hits > n || others < 0 || others > m || n < 1 || m < 1)
    fail("interval", fmt::format("{} hits of {} and {} of {}", hits, n, others, m), "0 <= hits <= n, both n above 0");
  const double z = quantile(boost::math::normal(), 1 - (1 - level) / 2);
  const auto wilson = [z](std::int64_t k, std::int64_t of) {
    const double size = static_cast<double>(of), p = static_cast<double>(k) / size, scale = 1 + z * z / size;
    const double half = z * std::sqrt(p * (1 - p) / size + z * z / (4 * size * size)) / scale;
    const double middle = (p + z * z / (2 * size)) / scale;
    return Interval{p, std::max(0.0, middle - half), std::min(1.0, middle + half), of, {}};
  };
  Interval difference = difference_of(wilson(hits, n), wilson(others, m));
  difference.covers = in_units("newcombe", "pictures");
  return difference;
}

Interval auc_interval(double area, std::int64_t positives, std::int64_t negatives) {
  if (!(area >= 0 && area <= 1) || positives < 1 || negatives < 1)
    fail("ROC", fmt::format("an area of {} of {} and {} samples", area, positives, negatives), "samples of both");
  const double m = static_cast<double>(positives), n = static_cast<double>(negatives), half = (m + n) / 2 - 1;
  const auto allows = [&](double truth) {
    const double spread = 1 + half * ((1 - truth) / (2 - truth) + truth / (1 + truth));
    return kZ * kZ * truth * (1 - truth) * spread / (m * n) >= (area - truth) * (area - truth);
  };
  const auto edge = [&](double end) {  // the farthest area on the way to `end` that still allows this one
    double inside = area, outside = end;
    for (int i = 0; i < 60; ++i) {
      const double middle = (inside + outside) / 2;
      (allows(middle) ? inside : outside) = middle;
    }
    return inside;
  };
  return {area, edge(0), edge(1), positives + negatives, "newcombe(pictures)"};
}

Interval mean_alike(std::span<const Interval> scores) {
  if (scores.empty()) return {};
  Interval mean{0, 0, 0, scores.front().n, scores.front().covers};
  for (const Interval& s : scores) mean.value += s.value, mean.low += s.low, mean.high += s.high;
  for (double* bound : {&mean.value, &mean.low, &mean.high}) *bound /= static_cast<double>(scores.size());
  return mean;
}

Interval mean_of(std::span<const Interval> scores) {
  Interval mean{0, 0, 0, 0, "mover(data sets)"};
  double below = 0, above = 0;
  bool has_bounds = !scores.empty();
  for (const Interval& s : scores) {
    mean.value += s.value, mean.n += s.n, has_bounds = has_bounds && s.has_bounds();
    below += (s.value - s.low) * (s.value - s.low), above += (s.high - s.value) * (s.high - s.value);
  }
  const auto count = static_cast<double>(std::max<std::size_t>(1, scores.size()));
  mean.value /= count;
  if (!has_bounds) return point(mean.value, mean.n);
  mean.low = mean.value - std::sqrt(below) / count, mean.high = mean.value + std::sqrt(above) / count;
  return mean;
}

Interval difference_of(const Interval& ours, const Interval& theirs) {
  const double value = ours.value - theirs.value;
  if (!ours.has_bounds() || !theirs.has_bounds()) return point(value, ours.n);
  return {value, value - std::hypot(ours.value - ours.low, theirs.high - theirs.value),
          value + std::hypot(ours.high - ours.value, theirs.value - theirs.low), ours.n, "mover(pictures)"};
}

Interval correlation_interval(double r, std::int64_t n, const std::string& units) {
  if (n < 4 || !(std::abs(r) < 1)) return point(r, n);
  const double z = std::atanh(r), half = kZ / std::sqrt(static_cast<double>(n - 3));
  return {r, std::tanh(z - half), std::tanh(z + half), n, in_units("fisher-z", units)};
}

Interval median_of(std::vector<double> values, const std::string& units) {
  if (values.empty()) fail("median", "no value", "at least one");
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  Interval median = point((values[(n - 1) / 2] + values[n / 2]) / 2, std::ssize(values));
  const boost::math::binomial_distribution<> below(static_cast<double>(n), 0.5);
  std::size_t out = 0;  // so many values are left out at either end
  while (cdf(below, static_cast<double>(out)) <= 0.025) ++out;
  if (out == 0) return median;
  median.low = values[out - 1], median.high = values[n - out], median.covers = in_units("order", units);
  return median;
}

Interval percentile_interval(double value, std::int64_t n, int resamples, const std::string& units,
                             const std::function<double()>& draw) {
  std::vector<double> values;
  for (int i = 0; i < resamples; ++i)
    if (const double drawn = draw(); !std::isnan(drawn)) values.push_back(drawn);
  if (values.empty()) return point(value, n);
  std::sort(values.begin(), values.end());
  const double last = static_cast<double>(values.size() - 1);
  const double low = std::min(value, values[static_cast<std::size_t>(std::floor(0.025 * last))]),
               high = std::max(value, values[static_cast<std::size_t>(std::ceil(0.975 * last))]);
  if (low == high) return point(value, n);
  return {value, low, high, n, in_units("bootstrap", units)};
}

Interval bootstrap(std::int64_t n, const std::string& units,
                   const std::function<double(std::span<const std::size_t>)>& statistic, int resamples,
                   std::uint64_t seed) {
  if (n < 1 || resamples < 1) fail("bootstrap", std::to_string(n) + " samples", "at least one");
  std::vector<std::size_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0);
  const double value = statistic(rows);
  Rng rng(seed, 0xb0075);
  return percentile_interval(value, n, resamples, units, [&] {
    for (std::size_t& row : rows) row = rng.below(n);
    return statistic(rows);
  });
}

namespace {

/// Mean and sampling variance of a mean over classes.
struct OverClasses {
  double mean = 0, variance = 0;
};

OverClasses over_classes(std::span<const double> values, std::span<const int> labels) {
  if (values.empty() || values.size() != labels.size())
    fail("interval", fmt::format("{} labels of {} values", labels.size(), values.size()), "one a value, at least one");
  std::map<int, std::pair<double, double>> classes;  // sum, count
  for (std::size_t i = 0; i < values.size(); ++i) classes[labels[i]].first += values[i], ++classes[labels[i]].second;
  const double count = static_cast<double>(classes.size());
  OverClasses result;
  for (const auto& [label, of] : classes) result.mean += of.first / of.second / count;
  for (const auto& [label, of] : classes) {
    const double n = of.second, rate = (of.first + result.mean) / (n + 1);  // one sample of the mean's added
    result.variance += rate * (1 - rate) / (n * (1 - n / ((n + 1) * (n + 1)))) / (count * count);
  }
  return result;
}

}  // namespace

Interval mean_over_classes(std::span<const double> values, std::span<const int> labels) {
  const auto [mean, variance] = over_classes(values, labels);
  Interval interval{mean, 0, 1, std::ssize(values), in_units("clopper-pearson", "pictures of each class")};
  const double effective = variance > 0 ? mean * (1 - mean) / variance : static_cast<double>(values.size());
  exact_bounds(mean * effective, effective, 0.95, interval);
  return interval;
}

Sampling sampling_over_classes(std::span<const double> values, std::span<const int> labels) {
  const double error = standard_error(mean_over_classes(values, labels));
  return {error * error, static_cast<double>(values.size())};
}

Interval mean_of_draws(std::span<const double> scores, const Sampling& test, double shared, double least) {
  if (scores.empty() || !(shared >= 0 && shared < 1))
    fail("interval", fmt::format("{} draws that share {}", scores.size(), shared), "one draw or more, a share under 1");
  const double draws = static_cast<double>(scores.size());
  const double mean = std::accumulate(scores.begin(), scores.end(), 0.0) / draws;
  double squares = 0;
  for (const double score : scores) squares += (score - mean) * (score - mean);
  const double of_draws = draws > 1 ? squares / (draws - 1) * (1 / draws + shared / (1 - shared)) : 0;
  const double variance = of_draws + test.variance;
  // Satterthwaite: the degrees of freedom of a sum of two estimated variances.
  const double parts =
      (draws > 1 ? of_draws * of_draws / (draws - 1) : 0) + (test.df > 0 ? test.variance * test.variance / test.df : 0);
  const double half = t_quantile(parts > 0 ? variance * variance / parts : kInfinity) * std::sqrt(variance);
  if (!(half > 0)) return point(mean, std::ssize(scores));
  return {mean, std::max(least, mean - half), std::min(1.0, mean + half), std::ssize(scores),
          draws > 1 ? "t(draws, pictures)" : "t(pictures)"};
}

}  // namespace cliplab
