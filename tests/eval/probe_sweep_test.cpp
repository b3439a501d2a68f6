// The lambda search: how many fits, which lambdas, repeatable, and better than the ends of the range.
#include "eval/probe_sweep.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "eval/metrics.hpp"
#include "fit_once.hpp"

namespace cliplab {
namespace {

Truth of(const std::vector<int>& labels, int num_classes) { return {labels, {}, {}, num_classes}; }

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
  const SweepResult sweep = sweep_probe({x, of(y, 4)}, nullptr, {});
  // 7 + 2 a halving; a point outside 1e-6..1e6 is not tried.
  EXPECT_GE(sweep.points.size(), 11u);
  EXPECT_LE(sweep.points.size(), 15u);
  for (const SweepPoint& p : sweep.points) {
    const double eighths = 8 * std::log10(p.lambda);
    EXPECT_NEAR(eighths, std::round(eighths), 1e-9);
  }
  double best = 0, loss = 0;
  for (const SweepPoint& p : sweep.points) best = std::max(best, p.validation_accuracy);
  for (const SweepPoint& p : sweep.points)
    if (p.lambda == sweep.lambda) {
      EXPECT_EQ(p.validation_accuracy, best);
      loss = p.validation_loss;
    }
  for (const SweepPoint& p : sweep.points)
    if (p.validation_accuracy == best && p.lambda != sweep.lambda) {
      EXPECT_GT(p.validation_loss, loss) << "ties go to the smaller loss";
    }
}

/// Classes of so many samples each, far apart.
void make_long_tail(std::initializer_list<int> sizes, Matrix& x, std::vector<int>& y) {
  Rng rng(6);
  y.clear();
  int label = 0;
  for (const int size : sizes) y.insert(y.end(), static_cast<std::size_t>(size), label++);
  x.resize(std::ssize(y), label);
  for (Eigen::Index i = 0; i < x.rows(); ++i)
    for (int c = 0; c < label; ++c) x(i, c) = static_cast<float>((c == y[i] ? 1 : 0) + 0.05 * rng.normal());
}

TEST(ProbeSweep, ALargeClassDoesNotChooseThePenaltyForTheSmallOnes) {
  for (const auto sizes : {std::initializer_list<int>{40, 4, 4, 4, 4}, {40, 2, 2, 2}, {3, 3, 100}, {2, 9}}) {
    Matrix x;
    std::vector<int> y;
    make_long_tail(sizes, x, y);
    const auto classes = static_cast<int>(sizes.size());
    const SweepResult sweep = sweep_probe({x, of(y, classes)}, nullptr, {});
    EXPECT_EQ(top_k(label_ranks(sweep.classifier.logits(x), y), 1).value, 1) << "lambda " << sweep.lambda;
  }
}

TEST(ProbeSweep, EveryClassOfTwoIsValidatedAndOneOfOneIsTrainedOn) {
  const std::vector<int> y{0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4};
  const Cut cut = cut_validation(y, 6, 0.2, 1);
  std::vector<int> held(6), kept(6);
  for (const auto row : cut.validation) ++held[y[row]];
  for (const auto row : cut.train) ++kept[y[row]];
  EXPECT_EQ(held, (std::vector<int>{0, 1, 1, 2, 0, 0}));
  EXPECT_EQ(kept, (std::vector<int>{1, 1, 2, 8, 1, 0}));
  EXPECT_EQ(classes_of_one(of(y, 6)), 2);
}

TEST(ProbeSweep, WithoutAnyValidationTheStrongestPenaltyThatFitsIsChosen) {
  Matrix x;
  std::vector<int> y;
  make_long_tail({1, 1, 1}, x, y);
  const SweepResult sweep = sweep_probe({x, of(y, 3)}, nullptr, {.search = Search::kFull});
  for (const SweepPoint& p : sweep.points) {
    if (p.lambda > sweep.lambda) {
      EXPECT_LT(p.validation_accuracy, 1) << p.lambda;
    }
  }
  EXPECT_EQ(top_k(label_ranks(sweep.classifier.logits(x), y), 1).value, 1);
}

TEST(ProbeSweep, GivesTheSameBitsTwiceAndReportsTheRefit) {
  Matrix x;
  std::vector<int> y;
  make_data(160, x, y);
  const SweepResult a = sweep_probe({x, of(y, 4)}, nullptr, {.seed = 3}),
                    b = sweep_probe({x, of(y, 4)}, nullptr, {.seed = 3});
  EXPECT_EQ(a.lambda, b.lambda);
  EXPECT_EQ(a.classifier.weight, b.classifier.weight);
  EXPECT_NEAR(a.refit.objective, logistic_objective(a.classifier, x, y, a.lambda), 1e-3);
  EXPECT_GT(top_k(label_ranks(a.classifier.logits(x), y), 1).value, 0.4);
}

TEST(ProbeSweep, AGivenValidationSplitChoosesAndJoinsTheRefit) {
  Matrix x, held;
  std::vector<int> y, held_labels;
  make_data(300, x, y), make_data(100, held, held_labels);
  const Matrix train = x.topRows(200), validation = x.bottomRows(100);
  const std::vector<int> train_labels(y.begin(), y.begin() + 200), validation_labels(y.begin() + 200, y.end());
  const Truth validation_truth = of(validation_labels, 4);
  const LabelledRows given{validation, validation_truth};
  const SweepResult sweep = sweep_probe({train, of(train_labels, 4)}, &given, {});
  FitReport whole;
  fit_once(x, y, 4, {.lambda = sweep.lambda}, &whole);
  EXPECT_NEAR(sweep.refit.objective, whole.objective, 1e-6 * whole.objective);
}

TEST(ProbeSweep, FastChoosesWithinOneStepOfReferenceAndTheFullSweepHasAllPoints) {
  Matrix x;
  std::vector<int> y;
  make_data(240, x, y);
  const SweepResult fast = sweep_probe({x, of(y, 4)}, nullptr, {.search = Search::kFull});
  const SweepResult reference =
      sweep_probe({x, of(y, 4)}, nullptr, {.rule = StopRule::kReference, .search = Search::kFull});
  ASSERT_EQ(fast.points.size(), 97u);
  ASSERT_EQ(reference.points.size(), 97u);
  EXPECT_LE(std::abs(std::log10(fast.lambda / reference.lambda)), 0.125 + 1e-9);
  for (std::size_t i = 0; i < 97; ++i) {
    EXPECT_LE(fast.points[i].fit.objective, reference.points[i].fit.objective * (1 + 1e-6)) << fast.points[i].lambda;
    if (i > 0) {
      EXPECT_GT(fast.points[i].fit.objective, fast.points[i - 1].fit.objective) << "a stronger penalty costs more";
    }
  }
  EXPECT_THROW(search_named("golden"), InputError);
}

TEST(ProbeSweep, SeveralLabelsAreOneVersusRestChosenByMeanAveragePrecision) {
  Rng rng(8);
  Matrix x(120, 6);
  std::vector<int> first(120);
  std::vector<std::int8_t> targets(120 * 3);
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    for (Eigen::Index d = 0; d < x.cols(); ++d) x(i, d) = static_cast<float>(rng.normal());
    for (int c = 0; c < 3; ++c) targets[i * 3 + c] = x(i, c) + rng.normal() > 0.5 ? 1 : -1;
    if (i % 7 == 0) targets[i * 3 + i % 3] = 0;
    first[i] = static_cast<int>(std::max_element(targets.begin() + i * 3, targets.begin() + i * 3 + 3) -
                                (targets.begin() + i * 3));
  }
  const SweepResult sweep = sweep_probe({x, Truth{first, targets, {}, 3}}, nullptr, {});
  ASSERT_EQ(sweep.points.size(), 15u);
  Eigen::MatrixXi yes(120, 3);
  for (Eigen::Index i = 0; i < 120; ++i)
    for (int c = 0; c < 3; ++c) yes(i, c) = targets[i * 3 + c] > 0;
  const Fit direct = std::move(ProbeFitter(x, yes, StopRule::kFast).fit(std::span(&sweep.lambda, 1), 1000).front());
  // Both end within an estimated 2e-7 of the minimum of each problem.
  EXPECT_NEAR(sweep.refit.objective, direct.report.objective, 1e-6 * direct.report.objective);
  // Against this, a probe that takes the first label for the only one ranks the third class worse than its own logit
  // does.
  const double several = mean_average_precision_11(sweep.classifier.logits(x), targets);
  const double single =
      mean_average_precision_11(sweep_probe({x, of(first, 3)}, nullptr, {}).classifier.logits(x), targets);
  EXPECT_GT(several, single + 0.02);
  EXPECT_THROW(sweep_probe({x, Truth{first, {1, 1, 1, 1, 1}, {}, 3}}, nullptr, {}), InputError);
}

TEST(ProbeSweep, RefusesLabelsOutOfRangeAndOddValidationSplits) {
  const Matrix x = Matrix::Random(3, 2);
  const std::vector<int> out_of_range{0, 1, 5}, too_few{0, 1}, good{0, 1, 2}, none;
  EXPECT_THROW(sweep_probe({x, of(out_of_range, 3)}, nullptr, {}), InputError);
  EXPECT_THROW(sweep_probe({x, of(too_few, 3)}, nullptr, {}), InputError);
  const Matrix narrow = Matrix::Random(3, 1), empty(0, 2);
  const Truth good_truth = of(good, 3), no_truth = of(none, 3);
  const LabelledRows of_other_width{narrow, good_truth}, of_none{empty, no_truth};
  EXPECT_THROW(sweep_probe({x, of(good, 3)}, &of_other_width, {}), InputError);
  EXPECT_THROW(sweep_probe({x, of(good, 3)}, &of_none, {}), InputError);
}

}  // namespace
}  // namespace cliplab
