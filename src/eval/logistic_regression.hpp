// Multinomial logistic regression by L-BFGS on Eigen: min_W,b  sum_i CE_i + lambda/2 ||W||^2, bias free
// (scikit-learn 0.24 `LogisticRegression(multi_class="multinomial")` with C = 1/lambda).
#pragma once

#include <span>
#include <vector>

#include "base/matrix.hpp"
#include "eval/classifier.hpp"

namespace cliplab {

/// Type of the two matrix products; sums over blocks and the optimiser are float64 either way.
enum class Precision { kFloat64, kFloat32 };

struct FitOptions {
  double lambda = 1.0;        // L2 strength on the summed loss; scikit-learn's 1/C
  int max_iterations = 1000;  // paper A.3
  double gradient_tolerance = 1e-4;   // on the largest |gradient| of the summed loss (scikit-learn 0.24's tol)
  double function_tolerance = 2.220446049250313e-09;  // relative decrease (SciPy's L-BFGS-B default)
  int memory = 10;            // L-BFGS pairs
  Precision precision = Precision::kFloat64;
};

struct FitReport {
  double objective = 0;  // summed cross-entropy + penalty, at the solution
  double max_abs_gradient = 0;
  int iterations = 0;
  int evaluations = 0;
  bool converged = false;  // false: stopped by max_iterations
};

/// features [N, D]; labels [N] in [0, C). Two classes are fitted as one logit (scikit-learn 0.24's rule) and
/// returned as weight rows {0, w}. Features are centred inside, in a copy of the chosen precision, which leaves the
/// optimum unchanged. `warm_start` may be null. A class without a sample is allowed. Throws InputError: label out of range,
/// NaN or infinite feature, N = 0, sizes that differ, C < 2, lambda <= 0.
LinearClassifier fit_logistic_regression(const Matrix& features, std::span<const int> labels, int num_classes,
                                         const FitOptions& options, FitReport* report = nullptr,
                                         const LinearClassifier* warm_start = nullptr);

/// The objective that fit_logistic_regression minimises, at `classifier`, in float64.
double logistic_objective(const LinearClassifier& classifier, const Matrix& features, std::span<const int> labels,
                          double lambda);

}  // namespace cliplab
