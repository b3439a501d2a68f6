// The Gram matrix by the gradient's own kernel; Cholesky and triangular solves by Eigen, a share of the classes a thread.
#include "eval/curvature.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <vector>

#include "base/parallel.hpp"
#include "eval/products.hpp"

namespace cliplab {
namespace {

constexpr Eigen::Index kReadRows = 16;    // neighbours of a share that are read at once
constexpr Eigen::Index kColumns = 32;     // of X'X a task
constexpr Eigen::Index kSolveRows = 16;   // classes a task
constexpr double kLeastPivot = 1e-12;     // of the mean variance: keeps the factor regular at lambda 1e-6

/// `count` rows spread evenly over the source, less the mean, padded for the kernels.
std::vector<float> share_of(const RowSource& features, const VectorD& mean, Eigen::Index count, Eigen::Index stride) {
  std::vector<float> rows(count * stride, 0.0f), raw(kReadRows * features.cols);
  for (Eigen::Index i = 0; i < count; i += kReadRows) {
    const Eigen::Index size = std::min(kReadRows, count - i);
    features.read(count == features.rows ? i : i * (features.rows - size) / std::max<Eigen::Index>(1, count - size), size, raw.data());
    for (Eigen::Index r = 0; r < size; ++r)
      for (Eigen::Index d = 0; d < features.cols; ++d)
        rows[(i + r) * stride + d] = static_cast<float>(static_cast<double>(raw[r * features.cols + d]) - mean[d]);
  }
  return rows;
}

}  // namespace

Curvature::Curvature(const RowSource& features, const VectorD& mean) : rows_(static_cast<double>(features.rows)) {
  const Eigen::Index D = features.cols;
  const Eigen::Index count = std::min(features.rows, std::max<Eigen::Index>(1024, 4 * std::min(D, kMaxDimension)));
  const Products<float>& kernel = products<float>();
  const Eigen::Index stride = (kernel.padded(D) / 16 | 1) * 16 + 16;
  const std::vector<float> rows = share_of(features, mean, count, stride);
  const double scale = static_cast<double>(features.rows) / static_cast<double>(count);
  if (D > kMaxDimension) {
    variance_.setZero(D);
    for (Eigen::Index i = 0; i < count; ++i)
      variance_ += Eigen::Map<const Vector>(rows.data() + i * stride, D).cast<double>().array().square().matrix();
    variance_ *= scale;
    return;
  }
  gram_.setZero(D, D);
  parallel_for((D + kColumns - 1) / kColumns, [&](std::int64_t task) {  // columns [first, last) of the rows from first on
    const Eigen::Index first = task * kColumns, last = std::min(D, first + kColumns);
    std::vector<double*> sums;
    for (Eigen::Index d = first; d < D; ++d) sums.push_back(gram_.row(d).data() + first);
    for (Eigen::Index i = 0; i < count; i += 256)
      kernel.gradient(rows.data() + i * stride + first, stride, rows.data() + i * stride + first, stride, std::min<Eigen::Index>(256, count - i),
                      D - first, last - first, sums.data());
  });
  gram_ *= scale;
  variance_ = gram_.diagonal();
}

void Curvature::Inverse::apply(VectorD& parameters, double a, double lambda) {
  const Eigen::Index D = curvature_.variance_.size(), K = parameters.size() / (D + 1);
  a = std::max(a / curvature_.rows_, 1e-12);
  const bool whole = curvature_.gram_.size() > 0;
  if (factored_ == 0 || a > 1.5 * factored_ || factored_ > 1.5 * a) {
    const double ridge = lambda + kLeastPivot * a * curvature_.variance_.mean();
    if (whole) {
      lower_ = a * curvature_.gram_;
      lower_.diagonal().array() += ridge;
      Eigen::LLT<Eigen::Ref<MatrixD>, Eigen::Lower> factor(lower_);  // in place
    } else {
      diagonal_ = a * curvature_.variance_.array() + ridge;
    }
    factored_ = a;
  }
  parallel_for((K + kSolveRows - 1) / kSolveRows, [&](std::int64_t task) {
    const Eigen::Index first = task * kSolveRows, count = std::min(kSolveRows, K - first);
    Eigen::Map<Eigen::MatrixXd> W(parameters.data() + first * D, D, count);  // [D, classes], a class a column
    if (whole) {
      lower_.triangularView<Eigen::Lower>().solveInPlace(W);
      lower_.triangularView<Eigen::Lower>().transpose().solveInPlace(W);
    } else {
      W.array().colwise() /= diagonal_.array();
    }
  });
  parameters.tail(K) /= factored_ * curvature_.rows_;
}

}  // namespace cliplab
