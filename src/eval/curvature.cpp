// The Gram matrix by the gradient's own kernel in double. In float32 the rounding error of the largest directions, 1e-7
// of their sums, would exceed directions whose variance is millions of times smaller, and those may separate the
// classes. Cholesky and triangular solves by Eigen, a share of the classes a thread.
#include "eval/curvature.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/parallel.hpp"
#include "eval/products.hpp"

namespace cliplab {
namespace {

constexpr Eigen::Index kReadRows = 16;   // neighbours of a share that are read at once
constexpr Eigen::Index kBlock = 256;     // rows in memory at a time
constexpr Eigen::Index kColumns = 32;    // of X'X a task
constexpr Eigen::Index kSolveRows = 16;  // classes a task
constexpr double kLeastPivot = 1e-12;    // of the mean variance: keeps the factor regular at lambda 1e-6

/// Rows [begin, end) of `count` that are spread evenly over the source, less the mean, padded for the kernels.
void read_share(const RowSource& features, const VectorD& mean, Eigen::Index count, Eigen::Index begin,
                Eigen::Index end, Eigen::Index stride, double* to) {
  std::vector<float> raw(kReadRows * features.cols);
  for (Eigen::Index i = begin; i < end; i += kReadRows) {
    const Eigen::Index size = std::min(kReadRows, end - i);
    features.read(count == features.rows ? i : i * (features.rows - size) / std::max<Eigen::Index>(1, count - size),
                  size, raw.data());
    for (Eigen::Index r = 0; r < size; ++r)
      for (Eigen::Index d = 0; d < features.cols; ++d)
        to[(i - begin + r) * stride + d] = static_cast<double>(raw[r * features.cols + d]) - mean[d];
  }
}

}  // namespace

Curvature::Curvature(const RowSource& features, const VectorD& mean) : rows_(static_cast<double>(features.rows)) {
  const Eigen::Index D = features.cols;
  const Eigen::Index count = std::min(features.rows, std::max<Eigen::Index>(1024, 4 * std::min(D, kMaxDimension)));
  const Products<double>& kernel = products<double>();
  const Eigen::Index stride = (kernel.padded(D) / 8 | 1) * 8 + 8;
  const bool whole = D <= kMaxDimension;
  if (whole) gram_.setZero(D, D);
  variance_.setZero(D);
  std::vector<double> rows(std::min(count, kBlock) * stride, 0.0);
  for (Eigen::Index begin = 0; begin < count; begin += kBlock) {
    const Eigen::Index size = std::min(kBlock, count - begin);
    read_share(features, mean, count, begin, begin + size, stride, rows.data());
    if (!whole) {
      for (Eigen::Index i = 0; i < size; ++i)
        variance_ += Eigen::Map<const VectorD>(rows.data() + i * stride, D).array().square().matrix();
      continue;
    }
    parallel_for((D + kColumns - 1) / kColumns,
                 [&](std::int64_t task) {  // columns [first, last) of the rows from first on
                   const Eigen::Index first = task * kColumns, last = std::min(D, first + kColumns);
                   std::vector<double*> sums;
                   for (Eigen::Index d = first; d < D; ++d) sums.push_back(gram_.row(d).data() + first);
                   kernel.gradient(rows.data() + first, stride, rows.data() + first, stride, size, D - first,
                                   last - first, sums.data());
                 });
  }
  const double scale = static_cast<double>(features.rows) / static_cast<double>(count);
  gram_ *= scale;
  if (whole)
    variance_ = gram_.diagonal();
  else
    variance_ *= scale;
}

void Curvature::Inverse::apply(VectorD& parameters, double a, double lambda) {
  const Eigen::Index D = curvature_.variance_.size(), K = parameters.size() / (D + 1);
  a = std::isfinite(a) ? std::max(a / curvature_.rows_, 1e-12) : 1e-12;
  const bool whole = curvature_.gram_.size() > 0;
  if (factored_ == 0 || a > 1.5 * factored_ || factored_ > 1.5 * a) {
    const double ridge = lambda + kLeastPivot * a * curvature_.variance_.mean();
    if (whole) {
      for (double more = ridge;; more *= 100) {  // more than once only where rounding left a negative pivot
        lower_ = a * curvature_.gram_;
        lower_.diagonal().array() += more;
        if (Eigen::LLT<Eigen::Ref<MatrixD>, Eigen::Lower>(lower_).info() == Eigen::Success) break;  // in place
      }
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
