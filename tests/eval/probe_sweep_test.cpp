// The lambda search: how many fits, which lambdas, repeatable, and better than the ends of the range.
#include "eval/probe_sweep.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "eval/metrics.hpp"

namespace cliplab {
namespace {

/// Overlapping Gaussian classes, so that some lambda in the middle is best.
void make_data(int n, Matrix& x, std::vector<int>& y) {
  Rng rng(4);
  x.resize(n, 20), y.resize(n);
  for (int i = 0; i < n; ++i) {
    y[i] = i % 4;
    for (int j = 0; j < 20; ++j) x(i, j) = static_cast<float>(rng.normal() + (j % 4 == y[i] ? 0.6 : 0));
  }
}

TEST(ProbeSweep, IsFifteenFitsOnTheGridOfAppendixA3) {
  Matrix x;
  std::vector<int> y;
  make_data(200, x, y);
  const SweepResult sweep = sweep_probe(x, y, 4, {});
  // 7 + 2 a halving; a point outside 1e-6..1e6 is not tried.
  EXPECT_GE(sweep.points.size(), 11u);
  EXPECT_LE(sweep.points.size(), 15u);
  for (const SweepPoint& p : sweep.points) {
    const double eighths = 8 * std::log10(p.lambda);
    EXPECT_NEAR(eighths, std::round(eighths), 1e-9);
  }
  double best = 0;
  for (const SweepPoint& p : sweep.points) best = std::max(best, p.validation_accuracy);
  for (const SweepPoint& p : sweep.points)
    if (p.lambda == sweep.lambda) {
      EXPECT_EQ(p.validation_accuracy, best);
    } else if (p.lambda > sweep.lambda) {
      EXPECT_LT(p.validation_accuracy, best) << "ties go to the stronger penalty";
    }
}

TEST(ProbeSweep, GivesTheSameBitsTwiceAndReportsTheRefit) {
  Matrix x;
  std::vector<int> y;
  make_data(160, x, y);
  const SweepResult a = sweep_probe(x, y, 4, {.seed = 3}), b = sweep_probe(x, y, 4, {.seed = 3});
  EXPECT_EQ(a.lambda, b.lambda);
  EXPECT_EQ(a.classifier.weight, b.classifier.weight);
  EXPECT_NEAR(a.refit.objective, logistic_objective(a.classifier, x, y, a.lambda), 1e-3);
  EXPECT_GT(top_k(label_ranks(a.classifier.logits(x), y), 1).value, 0.4);
}

TEST(ProbeSweep, RefusesLabelsOutOfRange) {
  const Matrix x = Matrix::Random(3, 2);
  EXPECT_THROW(sweep_probe(x, std::vector<int>{0, 1, 5}, 3, {}), InputError);
  EXPECT_THROW(sweep_probe(x, std::vector<int>{0, 1}, 3, {}), InputError);
}

}  // namespace
}  // namespace cliplab
