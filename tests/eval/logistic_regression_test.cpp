// The probe against SciPy's optimum on scikit-learn's data sets (tests/golden/eval.json), and what bad input is told.
#include "eval/logistic_regression.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "eval/metrics.hpp"
#include "fit_once.hpp"
#include "golden.hpp"

namespace cliplab {
namespace {

using nlohmann::json;

struct Problem {
  Matrix x;
  std::vector<int> y;
  int classes;
};

Problem load(const json& entry) {
  Problem p;
  p.y = entry["labels"].get<std::vector<int>>();
  p.classes = entry["classes"];
  p.x.resize(std::ssize(p.y), std::ssize(entry["features"][0]));
  for (Eigen::Index i = 0; i < p.x.rows(); ++i)
    for (Eigen::Index j = 0; j < p.x.cols(); ++j) p.x(i, j) = entry["features"][i][j];
  return p;
}

std::vector<int> predict(const LinearClassifier& classifier, const Matrix& x) {
  const Matrix z = classifier.logits(x);
  std::vector<int> best(z.rows());
  for (Eigen::Index i = 0; i < z.rows(); ++i) z.row(i).maxCoeff(&best[i]);
  return best;
}

class Oracle : public ::testing::TestWithParam<int> {};

TEST_P(Oracle, ReferenceEndsWhereScipyEndsUnderTheSameRule) {
  const json& entry = golden()["problems"][GetParam()];
  const Problem p = load(entry);
  int within_1e8 = 0;
  for (const json& expected : entry["fits"]) {
    const FitOptions options{.lambda = expected["lambda"], .rule = StopRule::kReference};
    FitReport report;
    const LinearClassifier fit = fit_once(p.x, p.y, p.classes, options, &report);
    const double rule = expected["rule_objective"], spread = expected["rule_spread"];
    // The paths are the same but for rounding. Where a path is long, rounding decides where it ends: `spread` is how
    // far SciPy is from itself when the samples come in other orders.
    EXPECT_NEAR(report.objective, rule, std::max(1e-8 * rule, 3 * spread)) << entry["name"] << options.lambda;
    within_1e8 += std::abs(report.objective - rule) <= 1e-8 * rule;
    EXPECT_EQ(report.evaluations >= report.iterations && report.iterations > 0, true);
    EXPECT_EQ(predict(fit, p.x), expected["predictions"].get<std::vector<int>>());
  }
  EXPECT_GE(within_1e8, GetParam() >= 2 ? 3 : 0) << "features of one scale leave no room for rounding";
}

TEST_P(Oracle, FastIsWithinAMillionthOfTheOptimum) {
  const json& entry = golden()["problems"][GetParam()];
  const Problem p = load(entry);
  for (const json& expected : entry["fits"]) {
    FitReport report;
    const LinearClassifier fit = fit_once(p.x, p.y, p.classes, {.lambda = expected["lambda"]}, &report);
    const double optimum = expected["optimum"];
    EXPECT_TRUE(report.converged);
    EXPECT_LE(report.objective, optimum * (1 + 1e-6)) << entry["name"] << " lambda " << expected["lambda"];
    EXPECT_GE(report.objective, optimum * (1 - 1e-6));
    // The classifier is rounded to float32 when it leaves: its objective moves by second order only.
    EXPECT_NEAR(logistic_objective(fit, p.x, p.y, expected["lambda"]), report.objective, 2e-6 * report.objective);
    EXPECT_EQ(predict(fit, p.x), expected["predictions"].get<std::vector<int>>());
    LinearClassifier wrong = fit;
    wrong.weight *= 1.01f;  // the check would notice one per cent
    EXPECT_GT(logistic_objective(wrong, p.x, p.y, expected["lambda"]), optimum * (1 + 1e-6));
  }
}
INSTANTIATE_TEST_SUITE_P(Sklearn, Oracle, ::testing::Values(0, 1, 2, 3));

TEST(LogisticRegression, ShiftingTheFeaturesChangesNoPrediction) {
  const Problem p = load(golden()["problems"][1]);
  const LinearClassifier plain = fit_once(p.x, p.y, p.classes, {.lambda = 10});
  Matrix moved = p.x;
  moved.array() += 100;
  const LinearClassifier shifted = fit_once(moved, p.y, p.classes, {.lambda = 10});
  // Two points within 1e-6 f of the minimum: |W - W'|^2 <= 4 * 2e-6 f / lambda; f <= N log C.
  EXPECT_LT((plain.weight - shifted.weight).norm(),
            std::sqrt(8e-6 * static_cast<double>(p.y.size()) * std::log(p.classes) / 10));
  EXPECT_EQ(predict(plain, p.x), predict(shifted, moved));
}

TEST(LogisticRegression, TwoClassesAreOneLogit) {
  const Problem p = load(golden()["problems"][2]);
  const LinearClassifier fit = fit_once(p.x, p.y, 2, {.lambda = 1});
  EXPECT_TRUE(fit.weight.row(0).isZero());
  EXPECT_EQ(fit.weight.rows(), 2);
}

TEST(LogisticRegression, AClassWithoutSamplesIsAllowedAndNeverPredicted) {
  const Problem p = load(golden()["problems"][0]);
  const LinearClassifier fit = fit_once(p.x, p.y, 5, {.lambda = 1});
  for (const int label : predict(fit, p.x)) EXPECT_LT(label, 3);
}

TEST(LogisticRegression, FewerSamplesThanClassesAreFitted) {
  const Matrix x = Matrix::Identity(3, 4);
  const std::vector<int> y{0, 3, 5};
  for (const StopRule rule : {StopRule::kFast, StopRule::kReference})
    EXPECT_EQ(predict(fit_once(x, y, 6, {.lambda = 0.01, .rule = rule}), x), y);
}

TEST(LogisticRegression, SeparableDataAtTinyLambdaEndsFinite) {
  Matrix x(4, 2);
  x << 0, 0, 0, 1, 5, 5, 5, 6;
  const std::vector<int> y{0, 0, 1, 1};
  FitReport report;
  const LinearClassifier fit = fit_once(x, y, 2, {.lambda = 1e-6}, &report);
  EXPECT_TRUE(fit.weight.allFinite() && fit.bias.allFinite());
  EXPECT_EQ(predict(fit, x), y);
}

TEST(LogisticRegression, ConstantFeaturesGiveThePriors) {
  const Matrix x = Matrix::Constant(6, 3, 2.5f);
  const std::vector<int> y{0, 0, 0, 1, 1, 2};
  const Matrix z = fit_once(x, y, 3, {.lambda = 1}).logits(x);
  const double share = std::exp(z(0, 0)) / (std::exp(z(0, 0)) + std::exp(z(0, 1)) + std::exp(z(0, 2)));
  EXPECT_NEAR(share, 0.5, 1e-3);
}

TEST(LogisticRegression, ZeroIterationsReturnTheStart) {
  const Problem p = load(golden()["problems"][0]);
  FitReport report;
  const LinearClassifier fit = fit_once(p.x, p.y, 3, {.max_iterations = 0}, &report);
  EXPECT_TRUE(fit.weight.isZero());
  EXPECT_FALSE(report.converged);
}

TEST(LogisticRegression, BadInputIsNamed) {
  using ::testing::HasSubstr;
  Matrix x = Matrix::Random(4, 2);
  std::vector<int> y{0, 1, 2, 0};
  const auto message = [&](int classes, FitOptions options = {}) {
    try {
      fit_once(x, y, classes, options);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message(3), "accepted");
  EXPECT_THAT(message(2), HasSubstr("label 2 of sample 2, expected a label in [0, 2)"));
  EXPECT_THAT(message(1), HasSubstr("1 classes, expected at least 2"));
  EXPECT_THAT(message(3, {.lambda = 0}), HasSubstr("lambda 0"));
  EXPECT_THAT(message(3, {.max_iterations = -1}), HasSubstr("max_iterations -1"));
  x(2, 1) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(message(3), HasSubstr("a feature of sample 2 is NaN or infinite"));
  x(2, 1) = 0;
  y.pop_back();
  EXPECT_THAT(message(3), HasSubstr("4 feature rows and 3 labels"));
  x.resize(0, 2), y.clear();
  EXPECT_THAT(message(3), HasSubstr("at least one sample"));
}

/// Overlapping classes with a common mean that is three quarters of the norm, and variances over six decades.
Problem collapsed(int rows, int features, int classes) {
  Rng rng(7);
  Problem p{Matrix(rows, features), std::vector<int>(rows), classes};
  Matrix centres(classes, features);
  for (float& v : centres.reshaped()) v = static_cast<float>(0.3 * rng.normal());
  for (int i = 0; i < rows; ++i) {
    p.y[i] = i % classes;
    for (int j = 0; j < features; ++j)
      p.x(i, j) = (centres(p.y[i], j) + static_cast<float>(rng.normal()) + 2) *
                  std::pow(10.0f, -3.0f * static_cast<float>(j) / static_cast<float>(features));
  }
  return p;
}

TEST(LogisticRegression, FastIsNotAboveReferenceOnACollapsedSpectrum) {
  const Problem p = collapsed(600, 40, 5);
  for (const double lambda : {100.0, 1.0, 0.01, 1e-4}) {
    FitReport fast, reference;
    fit_once(p.x, p.y, p.classes, {.lambda = lambda}, &fast);
    fit_once(p.x, p.y, p.classes, {.lambda = lambda, .rule = StopRule::kReference}, &reference);
    EXPECT_LE(fast.objective, reference.objective * (1 + 1e-6)) << lambda;
    if (lambda < 1) {
      EXPECT_LT(3 * fast.iterations, reference.iterations) << lambda;
    }
  }
}

TEST(LogisticRegression, SklearnsRuleStopsEarlierOnTheMean) {
  const Problem p = load(golden()["problems"][1]);
  FitReport reference, today;
  fit_once(p.x, p.y, p.classes, {.lambda = 0.01, .rule = StopRule::kReference}, &reference);
  fit_once(p.x, p.y, p.classes, {.lambda = 0.01, .rule = StopRule::kSklearn}, &today);
  EXPECT_GT(today.objective, reference.objective);
  EXPECT_LT(today.iterations, reference.iterations);
  EXPECT_LE(today.max_abs_gradient, 1e-4 * static_cast<double>(p.y.size()));  // its tolerance, times N
}

TEST(LogisticRegression, OneVersusRestIsAFitAClass) {
  const Problem p = load(golden()["problems"][0]);
  Eigen::MatrixXi targets = Eigen::MatrixXi::Zero(p.x.rows(), 3);
  for (std::size_t i = 0; i < p.y.size(); ++i) targets(static_cast<Eigen::Index>(i), p.y[i]) = 1;
  for (const StopRule rule : {StopRule::kFast, StopRule::kReference}) {
    ProbeFitter together(p.x, targets, rule);
    const double lambda = 0.1;
    const Fit all = together.fit(std::span(&lambda, 1), 1000).front();
    for (int c = 0; c < 3; ++c) {
      std::vector<int> own;
      for (const int label : p.y) own.push_back(label == c);
      const LinearClassifier alone = fit_once(p.x, own, 2, {.lambda = lambda, .rule = rule});
      EXPECT_EQ(all.classifier.weight.row(c), alone.weight.row(1)) << c;  // the stack changes no bit
      EXPECT_EQ(all.classifier.bias[c], alone.bias[1]);
    }
  }
}

TEST(LogisticRegression, FewSamplesAreSolvedInTheirOwnSpace) {
  const Problem whole = collapsed(700, 60, 4);
  const Problem few{whole.x.topRows(30), {whole.y.begin(), whole.y.begin() + 30}, 4};
  FitReport fast, reference;
  const LinearClassifier fit = fit_once(few.x, few.y, 4, {.lambda = 0.1}, &fast);
  fit_once(few.x, few.y, 4, {.lambda = 0.1, .rule = StopRule::kReference}, &reference);
  EXPECT_LE(fast.objective, reference.objective * (1 + 1e-6));
  EXPECT_NEAR(logistic_objective(fit, few.x, few.y, 0.1), fast.objective, 2e-6 * fast.objective);
}

TEST(LogisticRegression, AnAnchorIsWhereAStrongPenaltyEnds) {
  const Problem whole = collapsed(200, 60, 3);
  for (const int rows : {20, 200}) {  // in the samples' space, and in the features'
    const Problem p{whole.x.topRows(rows), {whole.y.begin(), whole.y.begin() + rows}, 3};
    const LinearClassifier anchor{Matrix::Random(3, 60), Vector::Zero(3)};
    ProbeFitter fitter(p.x, p.y, 3, StopRule::kFast);
    const double lambdas[] = {1e6, 1e-3};
    const auto fits = fitter.fit(lambdas, 1000, {}, &anchor);
    EXPECT_LT((fits[0].classifier.weight - anchor.weight).norm(), 1e-2 * anchor.weight.norm());
    EXPECT_GT((fits[1].classifier.weight - anchor.weight).norm(), 1e-1 * anchor.weight.norm());
  }
}

TEST(LogisticRegression, TheStartDoesNotMoveTheMinimum) {
  const Problem p = collapsed(300, 20, 4);
  Rng rng(3);
  LinearClassifier random{Matrix(4, 20), Vector::Zero(4)};
  for (float& v : random.weight.reshaped()) v = static_cast<float>(rng.normal());
  FitReport from_zero, from_random;
  const LinearClassifier a = fit_once(p.x, p.y, 4, {.lambda = 1}, &from_zero);
  const LinearClassifier b = fit_once(p.x, p.y, 4, {.lambda = 1}, &from_random, &random);
  EXPECT_NEAR(from_zero.objective, from_random.objective, 1e-6 * from_zero.objective);
  // f - f* <= 1e-6 f and curvature >= lambda: |W - W*|^2 <= 2e-6 f / lambda for either.
  EXPECT_LT((a.weight - b.weight).norm(), 2 * std::sqrt(2e-6 * from_zero.objective));
}

/// min over w, b of the two classes' loss, by Newton's method in double.
double newton_minimum(const Matrix& features, const std::vector<int>& y, double lambda) {
  MatrixD x(features.rows(), features.cols() + 1);
  const VectorD mean = features.cast<double>().colwise().mean();
  x << features.cast<double>().rowwise() - mean.transpose(), VectorD::Ones(features.rows());
  VectorD penalty = VectorD::Constant(x.cols(), lambda), w = VectorD::Zero(x.cols());
  penalty[x.cols() - 1] = 0;
  const auto loss = [&](const VectorD& at) {
    const VectorD z = x * at;
    double sum = 0.5 * at.cwiseAbs2().dot(penalty);
    for (Eigen::Index i = 0; i < z.size(); ++i)
      sum += std::log1p(std::exp(-std::abs(z[i]))) + std::max(0.0, y[i] == 1 ? -z[i] : z[i]);
    return sum;
  };
  for (int step = 0; step < 100; ++step) {
    const VectorD p = (1 + (-(x * w)).array().exp()).inverse();
    VectorD gradient = penalty.cwiseProduct(w), weight = p.array() * (1 - p.array());
    for (Eigen::Index i = 0; i < p.size(); ++i) gradient += (p[i] - (y[i] == 1)) * x.row(i).transpose();
    MatrixD hessian = x.transpose() * weight.asDiagonal() * x;
    hessian.diagonal() += penalty;
    const VectorD direction = hessian.ldlt().solve(gradient);
    if (gradient.dot(direction) < 1e-12 * loss(w)) break;  // twice what the quadratic model has left to gain
    double size = 1;
    while (size > 1e-9 && loss(w - size * direction) > loss(w)) size /= 2;
    w -= size * direction;
  }
  return loss(w);
}

/// Directions whose variances differ by 10^9, turned so that every feature has some of each; the small ones tell the
/// classes apart.
TEST(LogisticRegression, TheFastRuleFindsTheMinimumInDirectionsThatHardlyVary) {
  constexpr Eigen::Index N = 3000, D = 48;
  Rng rng(17);
  MatrixD z(N, D), turn(D, D);
  for (double& v : z.reshaped()) v = rng.normal();
  for (double& v : turn.reshaped()) v = rng.normal();
  const MatrixD Q = Eigen::HouseholderQR<MatrixD>(turn).householderQ();
  Problem p{Matrix(), {}, 2};
  for (Eigen::Index i = 0; i < N; ++i) p.y.push_back(1.5 * z(i, 40) + z(i, 30) - z(i, 10) + rng.normal() > 0);
  for (Eigen::Index d = 0; d < D; ++d)
    z.col(d) *= std::pow(10, 2.5 - 4.5 * static_cast<double>(d) / (D - 1));  // 316 to 0.01
  p.x = (z * Q).cast<float>();
  for (const double lambda : {1.0, 1e-2, 1e-4}) {
    FitReport report;
    const LinearClassifier fit = fit_once(p.x, p.y, 2, {.lambda = lambda}, &report);
    const double least = newton_minimum(p.x, p.y, lambda), found = logistic_objective(fit, p.x, p.y, lambda);
    // Logits of products of 300 and 50 in float32 are off by 1e-3, which moves the minimum's value by their square, an
    // eighth of it a sample: 1e-7 of the loss; the rule promises 1e-6.
    EXPECT_LT(found, (1 + 2e-6) * least) << lambda << " iterations " << report.iterations;
    EXPECT_LT(report.iterations, 200);
  }
}

TEST(LogisticRegression, PathsOverLambdaEndAtTheSameMinima) {
  const Problem p = collapsed(400, 30, 4);
  ProbeFitter fitter(p.x, p.y, 4, StopRule::kFast);
  Fit last;
  int evaluations = 0, cold_evaluations = 0;
  for (int at = 8; at >= -24; --at) {
    const double lambda = std::pow(10.0, at / 8.0);
    const Fit* start = last.warm_starts.empty() ? nullptr : &last;
    Fit next = fitter.fit(std::span(&lambda, 1), 1000, std::span(&start, 1)).front();
    const Fit cold = fitter.fit(std::span(&lambda, 1), 1000).front();
    EXPECT_NEAR(next.report.objective, cold.report.objective, 1e-6 * cold.report.objective) << lambda;
    evaluations += next.report.evaluations, cold_evaluations += cold.report.evaluations;
    last = std::move(next);
  }
  EXPECT_LT(evaluations, cold_evaluations);
}

TEST(StopRules, HaveNames) {
  for (const StopRule rule : {StopRule::kFast, StopRule::kReference, StopRule::kSklearn})
    EXPECT_EQ(stop_rule(name_of(rule)), rule);
  EXPECT_THROW(stop_rule("lbfgs"), InputError);
}

}  // namespace
}  // namespace cliplab
