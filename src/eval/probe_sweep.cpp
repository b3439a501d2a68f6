// The lambda search. Fits that only choose lambda use float32 products; the refit that is reported is float64.
#include "eval/probe_sweep.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "eval/metrics.hpp"

namespace cliplab {
namespace {

struct Cut {
  std::vector<Eigen::Index> train, validation;
};

/// A stratified share of each class, at least one sample stays in train; in the order of the rows.
Cut cut_validation(std::span<const int> labels, int num_classes, double share, std::uint64_t seed) {
  std::vector<std::vector<Eigen::Index>> rows(num_classes);
  for (std::size_t i = 0; i < labels.size(); ++i) rows[labels[i]].push_back(static_cast<Eigen::Index>(i));
  Cut cut;
  Rng rng(seed, 0xc07);
  for (auto& mine : rows) {
    rng.shuffle(mine);
    const auto held = static_cast<std::size_t>(share * static_cast<double>(mine.size()));
    cut.validation.insert(cut.validation.end(), mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(held));
    cut.train.insert(cut.train.end(), mine.begin() + static_cast<std::ptrdiff_t>(held), mine.end());
  }
  std::sort(cut.train.begin(), cut.train.end());
  std::sort(cut.validation.begin(), cut.validation.end());
  return cut;
}

std::vector<int> pick(std::span<const int> labels, const std::vector<Eigen::Index>& rows) {
  std::vector<int> chosen;
  for (const Eigen::Index row : rows) chosen.push_back(labels[row]);
  return chosen;
}

}  // namespace

SweepResult sweep_probe(const Matrix& features, std::span<const int> labels, int num_classes, const SweepOptions& options) {
  if (features.rows() != std::ssize(labels)) fail("probe", std::to_string(labels.size()) + " labels", std::to_string(features.rows()));
  for (const int label : labels)
    if (label < 0 || label >= num_classes) fail("probe", "label " + std::to_string(label), "a label in [0, " + std::to_string(num_classes) + ")");
  const Cut cut = cut_validation(labels, num_classes, options.validation_share, options.seed);
  const Matrix train = features(cut.train, Eigen::all), validation = features(cut.validation, Eigen::all);
  const std::vector<int> train_labels = pick(labels, cut.train), validation_labels = pick(labels, cut.validation);

  // Exponents in eighths of a decade, so that 0.125 steps are exact keys.
  std::map<int, SweepPoint> points;
  std::map<int, LinearClassifier> fitted;
  const auto measure = [&](int eighths) {
    if (eighths < -48 || eighths > 48 || points.contains(eighths)) return;
    if (stop_requested()) throw Interrupted("stopped during a probe's lambda search");
    SweepPoint point;
    point.lambda = std::pow(10.0, eighths / 8.0);
    FitOptions fit{.lambda = point.lambda, .max_iterations = options.max_iterations};
    fit.precision = Precision::kFloat32;
    // Warm start from the next stronger penalty. The stop rule is relative on the sum (2.2e-9), not the gradient of the
    // mean, which a warm start would satisfy at once in the weak-penalty plateau.
    const auto stronger = fitted.upper_bound(eighths);
    const LinearClassifier classifier =
        fit_logistic_regression(train, train_labels, num_classes, fit, &point.fit, stronger == fitted.end() ? nullptr : &stronger->second);
    const std::vector<int>& truth = validation_labels.empty() ? train_labels : validation_labels;
    point.validation_accuracy = top_k(label_ranks(classifier.logits(validation_labels.empty() ? train : validation), truth), 1).value;
    points[eighths] = point;
    fitted[eighths] = classifier;
  };
  const auto best = [&] {  // ties: the stronger penalty
    auto top = points.begin();
    for (auto it = points.begin(); it != points.end(); ++it)
      if (it->second.validation_accuracy >= top->second.validation_accuracy) top = it;
    return top->first;
  };
  for (int decade = 6; decade >= -6; decade -= 2) measure(8 * decade);
  int step = 16;
  for (int i = 0; i < options.halvings && step > 1; ++i) {
    step /= 2;
    const int centre = best();
    measure(centre + step), measure(centre - step);
  }
  SweepResult result;
  for (const auto& [eighths, point] : points) result.points.push_back(point);
  const int chosen = best();
  result.lambda = points[chosen].lambda;
  const FitOptions fit{.lambda = result.lambda, .max_iterations = options.max_iterations};
  result.classifier = fit_logistic_regression(features, labels, num_classes, fit, &result.refit, &fitted[chosen]);
  return result;
}

}  // namespace cliplab
