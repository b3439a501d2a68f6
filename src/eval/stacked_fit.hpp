// Several minimisations of one objective in step: each has its own L-BFGS, all share every pass over the samples.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/stacked_objective.hpp"
#include "eval/curvature.hpp"
#include "eval/lbfgs.hpp"

namespace cliplab {

/// When a fit ends, and what it computes in. All have the same minimum.
enum class StopRule {
  kFast,       // float32 products, centred features, preconditioned; ends within an estimated 2e-7 of the minimum
  kReference,  // scikit-learn 0.24's: float64, summed loss, |gradient| <= 1e-4 or a decrease under 2.2e-9
  kSklearn,    // scikit-learn 1.9's: the same on the mean loss, a decrease under 64 eps
};

/// "fast", "reference", "sklearn"; throws InputError for another name.
StopRule stop_rule(const std::string& name);
std::string name_of(StopRule rule);

struct FitReport {
  double objective = 0;         // summed cross-entropy + penalty, at the solution
  double max_abs_gradient = 0;  // of the same
  double gap = 0;               // what the quadratic model promised to gain beyond it, at the last direction
  int iterations = 0;
  int evaluations = 0;
  bool converged = false;  // false: stopped by max_iterations
};

/// Where a minimisation ended; one of the same objective at another lambda can go on from there.
struct WarmStart {
  VectorD point;
  std::vector<Lbfgs::Pair> pairs;
  double lambda = 0;
};

struct Problem {
  const int* labels = nullptr;  // [N]
  double lambda = 1;
  VectorD start{};   // empty: zero
  VectorD centre{};  // of the penalty; empty: zero
  std::vector<Lbfgs::Pair> pairs{};
};

struct Minimum {
  WarmStart warm_start;
  FitReport report;
};

/// `warm_start` as the start of a fit at `lambda`: the penalty's share of each pair is exchanged, which is exact.
Problem continued(WarmStart warm_start, Eigen::Index num_weights, double lambda);

/// `curvature` is for the fast rule, null for the others. Throws Interrupted when the program is asked to stop.
std::vector<Minimum> minimize_stack(StackedObjective& objective, std::vector<Problem> problems, StopRule rule,
                                    int max_iterations, const Curvature* curvature);

}  // namespace cliplab
