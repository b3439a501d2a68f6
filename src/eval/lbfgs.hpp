// Limited-memory BFGS in float64 as SciPy's L-BFGS-B 3.0 runs it without bounds (which scikit-learn calls): the same
// first step, pairs, restarts and tests, and MINPACK's line search. The caller evaluates, so that several
// minimisations can share one pass over the data.
#pragma once

#include <functional>
#include <vector>

#include "base/matrix.hpp"
#include "eval/line_search.hpp"

namespace cliplab {

struct LbfgsOptions {
  int memory = 10;
  int max_iterations = 1000;
  double gradient_tolerance = 1e-4;                   // on the largest |gradient|
  double function_tolerance = 2.220446049250313e-09;  // on (f_k - f_{k+1}) / max(|f_k|, |f_{k+1}|, 1); < 0: not tested
  int max_line_search = 20;                           // evaluations
  /// On the estimate of f - min f, relative to |f|; 0: not tested.
  double gap_tolerance = 0;
  /// Rounding of f, relative: where two values differ by less, a line search is judged by its slopes alone, which are
  /// far more accurate near a minimum (Hager and Zhang 2005, approximate Wolfe conditions).
  double noise = 0;
};

struct LbfgsResult {
  double value = 0;
  double max_abs_gradient = 0;
  /// Estimate of what is above the minimum: g'Hg / 2, which is what a step gains, summed over steps that go on as the
  /// last ten did, each `rate` of the one before.
  double gap = 0;
  int iterations = 0;
  int evaluations = 0;
  bool converged = false;  // false: max_iterations
};

class Lbfgs {
 public:
  /// H0: multiplies a vector by an approximation of the inverse Hessian, in place. Empty: the scalar s'y / y'y.
  using InverseHessian = std::function<void(VectorD&)>;

  /// A step and the change of the gradient along it.
  struct Pair {
    VectorD s, y;
    double rho = 0;  // 1 / s'y
  };

  Lbfgs(VectorD start, const LbfgsOptions& options, InverseHessian inverse_hessian = {});

  /// Where the objective is wanted next; after the end, the best point found.
  const VectorD& point() const { return x_; }
  /// The gradient at point(); the caller fills it.
  VectorD& gradient() { return gradient_; }
  /// Takes the objective at point() and moves point(). False: the end.
  bool advance(double value);
  const LbfgsResult& result() const { return result_; }

  /// What was learnt of the Hessian, oldest first; for a minimisation nearby, before its first advance().
  std::vector<Pair> take_pairs() { return std::move(pairs_); }
  void set_pairs(std::vector<Pair> pairs) { pairs_ = std::move(pairs); }

 private:
  bool begin_line();     // chooses a direction and its first trial; false: the end
  bool restart();        // from the line's origin along -gradient; false: that was tried already
  void set_direction();  // z_ = x - H g, along_ = z_ - x
  void go_to_step();     // x_ = origin_ + step_ * along_
  void store_pair();
  double estimate_gap(double gain);
  bool finish(bool converged);

  LbfgsOptions options_;
  InverseHessian inverse_hessian_;
  LbfgsResult result_;
  std::vector<Pair> pairs_;
  VectorD x_, gradient_, origin_, origin_gradient_, along_, full_step_;
  double value_ = 0, origin_slope_ = 0, step_ = 0;
  std::vector<double> gains_;  // g'Hg / 2 of the last steps
  bool started_ = false;
  LineSearch line_;
};

}  // namespace cliplab
