// What the features say about the objective's Hessian, for the fast rule: the curvature of the loss is bounded by
// (I - 11'/K) / 2 (x) X'X (Böhning 1992), and near a solution is about a (x) X'X with the mean curvature a of the loss
// in a logit. L-BFGS starts from (a X'X + lambda I)^-1 instead of a multiple of the identity, so that features whose
// variances differ by millions cost no more iterations than white ones. Where the minimum is does not change.
#pragma once

#include <memory>
#include <utility>

#include "base/stacked_objective.hpp"

namespace cliplab {

class Curvature {
 public:
  /// X'X of the rows less `mean`, from all of them or an even share of 4 D: an estimate is enough. Above kMaxDimension
  /// only its diagonal.
  Curvature(const RowSource& features, const VectorD& mean);
  /// Of features that do not correlate, as few samples' own row space has them: `variance` [D] is the diagonal of X'X,
  /// the rest 0.
  Curvature(VectorD variance, Eigen::Index rows) : variance_(std::move(variance)), rows_(static_cast<double>(rows)) {}

  static constexpr Eigen::Index kMaxDimension = 4096;

  /// (a X'X + lambda I)^-1, factored.
  class Inverse {
   public:
    explicit Inverse(const Curvature& curvature) : curvature_(curvature) {}
    /// Multiplies W [K, D], b [K] in place; factors anew when `a` moved by half since the last time.
    void apply(VectorD& parameters, double a, double lambda);

   private:
    const Curvature& curvature_;
    double factored_ = 0;
    MatrixD lower_;     // [D, D]; empty where the diagonal is all there is
    VectorD diagonal_;  // [D] then
  };

 private:
  MatrixD gram_;      // [D, D]; empty: diagonal
  VectorD variance_;  // [D], its diagonal
  double rows_;
};

}  // namespace cliplab
