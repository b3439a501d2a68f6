// One function a metric; the table at the end names them.
#include "eval/scores.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "base/error.hpp"
#include "base/finite.hpp"
#include "base/text.hpp"

namespace cliplab {
namespace {

void need_rows(const std::string& metric, const Matrix& logits, std::size_t answers) {
  if (logits.rows() == 0 || logits.rows() != static_cast<Eigen::Index>(answers))
    fail(metric, std::to_string(answers) + " answers",
         "one for each of " + std::to_string(logits.rows()) + " rows of logits, at least one");
}

std::vector<double> as_double(std::span<const float> values) { return {values.begin(), values.end()}; }

/// The clip of each frame.
std::vector<int> clips_of(const Truth& truth) {
  std::vector<int> clips;
  for (const int clip : truth.clips) clips.push_back(std::abs(clip));
  return clips;
}

Interval accuracy(const Matrix& logits, const Truth& truth, std::uint64_t) {
  return rate_within(label_ranks(logits, truth.labels), 1, truth);
}

Interval per_class(const Matrix& logits, const Truth& truth, std::uint64_t) {
  return mean_per_class(label_ranks(logits, truth.labels), truth.labels);
}

Interval top1_and_top5(const Matrix& logits, const Truth& truth, std::uint64_t) {
  return bounded_mean(as_double(score_units("mean of top-1 and top-5", label_ranks(logits, truth.labels))), "pictures");
}

Interval auc(const Matrix& logits, const Truth& truth, std::uint64_t) {
  if (logits.cols() != 2) fail("ROC AUC", std::to_string(logits.cols()) + " classes", "two");
  const Vector scores = logits.col(1) - logits.col(0);
  const auto positives = std::count(truth.labels.begin(), truth.labels.end(), 1);
  return auc_interval(roc_auc({scores.data(), truth.labels.size()}, truth.labels), positives,
                      std::ssize(truth.labels) - positives);
}

Interval map_11(const Matrix& logits, const Truth& truth, std::uint64_t seed) {
  const Eigen::Index C = logits.cols();
  Interval interval = point(mean_average_precision_11(logits, truth.targets), logits.rows());
  Matrix drawn(logits.rows(), C);
  std::vector<std::int8_t> targets(truth.targets.size());
  // A class without a positive in a resample is left out of its mean: then what differs between classes is in the
  // interval too. One class with one positive has nothing that could vary.
  const Interval resampled = bootstrap(
      logits.rows(), "pictures",
      [&](std::span<const std::size_t> rows) {
        for (std::size_t i = 0; i < rows.size(); ++i) {
          drawn.row(static_cast<Eigen::Index>(i)) = logits.row(static_cast<Eigen::Index>(rows[i]));
          for (Eigen::Index c = 0; c < C; ++c) targets[i * C + c] = truth.targets[rows[i] * C + c];
        }
        return std::ranges::count_if(targets, [](std::int8_t target) { return target > 0; }) == 0
                   ? std::numeric_limits<double>::quiet_NaN()
                   : mean_average_precision_11(drawn, targets, /*skip_absent=*/true);
      },
      200, seed);
  if (resampled.has_bounds()) interval = resampled;
  return interval;
}

/// A row a clip that has its anchor: whether the anchor is right, and whether all its frames are.
std::vector<std::pair<bool, bool>> clips_right(const Matrix& logits, const Truth& truth) {
  if (truth.clips.size() != truth.labels.size())
    fail("pm-k", std::to_string(truth.clips.size()) + " frames of clips",
         "one for each of " + std::to_string(logits.rows()) + " rows of logits");
  need_finite("pm-k: logits", logits);
  struct Clip {
    bool has_anchor = false, anchor = true, all = true;
  };
  std::map<int, Clip> clips;
  for (Eigen::Index i = 0; i < logits.rows(); ++i) {
    Eigen::Index best = 0;
    logits.row(i).maxCoeff(&best);
    const bool right = truth.targets.empty() ? best == truth.labels[i] : truth.targets[i * logits.cols() + best] > 0;
    Clip& clip = clips[std::abs(truth.clips[i])];
    if (truth.clips[i] > 0) clip.has_anchor = true, clip.anchor = right;
    clip.all = clip.all && right;
  }
  std::vector<std::pair<bool, bool>> rows;
  for (const auto& [number, clip] : clips)
    if (clip.has_anchor) rows.emplace_back(clip.anchor, clip.all);
  if (rows.empty()) fail("pm-k", "no clip with its anchor frame", "one at least");
  return rows;
}

template <bool kAll>
Interval pm(const Matrix& logits, const Truth& truth, std::uint64_t) {
  const auto rows = clips_right(logits, truth);
  return clopper_pearson(
      std::count_if(rows.begin(), rows.end(), [](const auto& row) { return kAll ? row.second : row.first; }),
      std::ssize(rows), 0.95, "clips");
}

Interval mean_pm(const Matrix& logits, const Truth& truth, std::uint64_t) {
  return bounded_mean(as_double(clip_units(logits, truth)), "clips");
}

struct Metric {
  std::string name, record;
  Interval (*score)(const Matrix&, const Truth&, std::uint64_t);
};

const Metric kMetrics[]{{"accuracy", "top1", accuracy},
                        {"mean per class", "mean_per_class", per_class},
                        {"mean of top-1 and top-5", "mean_top1_top5", top1_and_top5},
                        {"ROC AUC", "roc_auc", auc},
                        {"11-point mAP", "map11", map_11},
                        {"pm-0", "pm0", pm<false>},
                        {"pm-10", "pm10", pm<true>},
                        {"mean of pm-0 and pm-10", "mean_pm0_pm10", mean_pm}};

const Metric& find_metric(const std::string& name) { return find_named(kMetrics, name, "metric"); }

}  // namespace

Interval score_named(const std::string& metric, const Matrix& logits, const Truth& truth, std::uint64_t seed) {
  const Metric& known = find_metric(metric);
  const bool several = known.score == map_11;
  need_rows(metric, logits,
            several ? truth.targets.size() / std::max<std::size_t>(1, logits.cols()) : truth.labels.size());
  return known.score(logits, truth, seed);
}

double score_value(const std::string& metric, const Matrix& logits, const Truth& truth) {
  const Metric& known = find_metric(metric);
  need_rows(metric, logits, truth.labels.size());
  if (known.score == auc) {
    const Vector scores = logits.col(1) - logits.col(0);
    return roc_auc({scores.data(), truth.labels.size()}, truth.labels);
  }
  const std::vector<int> ranks = label_ranks(logits, truth.labels);
  if (known.score == accuracy) return top_k(ranks, 1).value;
  if (known.score == top1_and_top5) return (top_k(ranks, 1).value + top_k(ranks, 5).value) / 2;
  if (known.score != per_class) fail(metric, "several labels a picture, or clips", "a metric of single labels");
  std::map<int, std::pair<double, double>> hits;  // class -> right, all
  for (std::size_t i = 0; i < ranks.size(); ++i)
    hits[truth.labels[i]].first += ranks[i] == 0, hits[truth.labels[i]].second += 1;
  double sum = 0;
  for (const auto& [label, of] : hits) sum += of.first / of.second;
  return sum / static_cast<double>(hits.size());
}

std::vector<float> score_units(const std::string& metric, std::span<const int> ranks) {
  const auto score = find_metric(metric).score;
  if (score != accuracy && score != per_class && score != top1_and_top5 && score != auc)
    fail(metric, "several labels a picture, or clips", "a metric of single labels");
  std::vector<float> units;
  for (const int rank : ranks)
    units.push_back(score == top1_and_top5 ? static_cast<float>((rank < 1) + (rank < 5)) / 2
                                           : static_cast<float>(rank == 0));
  return units;
}

std::vector<float> clip_units(const Matrix& logits, const Truth& truth) {
  std::vector<float> units;
  for (const auto& [anchor, all] : clips_right(logits, truth)) units.push_back(static_cast<float>(anchor + all) / 2);
  return units;
}

Sampling sampling_of(const std::string& metric, double mean, std::span<const double> units, const Truth& truth) {
  const auto score = find_metric(metric).score;
  if (score == per_class) return sampling_over_classes(units, truth.labels);
  if (score != auc) return sampling_of_mean(units);
  const auto positives = std::count(truth.labels.begin(), truth.labels.end(), 1);
  const double error = standard_error(auc_interval(mean, positives, std::ssize(truth.labels) - positives));
  return {error * error, static_cast<double>(units.size()) - 1};
}

Interval rate_within(std::span<const int> ranks, int k, const Truth& truth) {
  if (!truth.has_clips()) return top_k(ranks, k);
  std::vector<char> right;
  for (const int rank : ranks) right.push_back(rank < k);
  return clustered_rate(right, clips_of(truth), "clips");
}

Interval majority_class(std::span<const int> train_labels, const Truth& test) {
  if (train_labels.empty()) fail("majority class", "no training label", "at least one");
  std::map<int, std::int64_t> counts;
  for (const int label : train_labels) ++counts[label];
  const int majority = std::ranges::max_element(counts, {}, [](const auto& of) { return of.second; })->first;
  std::vector<int> ranks;
  for (const int label : test.labels) ranks.push_back(label == majority ? 0 : 1);
  return rate_within(ranks, 1, test);
}

std::string record_name(const std::string& metric) { return find_metric(metric).record; }

std::string name_of_metric(const std::string& record) {
  for (const Metric& metric : kMetrics)
    if (metric.record == record) return metric.name;
  fail("metric", "'" + record + "'", "one of " + joined(kMetrics, ", ", &Metric::record));
}

Matrix columns_of(const Matrix& logits, std::span<const int> classes) {
  Matrix subset(logits.rows(), std::ssize(classes));
  for (std::size_t s = 0; s < classes.size(); ++s) {
    if (classes[s] < 0 || classes[s] >= logits.cols())
      fail("class subset", "class " + std::to_string(classes[s]), "one under " + std::to_string(logits.cols()));
    subset.col(static_cast<Eigen::Index>(s)) = logits.col(classes[s]);
  }
  return subset;
}

Matrix best_of_columns(const Matrix& logits, std::span<const int> owner, int num_classes) {
  if (logits.cols() != std::ssize(owner))
    fail("synonyms", std::to_string(owner.size()) + " owners",
         "one for each of " + std::to_string(logits.cols()) + " columns");
  Matrix best = Matrix::Constant(logits.rows(), num_classes, -std::numeric_limits<float>::infinity());
  std::vector<bool> named(static_cast<std::size_t>(std::max(0, num_classes)));
  for (std::size_t p = 0; p < owner.size(); ++p) {
    if (owner[p] < 0 || owner[p] >= num_classes)
      fail("synonyms", "class " + std::to_string(owner[p]), "one under " + std::to_string(num_classes));
    named[owner[p]] = true;
    best.col(owner[p]) = best.col(owner[p]).cwiseMax(logits.col(static_cast<Eigen::Index>(p)));
  }
  if (const auto missing = std::find(named.begin(), named.end(), false); missing != named.end())
    fail("synonyms", "no column of class " + std::to_string(missing - named.begin()), "one at least");
  return best;
}

}  // namespace cliplab
