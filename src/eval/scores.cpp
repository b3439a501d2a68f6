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

Interval accuracy(const Matrix& logits, const Truth& truth, std::uint64_t) {
  return top_k(label_ranks(logits, truth.labels), 1);
}

Interval per_class(const Matrix& logits, const Truth& truth, std::uint64_t seed) {
  return mean_per_class(label_ranks(logits, truth.labels), truth.labels, seed);
}

Interval top1_and_top5(const Matrix& logits, const Truth& truth, std::uint64_t seed) {
  const std::vector<int> ranks = label_ranks(logits, truth.labels);
  return bootstrap(
      std::ssize(ranks),
      [&](std::span<const std::size_t> rows) {
        std::int64_t twice = 0;
        for (const std::size_t row : rows) twice += (ranks[row] < 1) + (ranks[row] < 5);
        return static_cast<double>(twice) / (2 * static_cast<double>(rows.size()));
      },
      1000, seed);
}

Interval auc(const Matrix& logits, const Truth& truth, std::uint64_t seed) {
  if (logits.cols() != 2) fail("ROC AUC", std::to_string(logits.cols()) + " classes", "two");
  const Vector scores = logits.col(1) - logits.col(0);
  const double whole = roc_auc({scores.data(), truth.labels.size()}, truth.labels);
  std::vector<float> drawn(truth.labels.size());
  std::vector<int> labels(truth.labels.size());
  return bootstrap(
      std::ssize(labels),
      [&](std::span<const std::size_t> rows) {
        for (std::size_t i = 0; i < rows.size(); ++i)
          drawn[i] = scores[static_cast<Eigen::Index>(rows[i])], labels[i] = truth.labels[rows[i]];
        const auto positives = std::count(labels.begin(), labels.end(), 1);
        return positives == 0 || positives == std::ssize(labels) ? whole
                                                                 : roc_auc(drawn, labels);  // undefined: says nothing
      },
      1000, seed);
}

Interval map_11(const Matrix& logits, const Truth& truth, std::uint64_t seed) {
  const Eigen::Index C = logits.cols();
  const double whole = mean_average_precision_11(logits, truth.targets);
  Matrix drawn(logits.rows(), C);
  std::vector<std::int8_t> targets(truth.targets.size());
  return bootstrap(
      logits.rows(),
      [&](std::span<const std::size_t> rows) {
        std::vector<bool> positive(C);
        for (std::size_t i = 0; i < rows.size(); ++i) {
          drawn.row(static_cast<Eigen::Index>(i)) = logits.row(static_cast<Eigen::Index>(rows[i]));
          for (Eigen::Index c = 0; c < C; ++c) {
            const std::int8_t target = targets[i * C + c] = truth.targets[rows[i] * C + c];
            if (target > 0) positive[c] = true;
          }
        }
        const bool defined = std::find(positive.begin(), positive.end(), false) == positive.end();
        return defined ? mean_average_precision_11(drawn, targets) : whole;
      },
      200, seed);
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
      std::ssize(rows));
}

Interval mean_pm(const Matrix& logits, const Truth& truth, std::uint64_t seed) {
  const auto clips = clips_right(logits, truth);
  return bootstrap(
      std::ssize(clips),
      [&](std::span<const std::size_t> rows) {
        std::int64_t twice = 0;
        for (const std::size_t row : rows) twice += clips[row].first + clips[row].second;
        return static_cast<double>(twice) / (2 * static_cast<double>(rows.size()));
      },
      1000, seed);
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
