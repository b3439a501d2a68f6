// Metrics, intervals and lines against SciPy (tests/golden/eval.json) and by hand.
#include "eval/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "eval/scores.hpp"
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

TEST(Metrics, FishersTestIsScipys) {
  // scipy.stats.fisher_exact(..., alternative="greater") of SciPy 1.17.1.
  EXPECT_NEAR(fisher_p_value(8, 10, 5, 10), 0.17492260061919507, 1e-12);
  EXPECT_NEAR(fisher_p_value(15, 15, 350, 500), 0.0052486893862307895, 1e-12);
  EXPECT_NEAR(fisher_p_value(3, 40, 30, 100), 0.9995431323174465, 1e-12);
  EXPECT_EQ(fisher_p_value(0, 5, 3, 5), 1);
  EXPECT_NEAR(fisher_p_value(400, 500, 30000, 49500), 1.7394696463825827e-20, 1e-26);
  EXPECT_THROW(fisher_p_value(3, 2, 0, 1), InputError);
}

TEST(Metrics, HolmMultipliesForTheChoiceAndKeepsTheOrder) {
  const auto corrected = holm(std::vector<double>{0.01, 0.04, 0.03, 0.9});
  const std::vector<double> expected{0.04, 0.09, 0.09, 0.9};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_DOUBLE_EQ(corrected[i], expected[i]) << i;
  EXPECT_TRUE(holm({}).empty());
}

TEST(Metrics, EqualScoresDoNotCountByTheFilesOrder) {
  const std::vector<float> equal(4, 0.5f);
  EXPECT_DOUBLE_EQ(average_precision_11(equal, std::vector<int>{1, 0, 0, 0}), 0.25);
  EXPECT_DOUBLE_EQ(average_precision_11(equal, std::vector<int>{0, 0, 0, 1}), 0.25);
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
  EXPECT_DOUBLE_EQ(majority_class(std::vector<int>{1, 1, 0}, Truth{.labels = {0, 0, 0, 1}, .num_classes = 2}).value,
                   0.25);
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

TEST(Metrics, LogProbabilitiesAreOfEachRow) {
  Matrix z(2, 2);
  z << 0, std::log(3.0f), 500, 500;
  const Matrix p = log_probabilities(z);
  EXPECT_NEAR(p(0, 0), std::log(0.25), 1e-6);
  EXPECT_NEAR(p(0, 1), std::log(0.75), 1e-6);
  EXPECT_NEAR(p(1, 0), std::log(0.5), 1e-6);
}

TEST(Metrics, PredictionsAreTheTopLogitAndItsProbability) {
  Matrix z(2, 3);
  z << 0, std::log(2.0f), std::log(2.0f), 5, 5, 5;
  const Predictions p = top_predictions(z);
  EXPECT_EQ(p.label, (std::vector<int>{1, 0}));
  EXPECT_NEAR(p.probability[0], 0.4, 1e-7);
  EXPECT_NEAR(p.probability[1], 1.0 / 3, 1e-7);
}

}  // namespace
}  // namespace cliplab
