// What the probe minimises, behind one interface for the processor (eval/) and for LibTorch's devices (model/):
// sum of cross-entropies + lambda/2 |W - centre|^2, bias free, at several points over the same samples in one pass.
#pragma once

#include <functional>
#include <span>

#include "base/matrix.hpp"

namespace cliplab {

/// Feature rows [N, D] from memory or from a file; `read` fills count * D numbers and may throw.
struct RowSource {
  Eigen::Index rows = 0, cols = 0;
  std::function<void(Eigen::Index begin, Eigen::Index count, float* to)> read;
};

/// One classifier of K logits under evaluation. K = 1: one logit, a sigmoid, labels 0 and 1.
struct Evaluation {
  const VectorD* point = nullptr;  // W [K, D] row-major, then b [K]
  const int* labels = nullptr;     // [N]
  double lambda = 0;
  const VectorD* centre = nullptr;  // W where the penalty is zero; null: 0
  VectorD* gradient = nullptr;      // out; sized by the objective
  double value = 0;                 // out
  double curvature = 0;             // out: mean second derivative of the loss in a logit, summed over the samples
};

class StackedObjective {
 public:
  virtual ~StackedObjective() = default;
  virtual Eigen::Index rows() const = 0;
  virtual Eigen::Index cols() const = 0;
  virtual Eigen::Index logits() const = 0;  // K
  virtual void evaluate(std::span<Evaluation> stack) = 0;

  Eigen::Index num_parameters() const { return logits() * (cols() + 1); }
};

}  // namespace cliplab
