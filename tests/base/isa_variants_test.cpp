// The AVX2 and the AVX-512 variant of the same function, in one process, called by the names that
// src/base/isa_variants.sh gives them. Both have the same exact result, so they differ by two roundings at most.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "base/cpu.hpp"
#include "base/rng.hpp"
#include "eval/classifier.hpp"
#include "eval/softmax_objective.hpp"
#include "kernels/adamw.hpp"
#include "kernels/attention.hpp"

#ifdef __x86_64__
namespace cliplab {

using Gelu = void(const float*, float*, std::int64_t);
Gelu gelu_avx2 asm("_ZN7cliplab14quick_gelu_cpuEPKfPfl.avx2");
Gelu gelu_avx512 asm("_ZN7cliplab14quick_gelu_cpuEPKfPfl.avx512");

using Attention = void(const float*, float*, float*, const AttentionShape&, std::int64_t, std::int64_t);
Attention attention_avx2 asm("_ZN7cliplab13attention_cpuEPKfPfS2_RKNS_14AttentionShapeEll.avx2");
Attention attention_avx512 asm("_ZN7cliplab13attention_cpuEPKfPfS2_RKNS_14AttentionShapeEll.avx512");

using AdamW = void(float*, const float*, float*, float*, std::int64_t, const AdamWStep&);
AdamW adamw_avx2 asm("_ZN7cliplab9adamw_cpuEPfPKfS0_S0_lRKNS_9AdamWStepE.avx2");
AdamW adamw_avx512 asm("_ZN7cliplab9adamw_cpuEPfPKfS0_S0_lRKNS_9AdamWStepE.avx512");

using Logits = Matrix(const LinearClassifier*, const Matrix&);  // a member function, called as a free one
Logits logits_avx2 asm("_ZNK7cliplab16LinearClassifier6logitsERKN5Eigen6MatrixIfLin1ELin1ELi1ELin1ELin1EEE.avx2");
Logits logits_avx512 asm("_ZNK7cliplab16LinearClassifier6logitsERKN5Eigen6MatrixIfLin1ELin1ELi1ELin1ELin1EEE.avx512");

using Objective = std::unique_ptr<StackedObjective>(RowSource, Eigen::Index, const VectorD&, const ObjectiveOptions&);
Objective objective_avx2 asm(
    "_ZN7cliplab17softmax_objectiveENS_9RowSourceElRKN5Eigen6MatrixIdLin1ELi1ELi0ELin1ELi1EEERKNS_"
    "16ObjectiveOptionsE.avx2");
Objective objective_avx512 asm(
    "_ZN7cliplab17softmax_objectiveENS_9RowSourceElRKN5Eigen6MatrixIdLin1ELi1ELi0ELin1ELi1EEERKNS_"
    "16ObjectiveOptionsE.avx512");

namespace {

constexpr double kEps = std::numeric_limits<float>::epsilon();

class IsaVariants : public testing::Test {
 protected:
  void SetUp() override {
    if (!this_processor().avx512) GTEST_SKIP() << "this processor lacks AVX-512";
  }

  std::vector<float> normal(std::size_t count) {
    std::vector<float> values(count);
    for (float& v : values) v = static_cast<float>(rng_.normal());
    return values;
  }
  Matrix normal(Eigen::Index rows, Eigen::Index cols) {
    Matrix values(rows, cols);
    for (float& v : values.reshaped()) v = static_cast<float>(rng_.normal());
    return values;
  }

  Rng rng_{3};
};

TEST_F(IsaVariants, AreTwoFunctions) { EXPECT_NE(&gelu_avx2, &gelu_avx512); }

TEST_F(IsaVariants, QuickGeluAgreesToTwiceItsError) {
  const std::vector<float> x = normal(1000);
  std::vector<float> a(x.size()), b(x.size());
  gelu_avx2(x.data(), a.data(), std::ssize(x)), gelu_avx512(x.data(), b.data(), std::ssize(x));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double tolerance = 2 * (4 + 1.702 * std::abs(x[i])) * kEps * std::abs(a[i]);
    EXPECT_NEAR(a[i], b[i], tolerance) << x[i];
    EXPECT_GT(std::abs(1.01 * a[i] - b[i]), tolerance) << "1 % off must be seen";
  }
}

TEST_F(IsaVariants, AttentionAgrees) {
  const AttentionShape shape{.batch = 2, .tokens = 21, .heads = 2, .causal = true};
  const std::vector<float> qkv = normal(2 * 21 * 3 * 2 * 64);
  std::vector<float> a(qkv.size() / 3), b(a.size()), sums_a(2 * 2 * 21), sums_b(sums_a.size());
  attention_avx2(qkv.data(), a.data(), sums_a.data(), shape, 0, 4);
  attention_avx512(qkv.data(), b.data(), sums_b.data(), shape, 0, 4);
  // A score is a sum of 64 products of size up to 16 over sqrt(64), an output a mean of values of size up to 4.
  const double score = 64 * kEps * 16 / 8, tolerance = 2 * 4 * (score + 21 * kEps);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], tolerance);
  for (std::size_t i = 0; i < sums_a.size(); ++i) EXPECT_NEAR(sums_a[i], sums_b[i], 2 * (score + 21 * kEps));
  double largest = 0;
  for (const float v : a) largest = std::max(largest, std::abs(static_cast<double>(v)));
  EXPECT_GT(0.01 * largest, tolerance) << "1 % off must be seen";
}

TEST_F(IsaVariants, AdamWAgrees) {
  const std::vector<float> w = normal(1000), g = normal(1000);
  std::vector<float> wa = w, ma(1000), va(1000), wb = w, mb(1000), vb(1000);
  const AdamWStep step{.rate = 0.1, .root = 1.5, .keep = 0.99};
  adamw_avx2(wa.data(), g.data(), ma.data(), va.data(), 1000, step);
  adamw_avx512(wb.data(), g.data(), mb.data(), vb.data(), 1000, step);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double tolerance = 2 * 8 * kEps * (std::abs(w[i]) + std::abs(wa[i] - w[i]));  // 8 operations
    EXPECT_NEAR(wa[i], wb[i], tolerance);
    EXPECT_NEAR(ma[i], mb[i], 2 * 3 * kEps * std::abs(ma[i]));
    EXPECT_GT(std::abs(wa[i] - w[i]), tolerance) << "a step that is left out must be seen";
  }
}

TEST_F(IsaVariants, LogitsAgreeToTheErrorOfADotProduct) {
  const LinearClassifier classifier{normal(37, 100), normal(37, 1)};
  const Matrix x = normal(70, 100), a = logits_avx2(&classifier, x), b = logits_avx512(&classifier, x);
  const Matrix size =
      (x.cwiseAbs() * classifier.weight.cwiseAbs().transpose()).rowwise() + classifier.bias.cwiseAbs().transpose();
  EXPECT_LT(((a - b).cwiseAbs().array() / size.array()).maxCoeff(), 2 * 101 * kEps);
  EXPECT_GT(((1.01f * a - b).cwiseAbs().array() / size.array()).maxCoeff(), 2 * 101 * kEps);
}

TEST_F(IsaVariants, ObjectiveAgreesToTheErrorOfItsLogits) {
  const Matrix x = normal(300, 40);
  std::vector<int> labels(300);
  for (int& label : labels) label = static_cast<int>(rng_.below(7));
  VectorD point(7 * 41), gradients[2];
  for (double& v : point) v = 0.3 * rng_.normal();
  double values[2];
  Objective* const variants[] = {objective_avx2, objective_avx512};
  for (int i = 0; i < 2; ++i) {
    Evaluation e{.point = &point, .labels = labels.data(), .lambda = 0.1, .gradient = &gradients[i]};
    variants[i](rows_of(x), 7, {}, {})->evaluate(std::span(&e, 1));
    values[i] = e.value;
  }
  // A loss moves by at most twice its logits' error: 41 eps of the products' sizes, whose mean is below 40 * 0.3.
  const double tolerance = 2 * 300 * 2 * 41 * kEps * 12;
  EXPECT_NEAR(values[0], values[1], tolerance);
  EXPECT_GT(0.01 * values[0], tolerance) << "1 % off must be seen";
  // A probability moves by at most the logits' error, and a gradient sums 300 of them times a feature of size 1.
  EXPECT_LT((gradients[0] - gradients[1]).cwiseAbs().maxCoeff(), tolerance);
  EXPECT_GT(0.01 * gradients[0].cwiseAbs().maxCoeff(), tolerance);
}

}  // namespace
}  // namespace cliplab
#endif
