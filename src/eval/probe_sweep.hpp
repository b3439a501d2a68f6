// The search for lambda of appendix A.3: 96 log steps in [1e-6, 1e6], parametric binary search from
// {1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6}, 15 fits, chosen on validation data, refitted on train + validation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/matrix.hpp"
#include "eval/logistic_regression.hpp"

namespace cliplab {

struct SweepPoint {
  double lambda = 0;
  double validation_accuracy = 0;
  FitReport fit;
};

struct SweepOptions {
  int max_iterations = 1000;
  double validation_share = 0.2;  // cut from the training data, stratified, when no validation split is given
  int halvings = 4;               // 7 coarse fits + 2 a halving: 4 ends at 8 steps a decade
  std::uint64_t seed = 0;
};

struct SweepResult {
  double lambda = 0;               // chosen
  std::vector<SweepPoint> points;  // in order of lambda
  LinearClassifier classifier;     // refitted on train + validation
  FitReport refit;
};

/// features [N, D], labels [N]. Validation data is cut from them (stratified by class, seeded).
SweepResult sweep_probe(const Matrix& features, std::span<const int> labels, int num_classes,
                        const SweepOptions& options);

}  // namespace cliplab
