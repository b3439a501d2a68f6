// Few-shot draws: nested, repeatable, better with more shots; where they meet zero-shot; what is refused.
#include "eval/few_shot.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/rng.hpp"

namespace cliplab {
namespace {

struct Data {
  Matrix x;
  Truth truth;
  LabelledRows rows() const { return {x, truth}; }
  Data with_classes(int num_classes) const {
    Data other = *this;
    other.truth.num_classes = num_classes;
    return other;
  }
};

Data make(int n, std::uint64_t seed) {
  Rng rng(seed);
  Data data{Matrix(n, 40), {{}, {}, {}, 5}};
  for (int i = 0; i < n; ++i) {
    data.truth.labels.push_back(i % 5);
    for (int j = 0; j < 40; ++j) data.x(i, j) = static_cast<float>(rng.normal() + (j % 5 == i % 5 ? 0.5 : 0));
  }
  return data;
}

std::vector<float> units_right(const LinearClassifier& classifier, const Data& data) {
  const Matrix logits = classifier.logits(data.x);
  std::vector<float> right;
  for (Eigen::Index i = 0; i < logits.rows(); ++i) {
    Eigen::Index best = 0;
    logits.row(i).maxCoeff(&best);
    right.push_back(best == data.truth.labels[i]);
  }
  return right;
}

double mean_of(const std::vector<float>& units) {
  return std::accumulate(units.begin(), units.end(), 0.0) / static_cast<double>(units.size());
}

double mean_accuracy(const std::vector<FewShotPoint>& points, int shots) {
  double sum = 0, n = 0;
  for (const FewShotPoint& p : points)
    if (p.shots == shots) sum += p.score, ++n;
  return sum / n;
}

TEST(FewShot, OtherScoresAreOfTheSameFit) {
  const Data train = make(400, 1), test = make(300, 2), other = make(200, 3);
  FewShotOptions options{.shots = {1, 8}, .draws = 3};
  const auto plain = few_shot(train.rows(), test.rows(), test.rows(), options);
  options.also = [&](const LinearClassifier& fit) {
    return std::vector<std::vector<float>>{units_right(fit, test), units_right(fit, other)};
  };
  const auto points = few_shot(train.rows(), test.rows(), test.rows(), options);
  for (std::size_t i = 0; i < points.size(); ++i) {
    ASSERT_EQ(points[i].also.size(), 2u);
    EXPECT_EQ(points[i].score, plain[i].score) << "looking changes no fit";
    EXPECT_DOUBLE_EQ(mean_of(points[i].also[0]), points[i].score);
    EXPECT_NE(mean_of(points[i].also[1]), points[i].score);
  }
  const Interval mine = over_draws(points, 8, "accuracy", test.truth, 0.1), also = over_draws_also(points, 8, 0, 0.1);
  EXPECT_DOUBLE_EQ(mine.value, also.value);
  EXPECT_NEAR(mine.low, also.low, 1e-12);
  EXPECT_EQ(mine.n, 3);
  EXPECT_TRUE(plain[0].also.empty());
}

TEST(FewShot, MoreShotsAreBetterAndTheSameSeedIsTheSame) {
  const Data train = make(400, 1), test = make(300, 2);
  const auto points = few_shot(train.rows(), test.rows(), test.rows(), {.draws = 6});
  ASSERT_EQ(points.size(), 30u);
  EXPECT_GT(mean_accuracy(points, 16), mean_accuracy(points, 1) + 0.1);
  EXPECT_GT(mean_accuracy(points, 1), 0.2);  // chance
  const auto again = few_shot(train.rows(), test.rows(), test.rows(), {.draws = 6});
  for (std::size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(points[i].score, again[i].score);
    EXPECT_EQ(points[i].lambda, again[i].lambda);
  }
  EXPECT_NE(points[0].score, points[1].score) << "draws differ";
}

TEST(FewShot, ARandomStartIsTheZeroStartsResult) {
  const Data train = make(200, 1), test = make(300, 2);
  const auto zero = few_shot(train.rows(), test.rows(), test.rows(), {.shots = {4}, .draws = 5});
  const auto random =
      few_shot(train.rows(), test.rows(), test.rows(), {.shots = {4}, .draws = 5, .start = FewShotStart::kRandom});
  // Fits that agree to a millionth of the objective may still differ on a sample or two of 300 at the boundary.
  for (std::size_t i = 0; i < zero.size(); ++i) EXPECT_NEAR(zero[i].score, random[i].score, 3.0 / 300);
}

TEST(FewShot, AGoodZeroShotClassifierIsKept) {
  const Data train = make(200, 1), test = make(300, 2);
  LinearClassifier classifier{Matrix::Zero(5, 40), Vector::Zero(5)};
  for (int j = 0; j < 40; ++j) classifier.weight(j % 5, j) = 0.5f;  // the generator's own direction
  const FewShotOptions options{.shots = {1}, .draws = 5, .start = FewShotStart::kZeroShot, .zero_shot = &classifier};
  const auto anchored = few_shot(train.rows(), test.rows(), test.rows(), options);
  const auto plain = few_shot(train.rows(), test.rows(), test.rows(), {.shots = {1}, .draws = 5});
  EXPECT_GT(mean_accuracy(anchored, 1), mean_accuracy(plain, 1) + 0.1);
}

TEST(FewShot, EqualScoresAreDecidedByTheLossUnlessTheRowsWereFitted) {
  Data train = make(20, 1), validation = make(40, 2);
  for (Data* data : {&train, &validation})  // far apart: any penalty is right everywhere
    for (Eigen::Index i = 0; i < data->x.rows(); ++i) data->x(i, data->truth.labels[i]) += 50;
  FewShotOptions options{.shots = {4}, .draws = 1};
  const FewShotPoint by_loss = few_shot(train.rows(), validation.rows(), validation.rows(), options).front();
  options.held_out = false;
  const FewShotPoint by_strength = few_shot(train.rows(), validation.rows(), validation.rows(), options).front();
  EXPECT_EQ(by_loss.score, 1);
  EXPECT_EQ(by_strength.score, 1);
  EXPECT_LT(by_loss.lambda, by_strength.lambda);
}

TEST(FewShot, ExamplesToMatchIsLinearInTheLogarithm) {
  const std::vector<double> examples{1, 2, 4, 8}, accuracies{0.1, 0.2, 0.4, 0.5};
  EXPECT_NEAR(examples_to_match(examples, accuracies, 0.3).examples, std::sqrt(2.0 * 4), 1e-12);
  EXPECT_NEAR(examples_to_match(examples, accuracies, 0.5).examples, 8, 1e-12);
  EXPECT_NEAR(examples_to_match(examples, accuracies, 0.05).examples, std::sqrt(0.5), 1e-12);  // along the first line
  EXPECT_EQ(examples_to_match(examples, std::vector<double>{0.25, 0.24, 0.27, 0.4}, 0.15).examples,
            examples[0]);  // no line leads down to it
  EXPECT_THROW(examples_to_match(std::vector<double>{1, 1}, std::vector<double>{0, 1}, 0.5), InputError);
  EXPECT_THROW(examples_to_match(std::vector<double>{1}, std::vector<double>{0}, 0.5), InputError);
  EXPECT_THROW(examples_to_match(examples, std::vector<double>{0.1, NAN, 0.2, 0.3}, 0.15), InputError);
}

TEST(FewShot, ExamplesToMatchAreBoundsBeyondWhatWasTried) {
  const std::vector<double> examples{1, 2, 4, 8}, accuracies{0.1, 0.11, 0.4, 0.5};
  const Match below = examples_to_match(examples, accuracies, 0.01),
              above = examples_to_match(examples, accuracies, 0.51);
  EXPECT_EQ(below.censored, "below");
  EXPECT_EQ(below.examples, 0.5);
  EXPECT_EQ(above.censored, "above");
  EXPECT_EQ(above.examples, 8);
}

TEST(FewShot, TheMedianCountsDataSetsThatNeverMatch) {
  const auto [median, censored] = median_match({{2}, {8, "above"}, {4}, {16, "above"}, {3}});
  EXPECT_EQ(median.value, 4);
  EXPECT_EQ(censored, "");
  EXPECT_FALSE(median.has_bounds());
  const auto [bound, side] = median_match({{2}, {8, "above"}, {16, "above"}});
  EXPECT_EQ(bound.value, 8);
  EXPECT_EQ(side, "above");
  const auto [between, kind] = median_match({{2}, {8, "above"}});
  EXPECT_EQ(between.value, 2);
  EXPECT_EQ(kind, "above") << "more than 2 is all that two sets tell";
  std::vector<Match> many;
  for (int i = 1; i <= 9; ++i) many.push_back({static_cast<double>(i)});
  EXPECT_EQ(median_match(many).examples.low, 2);  // (1 + 9) / 2^9 = 0.02 on either side
  EXPECT_EQ(median_match(many).examples.high, 8);
}

TEST(FewShot, DrawsOfOnePoolShareSamples) {
  const Truth pool{.labels = {0, 0, 0, 0, 1, 1}, .num_classes = 2};
  EXPECT_DOUBLE_EQ(shared_of_pool(pool, 1), (0.25 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(shared_of_pool(pool, 2), (0.5 + 1) / 2);
}

TEST(FewShot, BadInputIsRefused) {
  const Data train = make(50, 1);
  const Data of_six = train.with_classes(6), of_four = train.with_classes(4);
  EXPECT_THROW(few_shot(of_six.rows(), of_six.rows(), of_six.rows(), {}), InputError);  // a class without a sample
  EXPECT_THROW(few_shot(of_four.rows(), of_four.rows(), of_four.rows(), {}), InputError);
  EXPECT_THROW(few_shot(train.rows(), train.rows(), train.rows(), {.shots = {0}}), InputError);
  EXPECT_THROW(few_shot(train.rows(), train.rows(), train.rows(), {.draws = 0}), InputError);
  EXPECT_THROW(few_shot(train.rows(), train.rows(), train.rows(), {.start = FewShotStart::kZeroShot}), InputError);
}

}  // namespace
}  // namespace cliplab
