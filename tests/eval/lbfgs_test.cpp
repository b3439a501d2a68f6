// The optimiser by itself, on functions whose minimum is known.
#include "eval/lbfgs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace cliplab {
namespace {

/// Minimises in place from `x`.
LbfgsResult minimize(const std::function<double(const VectorD& x, VectorD& gradient)>& objective, VectorD& x,
                     const LbfgsOptions& options) {
  Lbfgs search(std::move(x), options);
  while (search.advance(objective(search.point(), search.gradient())))
    ;
  x = search.point();
  return search.result();
}

const LbfgsOptions kTight{10, 2000, 1e-9, -1};

/// Sum of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2; minimum 0 at (1, ..., 1).
double rosenbrock(const VectorD& x, VectorD& gradient) {
  gradient.setZero(x.size());
  double value = 0;
  for (Eigen::Index i = 0; i + 1 < x.size(); ++i) {
    const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
    value += 100 * a * a + b * b;
    gradient[i] += -400 * x[i] * a - 2 * b;
    gradient[i + 1] += 200 * a;
  }
  return value;
}

TEST(Lbfgs, FindsTheMinimumOfRosenbrock) {
  for (const int size : {2, 5, 20}) {
    VectorD x = VectorD::Constant(size, -0.5);
    const LbfgsResult result = minimize(rosenbrock, x, kTight);
    EXPECT_TRUE(result.converged);
    // The Hessian at the minimum has its least eigenvalue near 0.4, so |x - 1| <= |gradient| / 0.4.
    EXPECT_LT((x - VectorD::Ones(size)).norm(), std::sqrt(size) * 1e-9 / 0.4 * 10) << size;
    EXPECT_LT(result.iterations, 200) << size;
    EXPECT_GE(result.evaluations, result.iterations);
  }
}

TEST(Lbfgs, QuadraticOfConditionOneMillion) {
  VectorD x = VectorD::Constant(12, 3.0), scale(12);
  for (int i = 0; i < 12; ++i) scale[i] = std::pow(10.0, 6.0 * i / 11);
  const LbfgsResult result = minimize(
      [&](const VectorD& at, VectorD& gradient) {
        gradient = scale.cwiseProduct(at);
        return 0.5 * at.dot(gradient);
      },
      x, {10, 4000, 1e-8, -1});  // SciPy, too, needs more than 2000 with ten pairs
  EXPECT_TRUE(result.converged);
  EXPECT_LE(result.max_abs_gradient, 1e-8);
  EXPECT_LT(x.lpNorm<Eigen::Infinity>(), 1e-8);  // gradient over the least scale, 1
}

TEST(Lbfgs, ACurvatureGivenBeforehandMakesItWhite) {
  VectorD scale(12);
  for (int i = 0; i < 12; ++i) scale[i] = std::pow(10.0, 6.0 * i / 11);
  LbfgsOptions options{10, 100, 1e-8, -1};
  Lbfgs search(VectorD::Constant(12, 3.0), options, [&](VectorD& q) { q.array() /= 2 * scale.array(); });
  do search.gradient() = scale.cwiseProduct(search.point());
  while (search.advance(0.5 * search.point().dot(search.gradient())));
  EXPECT_TRUE(search.result().converged);
  EXPECT_LE(search.result().iterations, 3);
}

TEST(Lbfgs, TheGapIsWhatIsLeftToGain) {
  VectorD scale(30);
  for (int i = 0; i < 30; ++i) scale[i] = std::pow(10.0, 3.0 * i / 29);
  LbfgsOptions options{10, 1000, 0, -1};
  options.gap_tolerance = 1e-5;
  Lbfgs search(VectorD::Constant(30, 1.0), options);
  const double minimum = 5;
  do search.gradient() = scale.cwiseProduct(search.point());
  while (search.advance(minimum + 0.5 * search.point().dot(search.gradient())));
  EXPECT_TRUE(search.result().converged);
  EXPECT_LE(search.result().gap, 1e-5 * search.result().value);
  EXPECT_LE(search.result().value - minimum,
            5e-5 * minimum);  // an estimate: the fast rule keeps a factor of five for it
}

TEST(Lbfgs, StepsOverTheEdgeOfTheDomainAreTakenBack) {
  // x - 1000 log x, infinite below 0; minimum at 1000.
  VectorD x = VectorD::Constant(1, 1e-3);
  const LbfgsResult result = minimize(
      [](const VectorD& at, VectorD& gradient) {
        gradient = VectorD::Constant(1, 1 - 1000 / at[0]);
        return at[0] > 0 ? at[0] - 1000 * std::log(at[0]) : std::numeric_limits<double>::infinity();
      },
      x, {10, 2000, 1e-7, 0});
  EXPECT_TRUE(result.converged);
  EXPECT_NEAR(x[0], 1000, 1e-7 * 1000 * 1.01);  // second derivative 1/1000 there
}

TEST(Lbfgs, StopRules) {
  VectorD x = VectorD::Ones(3);
  LbfgsResult result = minimize(rosenbrock, x, {});
  EXPECT_TRUE(result.converged);
  EXPECT_EQ(result.iterations, 0);  // it began at the minimum
  EXPECT_EQ(result.evaluations, 1);

  x = VectorD::Constant(3, -0.5);
  result = minimize(rosenbrock, x, {10, 3, 1e-4, 0});
  EXPECT_FALSE(result.converged);
  EXPECT_EQ(result.iterations, 3);

  x = VectorD::Constant(3, -0.5);
  VectorD gradient;
  const double start = rosenbrock(x, gradient);
  result = minimize(rosenbrock, x, {10, 1000, 0, 0.9});  // enough: a step that gains less than nine tenths
  EXPECT_TRUE(result.converged);
  EXPECT_GT(result.value, 1e-6);
  EXPECT_LT(result.value, start);

  VectorD nothing;
  EXPECT_TRUE(minimize([](const VectorD&, VectorD&) { return 4.0; }, nothing, {}).converged);
}

TEST(Lbfgs, ReturnsThePointOfItsValue) {
  for (const int limit : {1, 2, 5, 17}) {
    VectorD x = VectorD::Constant(6, -1.2), gradient;
    const LbfgsResult result = minimize(rosenbrock, x, {5, limit, 0, 0});
    EXPECT_EQ(result.value, rosenbrock(x, gradient)) << limit;
    EXPECT_EQ(result.max_abs_gradient, gradient.lpNorm<Eigen::Infinity>()) << limit;
  }
}

}  // namespace
}  // namespace cliplab
