// Limited-memory BFGS with a strong-Wolfe line search (Nocedal and Wright 2006, algorithms 7.4, 3.5 and 3.6), in
// float64. Stop rules and line-search constants as SciPy's L-BFGS-B, which scikit-learn calls.
#pragma once

#include <functional>

#include "base/matrix.hpp"

namespace cliplab {

struct LbfgsOptions {
  int memory = 10;
  int max_iterations = 1000;
  double gradient_tolerance = 1e-4;                    // on the largest |gradient|
  double function_tolerance = 2.220446049250313e-09;  // on (f_k - f_{k+1}) / max(|f_k|, |f_{k+1}|, 1)
};

struct LbfgsResult {
  double value = 0;
  double max_abs_gradient = 0;
  int iterations = 0;
  int evaluations = 0;
  bool converged = false;  // false: max_iterations
};

/// Minimises in place from `x`. `objective` returns f(x) and fills the gradient; it is never called after it threw.
LbfgsResult minimize_lbfgs(const std::function<double(const VectorD& x, VectorD& gradient)>& objective, VectorD& x,
                           const LbfgsOptions& options);

}  // namespace cliplab
