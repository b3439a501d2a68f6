// The probe against SciPy's optimum on scikit-learn's data sets (tests/golden/eval.json), and what bad input is told.
#include "eval/logistic_regression.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "eval/metrics.hpp"
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

TEST_P(Oracle, ObjectiveIsScipysOptimumAndPredictionsAreItsOwn) {
  const json& entry = golden()["problems"][GetParam()];
  const Problem p = load(entry);
  for (const json& expected : entry["fits"]) {
    FitReport report;
    const LinearClassifier fit = fit_logistic_regression(p.x, p.y, p.classes, {.lambda = expected["lambda"]}, &report);
    const double optimum = expected["optimum"], rule = expected["rule_objective"];
    // Stopped by the gradient: f - f* <= |g|^2 / (2 lambda) by strong convexity, |g|^2 <= P gtol^2. Stopped by the relative
    // decrease: within 1e-4 of the optimum, and not above where scikit-learn 0.24's own rule ends.
    const double by_gradient = static_cast<double>(fit.weight.size()) * 1e-8 / (2 * expected["lambda"].get<double>());
    const double by_decrease = std::max(optimum * 1e-6 + 1e-6, std::min(rule - optimum, optimum * 1e-4));
    EXPECT_LE(report.objective, optimum + std::max(by_gradient, by_decrease)) << entry["name"] << " lambda " << expected["lambda"];
    EXPECT_GE(report.objective, optimum * (1 - 1e-6) - 1e-6);
    // The classifier is rounded to float32 when it leaves: its objective moves by second order only.
    EXPECT_NEAR(logistic_objective(fit, p.x, p.y, expected["lambda"]), report.objective, 1e-4 * (1 + report.objective));
    const auto own = predict(fit, p.x), theirs = expected["predictions"].get<std::vector<int>>();
    int different = 0;
    for (std::size_t i = 0; i < own.size(); ++i) different += own[i] != theirs[i];
    EXPECT_EQ(different, 0);
    LinearClassifier wrong = fit;
    wrong.weight *= 1.01f;  // the check would notice one per cent
    EXPECT_GT(logistic_objective(wrong, p.x, p.y, expected["lambda"]), optimum * (1 + 1e-8));
  }
}
INSTANTIATE_TEST_SUITE_P(Sklearn, Oracle, ::testing::Values(0, 1, 2));

TEST(LogisticRegression, ShiftingTheFeaturesChangesNoPrediction) {
  const Problem p = load(golden()["problems"][1]);
  const LinearClassifier plain = fit_logistic_regression(p.x, p.y, p.classes, {.lambda = 10});
  Matrix moved = p.x;
  moved.array() += 100;
  const LinearClassifier shifted = fit_logistic_regression(moved, p.y, p.classes, {.lambda = 10});
  EXPECT_LT((plain.weight - shifted.weight).cwiseAbs().maxCoeff(), 1e-3 * plain.weight.cwiseAbs().maxCoeff());
  EXPECT_EQ(predict(plain, p.x), predict(shifted, moved));
}

TEST(LogisticRegression, TwoClassesAreOneLogit) {
  const Problem p = load(golden()["problems"][2]);
  const LinearClassifier fit = fit_logistic_regression(p.x, p.y, 2, {.lambda = 1});
  EXPECT_TRUE(fit.weight.row(0).isZero());
  EXPECT_EQ(fit.weight.rows(), 2);
}

TEST(LogisticRegression, AClassWithoutSamplesIsAllowedAndNeverPredicted) {
  const Problem p = load(golden()["problems"][0]);
  const LinearClassifier fit = fit_logistic_regression(p.x, p.y, 5, {.lambda = 1});
  for (const int label : predict(fit, p.x)) EXPECT_LT(label, 3);
}

TEST(LogisticRegression, SeparableDataAtTinyLambdaEndsFinite) {
  Matrix x(4, 2);
  x << 0, 0, 0, 1, 5, 5, 5, 6;
  const std::vector<int> y{0, 0, 1, 1};
  FitReport report;
  const LinearClassifier fit = fit_logistic_regression(x, y, 2, {.lambda = 1e-6}, &report);
  EXPECT_TRUE(fit.weight.allFinite() && fit.bias.allFinite());
  EXPECT_EQ(predict(fit, x), y);
}

TEST(LogisticRegression, ConstantFeaturesGiveThePriors) {
  const Matrix x = Matrix::Constant(6, 3, 2.5f);
  const std::vector<int> y{0, 0, 0, 1, 1, 2};
  const Matrix z = fit_logistic_regression(x, y, 3, {.lambda = 1}).logits(x);
  const double share = std::exp(z(0, 0)) / (std::exp(z(0, 0)) + std::exp(z(0, 1)) + std::exp(z(0, 2)));
  EXPECT_NEAR(share, 0.5, 1e-3);
}

TEST(LogisticRegression, ZeroIterationsReturnTheStart) {
  const Problem p = load(golden()["problems"][0]);
  FitReport report;
  const LinearClassifier fit = fit_logistic_regression(p.x, p.y, 3, {.max_iterations = 0}, &report);
  EXPECT_TRUE(fit.weight.isZero());
  EXPECT_FALSE(report.converged);
}

TEST(LogisticRegression, BadInputIsNamed) {
  using ::testing::HasSubstr;
  Matrix x = Matrix::Random(4, 2);
  std::vector<int> y{0, 1, 2, 0};
  const auto message = [&](int classes, FitOptions options = {}) {
    try {
      fit_logistic_regression(x, y, classes, options);
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

}  // namespace
}  // namespace cliplab
