// Logistic regression by L-BFGS: min_W,b  sum_i CE_i + lambda/2 ||W||^2, bias free (scikit-learn's, with C = 1/lambda).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/matrix.hpp"
#include "eval/classifier.hpp"
#include "eval/softmax_objective.hpp"
#include "eval/stacked_fit.hpp"

namespace cliplab {

struct Fit {
  LinearClassifier classifier;
  FitReport report;
  /// One a problem. Large (2 m + 1 classifiers in float64): clear them unless another fit starts here.
  std::vector<WarmStart> warm_starts;
};

/// One set of samples, to be fitted at any number of lambdas: what depends on the features alone is done once.
class ProbeFitter {
 public:
  /// features [N, D], read here and not kept, labels [N] in [0, C). Two classes are fitted as one logit (scikit-learn's
  /// rule) and returned as weight rows {0, w}. A class without a sample is allowed. Throws InputError: label out of
  /// range, NaN or infinite feature, N = 0, sizes that differ, C < 2.
  ProbeFitter(const Matrix& features, std::span<const int> labels, int num_classes, StopRule rule,
              const ObjectiveFactory& make = softmax_objective);
  /// Features that stay in their file: two chunks at a time are in memory.
  ProbeFitter(RowSource features, std::span<const int> labels, int num_classes, StopRule rule, Residence residence,
              const ObjectiveFactory& make = softmax_objective);
  /// One-vs-rest for samples of several classes or none: targets [N, C] of 0 and 1 (VOC2007).
  ProbeFitter(const Matrix& features, const Eigen::Ref<const Eigen::MatrixXi>& targets, StopRule rule);

  /// A fit for each lambda, all in one stack. `starts`: empty, or one a lambda (null: zero); a fit of this fitter
  /// with its warm starts goes on with the curvature pairs of L-BFGS. `anchor`: the penalty is lambda/2 |W -
  /// anchor|^2, and fits without a start begin there. Throws InputError for a lambda <= 0, for starts of another shape.
  std::vector<Fit> fit(std::span<const double> lambdas, int max_iterations, std::span<const Fit* const> starts = {},
                       const LinearClassifier* anchor = nullptr);

 private:
  void prepare(RowSource features, Residence residence, const ObjectiveFactory& make);
  Matrix into_row_space(const RowSource& features);
  Eigen::Index first_row(Eigen::Index problem) const;  // of the classifier's rows that a problem fits
  void check_shape(const LinearClassifier& classifier) const;
  VectorD to_parameters(const LinearClassifier& classifier, Eigen::Index problem) const;
  void add(LinearClassifier& classifier, const VectorD& point, Eigen::Index problem,
           const LinearClassifier* anchor) const;

  StopRule rule_;
  int num_classes_;
  Eigen::Index logits_;                   // of one problem
  std::vector<std::vector<int>> labels_;  // a vector a problem: one, or one a class
  VectorD mean_;                          // [D], subtracted from the features; zero where the rule does not centre
  MatrixD basis_;                         // [rank, D] of few samples' row space; empty: features as they are
  std::unique_ptr<StackedObjective> objective_;
  std::unique_ptr<Curvature> curvature_;
};

}  // namespace cliplab
