// The start of L-BFGS: (a X'X + lambda I)^-1, by a factor of the whole matrix or by its diagonal where that is all
// there is.
#include "eval/curvature.hpp"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>

#include "base/rng.hpp"
#include "eval/softmax_objective.hpp"

namespace cliplab {
namespace {

constexpr Eigen::Index N = 64, D = 12, K = 3;
constexpr double kMean = 0.2, kLambda = 0.5;  // the loss's mean curvature in a logit, the penalty

Matrix random_rows() {
  Rng rng(5);
  Matrix x(N, D);
  for (float& v : x.reshaped()) v = static_cast<float>(rng.normal());
  return x;
}

VectorD parameters() {
  Rng rng(6);
  VectorD p(K * (D + 1));
  for (double& v : p) v = rng.normal();
  return p;
}

TEST(Curvature, InverseSolvesTheRegularisedGramMatrix) {
  const Matrix x = random_rows();
  const VectorD mean = mean_row(rows_of(x));
  const MatrixD centred = x.cast<double>().rowwise() - mean.transpose();
  const Curvature curvature(rows_of(x), mean);
  Curvature::Inverse inverse(curvature);
  VectorD found = parameters();
  inverse.apply(found, kMean * N, kLambda);  // `a` is a sum over the samples
  const MatrixD H = kMean * centred.transpose() * centred + kLambda * MatrixD::Identity(D, D);
  const VectorD given = parameters();
  for (Eigen::Index k = 0; k < K; ++k) {
    const VectorD expected = H.ldlt().solve(given.segment(k * D, D));
    EXPECT_LT((found.segment(k * D, D) - expected).norm(), 1e-9 * expected.norm())
        << k;  // condition under 1e3 times double's rounding
    EXPECT_NEAR(found[K * D + k], given[K * D + k] / (kMean * N), 1e-12);  // the bias: no penalty, a column of ones
  }
}

TEST(Curvature, ADiagonalDoesWhatTheWholeMatrixOfUncorrelatedFeaturesDoes) {
  const MatrixD q =
      Eigen::HouseholderQR<MatrixD>(random_rows().cast<double>()).householderQ() * MatrixD::Identity(N, D);
  VectorD scale(D);
  for (Eigen::Index d = 0; d < D; ++d) scale[d] = std::pow(10.0, static_cast<double>(d) / 4);
  const Matrix x = (q * scale.asDiagonal()).cast<float>();
  const Curvature whole(rows_of(x), VectorD::Zero(D)), diagonal(scale.array().square().matrix(), N);
  for (const double lambda : {10.0, 1e-3}) {
    Curvature::Inverse by_factor(whole), by_division(diagonal);
    VectorD one = parameters(), other = parameters();
    by_factor.apply(one, kMean * N, lambda), by_division.apply(other, kMean * N, lambda);
    // The rows are rounded to float32: entries off the diagonal are up to 6e-8 of the two features' sizes.
    EXPECT_LT((one - other).norm(), 1e-4 * other.norm()) << lambda;
  }
}

}  // namespace
}  // namespace cliplab
