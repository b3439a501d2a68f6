// Metrics, intervals and lines against SciPy (tests/golden/eval.json) and by hand.
#include "eval/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
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
  const std::vector<double> source{0.3, 0.5, 0.8}, shift{inverse_logit(0.5 * logit(0.3, 1000) - 1), inverse_logit(-1), inverse_logit(0.5 * logit(0.8, 1000) - 1)};
  std::vector<double> x, y;
  for (int i = 0; i < 3; ++i) x.push_back(logit(source[i], 1000)), y.push_back(logit(shift[i], 1000));
  const Line line = fit_line(x, y);
  EXPECT_NEAR(effective_robustness(line, 0.5, shift[1], 1000), 0, 1e-12);
  EXPECT_NEAR(effective_robustness(line, 0.5, shift[1] + 0.1, 1000), 0.1, 1e-12);
  EXPECT_TRUE(std::isfinite(logit(0, 10)) && std::isfinite(logit(1, 10)));
}

}  // namespace
}  // namespace cliplab
