// The search for lambda of appendix A.3: 96 log steps in [1e-6, 1e6], parametric binary search from
// {1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6}, 15 fits, chosen on validation data, refitted on train + validation.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/matrix.hpp"
#include "base/truth.hpp"
#include "eval/logistic_regression.hpp"

namespace cliplab {

struct SweepPoint {
  double lambda = 0;
  double validation_accuracy = 0;  // mAP where samples have several labels
  double validation_loss = 0;      // nats a sample; decides between equal accuracies
  FitReport fit;
};

enum class Search {
  kBinary,  // 15 fits, or fewer at the ends of the range
  kFull,    // all 97, from the strongest penalty to the weakest
};

/// "binary" or "full"; throws InputError for another name.
Search search_named(const std::string& name);

/// Feature rows and their truth, owned by the caller. With targets lambda is chosen by 11-point mAP, and labels only
/// stratify. DEVIATION(A.1): the paper does not say how VOC2007's several labels were fitted; here one-vs-rest,
/// difficult objects as no.
struct LabelledRows {
  const Matrix& x;  // [N, D]
  const Truth& truth;
};

struct Cut {
  std::vector<Eigen::Index> train, validation;
};

/// A stratified share of each class, rounded down, but one sample at least of a class of two or more; one sample at
/// least stays in train. In the order of the rows.
Cut cut_validation(std::span<const int> labels, int num_classes, double share, std::uint64_t seed);

/// Classes of one sample, which no cut can validate.
int classes_of_one(const Truth& truth);

struct SweepOptions {
  StopRule rule = StopRule::kFast;
  Search search = Search::kBinary;
  int max_iterations = 1000;
  double validation_share = 0.2;  // cut from the training data, stratified, when no validation split is given
  std::uint64_t seed = 0;         // of the cut
  ObjectiveFactory objective = softmax_objective;
};

struct SweepResult {
  double lambda = 0;               // chosen by accuracy, then by validation loss, then the stronger penalty
  std::vector<SweepPoint> points;  // in order of lambda
  LinearClassifier classifier;     // refitted on train + validation
  FitReport refit;
};

/// `validation` null: cut from `train` (from classes of one sample nothing is cut; where no class has two, lambda is
/// the strongest of those that score best on the training data itself).
SweepResult sweep_probe(const LabelledRows& train, const LabelledRows* validation, const SweepOptions& options);

}  // namespace cliplab
