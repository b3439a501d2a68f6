// Every width of the products that this processor has, against Eigen in float64.
#include "eval/products.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/matrix.hpp"
#include "base/rng.hpp"

namespace cliplab {
namespace {

template <class T>
class ProductsTest : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(ProductsTest, Types);

/// Sizes around every tile: rows, classes and features that fill none of them, one and more than one.
TYPED_TEST(ProductsTest, AreEigensAtEverySize) {
  using T = TypeParam;
  using Rows = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Rng rng(1);
  const auto fill = [&](auto& matrix) {
    for (auto& v : matrix.reshaped()) v = static_cast<T>(rng.normal());
  };
  for (const Products<T>& kernel : available_products<T>())
    for (const int N : {1, 5, 12, 25})
      for (const int C : {1, 3, 16, 28, 67})
        for (const int D : {1, 16, 37, 100}) {
          SCOPED_TRACE(std::string(kernel.name) + " " + std::to_string(N) + " " + std::to_string(C) + " " +
                       std::to_string(D));
          const auto stride = kernel.padded(D), width = kernel.padded(C);
          Rows x = Rows::Zero(N, stride), r(N, width), packed(1, width * D), z(N, width);
          MatrixD weight(C, D), sum = MatrixD::Zero(C, D + 1);
          Rows bias = Rows::Zero(1, width);
          fill(weight), fill(r);
          for (int i = 0; i < N; ++i)
            for (int d = 0; d < D; ++d) x(i, d) = static_cast<T>(rng.normal());
          for (int c = 0; c < C; ++c) bias(c) = static_cast<T>(rng.normal());
          std::vector<const double*> from;
          std::vector<double*> to;
          for (int c = 0; c < C; ++c) from.push_back(weight.row(c).data()), to.push_back(sum.row(c).data());
          kernel.pack(from.data(), C, D, packed.data());
          kernel.logits(x.data(), stride, N, D, packed.data(), bias.data(), C, z.data());
          kernel.gradient(r.data(), width, x.data(), stride, N, C, D, to.data());
          const MatrixD x64 = x.leftCols(D).template cast<double>(),
                        w64 = weight.template cast<T>().template cast<double>();
          const MatrixD logits = (x64 * w64.transpose()).rowwise() + bias.leftCols(C).template cast<double>().row(0);
          const MatrixD gradient = r.leftCols(C).template cast<double>().transpose() * x64;
          // Terms of size up to about 10, sums of n of them: n eps of the largest term bounds the rounding.
          const double eps = std::numeric_limits<T>::epsilon();
          EXPECT_LT((z.leftCols(C).template cast<double>() - logits).cwiseAbs().maxCoeff(), 10 * (D + 1) * eps);
          EXPECT_LT((sum.leftCols(D) - gradient).cwiseAbs().maxCoeff(), 10 * N * eps);
          EXPECT_TRUE(sum.col(D).isZero()) << "written beyond the row";
          EXPECT_GT((1.01 * z.leftCols(C).template cast<double>() - logits).cwiseAbs().maxCoeff(), 10 * (D + 1) * eps);
        }
}

}  // namespace
}  // namespace cliplab
