// Metrics, intervals and lines against SciPy (tests/golden/eval.json) and by hand.
#include "eval/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "eval/robustness.hpp"
#include "golden.hpp"

namespace cliplab {
namespace {

using nlohmann::json;

TEST(Metrics, ClopperPearsonIsScipys) {
  for (const json& row : golden()["clopper_pearson"]) {
    const Interval interval = clopper_pearson(row[0], row[1]);
    EXPECT_NEAR(interval.low, row[2].get<double>(), 1e-10);
    EXPECT_NEAR(interval.high, row[3].get<double>(), 1e-10);
  }
  EXPECT_EQ(clopper_pearson(0, 0).high, 1);
  EXPECT_THROW(clopper_pearson(3, 2), InputError);
}

TEST(Metrics, AveragePrecisionWeighsSamplesAndTakesTiesTogether) {
  // sklearn.metrics.average_precision_score([1, 0, 1, 0, 1], [.9, .8, .8, .3, .1], sample_weight=[1, .5, 2, 1, .25]),
  // by hand: recall rises by 1/3.25 at precision 1, by 2/3.25 at 3/3.5, by .25/3.25 at 3.25/4.75.
  const std::vector<float> scores{0.9f, 0.8f, 0.8f, 0.3f, 0.1f};
  const std::vector<int> right{1, 0, 1, 0, 1};
  const double expected = (1 + 2 * (3 / 3.5) + 0.25 * (3.25 / 4.75)) / 3.25;
  EXPECT_NEAR(average_precision(scores, right, std::vector<double>{1, 0.5, 2, 1, 0.25}), expected, 1e-15);
  EXPECT_THROW(average_precision(scores, std::vector<int>(5, 0), std::vector<double>(5, 1)), InputError);
  EXPECT_THROW(average_precision(scores, right, std::vector<double>(4, 1)), InputError);
}

TEST(Metrics, LossesAreMeansOfTheDefinition) {
  Matrix logits(2, 3);
  logits << 1, 2, 3, 1000, 0, -1000;  // the second row would overflow
  const double first = std::log(std::exp(1) + std::exp(2) + std::exp(3)) - 2;
  EXPECT_NEAR(log_loss(logits, std::vector<int>{1, 0}), first / 2, 1e-15);
  EXPECT_NEAR(log_loss(logits, std::vector<int>{1, 1}), (first + 1000) / 2, 1e-12);
  const std::vector<std::int8_t> targets{1, 0, -1, -1, 0, 0};
  const double expected = (std::log1p(std::exp(-1)) + std::log1p(std::exp(3)) + 1000) / 3;
  EXPECT_NEAR(binary_log_loss(logits, targets), expected, 1e-12);
  EXPECT_EQ(binary_log_loss(logits, std::vector<std::int8_t>(6, 0)), 0);
}

TEST(Metrics, NumbersThatAreNotFiniteAreRefusedByEach) {
  const std::vector<int> labels{1, 0};
  for (const float odd :
       {std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()})
    for (const Eigen::Index at : {0, 1, 2, 3}) {
      Matrix logits(2, 2);
      logits << 0.1f, 0.2f, 0.3f, 0.4f;
      logits.data()[at] = odd;
      const std::vector<float> scores{0.5f, odd};
      EXPECT_THROW(label_ranks(logits, labels), InputError);
      EXPECT_THROW(top_predictions(logits), InputError);
      EXPECT_THROW(log_loss(logits, labels), InputError);
      EXPECT_THROW(binary_log_loss(logits, std::vector<std::int8_t>(4, 1)), InputError);
      EXPECT_THROW(mean_average_precision_11(logits, std::vector<std::int8_t>(4, 1)), InputError);
      EXPECT_THROW(roc_auc(scores, labels), InputError);
      EXPECT_THROW(average_precision(scores, labels, std::vector<double>(2, 1)), InputError);
      EXPECT_THROW(average_precision_11(scores, labels), InputError);
    }
}

TEST(Metrics, MeanOfIndependentScoresAddsHalfWidthsInQuadrature) {
  const Interval parts[] = {{0.5, 0.47, 0.56, 10}, {0.7, 0.66, 0.78, 30}};
  const Interval mean = mean_of(parts);
  EXPECT_DOUBLE_EQ(mean.value, 0.6);
  EXPECT_NEAR(mean.low, 0.6 - 0.05 / 2, 1e-15);   // 3, 4, 5
  EXPECT_NEAR(mean.high, 0.6 + 0.10 / 2, 1e-15);  // 6, 8, 10; a few roundings of 1e-16 each
  EXPECT_EQ(mean.n, 40);
}

TEST(Metrics, BinomialTestIsScipys) {
  for (const json& row : golden()["binomial"]) {
    const double p = binomial_p_value(row[0], row[1], row[2]);
    // Both sum a continued fraction to about 1e-13 of the value.
    EXPECT_NEAR(p, row[3].get<double>(), 1e-10 * row[3].get<double>()) << row;
  }
  EXPECT_THROW(binomial_p_value(3, 2, 0.5), InputError);
  EXPECT_THROW(binomial_p_value(1, 2, 1.5), InputError);
}

TEST(Metrics, ChiSquaredTestIsScipysWithoutCorrection) {
  for (const json& row : golden()["chi_squared"]) {
    const double p = chi_squared_p_value(row[0], row[1], row[2], row[3]);
    // The tail erfc(x) is exp(-x^2): a rounding of chi2 (a few eps) grows by chi2 itself, at most 539.
    EXPECT_NEAR(p, row[4].get<double>(), 1e-11 * row[4].get<double>()) << row;
  }
  EXPECT_EQ(chi_squared_p_value(0, 10, 0, 20), 1);
  EXPECT_EQ(chi_squared_p_value(10, 10, 20, 20), 1);
  EXPECT_THROW(chi_squared_p_value(3, 2, 0, 1), InputError);
  EXPECT_THROW(chi_squared_p_value(0, 0, 0, 1), InputError);
}

TEST(Metrics, RanksBreakTiesByIndexAsArgmaxDoes) {
  Matrix z(3, 3);
  z << 1, 2, 2, 5, 5, 5, 0, 3, 1;
  EXPECT_EQ(label_ranks(z, std::vector<int>{2, 0, 2}), (std::vector<int>{1, 0, 1}));
  EXPECT_THROW(label_ranks(z, std::vector<int>{0, 1, 3}), InputError);
}

TEST(Metrics, MeanPerClassWeighsClassesEqually) {
  const std::vector<int> labels{0, 0, 0, 1}, ranks{0, 0, 0, 2};
  EXPECT_DOUBLE_EQ(mean_per_class(ranks, labels).value, 0.5);
  EXPECT_DOUBLE_EQ(top_k(ranks, 1).value, 0.75);
  EXPECT_DOUBLE_EQ(top_k(ranks, 3).value, 1.0);
}

TEST(Metrics, MajorityClassIsChosenOnTrain) {
  EXPECT_DOUBLE_EQ(majority_class(std::vector<int>{1, 1, 0}, std::vector<int>{0, 0, 0, 1}).value, 0.25);
}

TEST(Metrics, StatisticsAreScipysAndSklearns) {
  const json& s = golden()["statistics"];
  const auto scores = s["scores"].get<std::vector<float>>();
  const auto labels = s["labels"].get<std::vector<int>>();
  EXPECT_NEAR(roc_auc(scores, labels), s["roc_auc"].get<double>(), 1e-12);
  EXPECT_NEAR(average_precision_11(scores, labels), s["average_precision_11"].get<double>(), 1e-12);
}

TEST(Metrics, BadInputIsRefused) {
  const std::vector<float> scores{1, 2};
  EXPECT_THROW(roc_auc(scores, std::vector<int>{1, 1}), InputError);
  EXPECT_THROW(roc_auc(scores, std::vector<int>{1, 2}), InputError);
  EXPECT_THROW(roc_auc(scores, std::vector<int>{1}), InputError);
  EXPECT_THROW(average_precision_11(scores, std::vector<int>{0, 0}), InputError);
  EXPECT_THROW(bootstrap(0, [](auto) { return 0.0; }), InputError);
}

TEST(Metrics, MeanAveragePrecisionIsOverClasses) {
  Matrix z(3, 2);
  z << 3, 1, 2, 2, 1, 3;
  std::vector<std::int8_t> targets{1, 1, -1, -1, -1, -1};  // first of its class, last of its class
  EXPECT_NEAR(mean_average_precision_11(z, targets), (1 + 1.0 / 3) / 2, 1e-12);
  targets[5] = 0;  // a difficult one of the second class, ranked above its positive: it is as if it were not there
  EXPECT_NEAR(mean_average_precision_11(z, targets), (1 + 1.0 / 2) / 2, 1e-12);
  EXPECT_THROW(mean_average_precision_11(z, std::span(targets).first(3)), InputError);
}

TEST(Metrics, PredictionsAreTheTopLogitAndItsProbability) {
  Matrix z(2, 3);
  z << 0, std::log(2.0f), std::log(2.0f), 5, 5, 5;
  const Predictions p = top_predictions(z);
  EXPECT_EQ(p.label, (std::vector<int>{1, 0}));
  EXPECT_NEAR(p.probability[0], 0.4, 1e-7);
  EXPECT_NEAR(p.probability[1], 1.0 / 3, 1e-7);
}

TEST(Metrics, TheBootstrapOfAMeanIsItsStandardError) {
  Rng rng(5);
  std::vector<double> x(400);
  for (double& v : x) v = rng.normal();
  const auto mean = [&](std::span<const std::size_t> rows) {
    double sum = 0;
    for (const std::size_t row : rows) sum += x[row];
    return sum / static_cast<double>(rows.size());
  };
  const Interval interval = bootstrap(400, mean, 2000);
  // 1.96 sigma / sqrt(n) = 0.098 either side; a percentile of 2000 resamples is good to a tenth of that.
  EXPECT_NEAR(interval.high - interval.value, 0.098, 0.015);
  EXPECT_NEAR(interval.value - interval.low, 0.098, 0.015);
}

TEST(Lines, LeastSquaresIsScipysLinregress) {
  const json line = golden()["line"];
  const auto x = line["x"].get<std::vector<double>>(), y = line["y"].get<std::vector<double>>();
  const Line fit = fit_line(x, y);
  EXPECT_NEAR(fit.slope, line["slope"].get<double>(), 1e-12);
  EXPECT_NEAR(fit.intercept, line["intercept"].get<double>(), 1e-12);
  EXPECT_NEAR(fit.r, line["r"].get<double>(), 1e-12);
  EXPECT_LT(fit.slope_low, fit.slope);
  EXPECT_GT(fit.slope_high, fit.slope);
  EXPECT_THROW(fit_line(std::vector<double>{1, 1}, std::vector<double>{0, 1}), InputError);
}

TEST(Lines, ModelsOnTheBaselineHaveNoEffectiveRobustness) {
  const std::vector<double> source{0.3, 0.5, 0.8},
      shift{inverse_logit(0.5 * logit(0.3, 1000) - 1), inverse_logit(-1), inverse_logit(0.5 * logit(0.8, 1000) - 1)};
  std::vector<double> x, y;
  for (int i = 0; i < 3; ++i) x.push_back(logit(source[i], 1000)), y.push_back(logit(shift[i], 1000));
  const Line line = fit_line(x, y);
  EXPECT_NEAR(effective_robustness(line, 0.5, shift[1], 1000), 0, 1e-12);
  EXPECT_NEAR(effective_robustness(line, 0.5, shift[1] + 0.1, 1000), 0.1, 1e-12);
  EXPECT_TRUE(std::isfinite(logit(0, 10)) && std::isfinite(logit(1, 10)));
}

}  // namespace
}  // namespace cliplab
