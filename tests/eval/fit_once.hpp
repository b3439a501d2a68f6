// One fit at one lambda, and the objective of a classifier, for tests, the oracle and benchmarks; the product fits many
// lambdas at once.
#pragma once

#include <cmath>

#include "eval/logistic_regression.hpp"

namespace cliplab {

struct FitOptions {
  double lambda = 1.0;        // L2 strength on the summed loss; scikit-learn's 1/C
  int max_iterations = 1000;  // paper A.3
  StopRule rule = StopRule::kFast;
};

/// features [N, D], labels [N].
inline LinearClassifier fit_once(const Matrix& features, std::span<const int> labels, int num_classes,
                                 const FitOptions& options, FitReport* report = nullptr,
                                 const LinearClassifier* start = nullptr) {
  ProbeFitter fitter(features, labels, num_classes, options.rule);
  const Fit given{start ? *start : LinearClassifier(), {}, {}};
  const Fit* const starts[] = {start ? &given : nullptr};
  Fit fit = std::move(fitter.fit(std::span(&options.lambda, 1), options.max_iterations, starts).front());
  if (report) *report = fit.report;
  return std::move(fit.classifier);
}

/// sum_i CE_i + lambda/2 ||W||^2 in float64, from its definition. Two classes fitted as one logit have a zero row.
inline double logistic_objective(const LinearClassifier& classifier, const Matrix& features,
                                 std::span<const int> labels, double lambda) {
  const MatrixD W = classifier.weight.cast<double>();  // [C, D]
  MatrixD z = features.cast<double>() * W.transpose();
  z.rowwise() += classifier.bias.cast<double>().transpose();  // [N, C]
  double sum = lambda / 2 * W.squaredNorm();
  for (Eigen::Index i = 0; i < z.rows(); ++i) {
    const double top = z.row(i).maxCoeff();
    sum += top + std::log((z.row(i).array() - top).exp().sum()) - z(i, labels[i]);
  }
  return sum;
}

}  // namespace cliplab
