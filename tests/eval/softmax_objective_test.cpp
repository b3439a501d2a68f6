// The objective by itself: its gradient, its digits where losses are tiny, stacks, streams and threads.
#include "eval/softmax_objective.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/error.hpp"
#include "base/rng.hpp"

namespace cliplab {
namespace {

struct Data {
  Matrix x;
  std::vector<int> y;
  VectorD point;
};

Data make(Eigen::Index rows, Eigen::Index cols, int classes) {
  Rng rng(2);
  Data data{Matrix(rows, cols), {}, VectorD((classes == 2 ? 1 : classes) * (cols + 1))};
  for (float& v : data.x.reshaped()) v = static_cast<float>(rng.normal());
  for (Eigen::Index i = 0; i < rows; ++i) data.y.push_back(static_cast<int>(rng.below(classes)));
  for (double& v : data.point) v = 0.3 * rng.normal();
  return data;
}

double evaluate(StackedObjective& objective, const Data& data, const VectorD& point, double lambda, VectorD* gradient) {
  VectorD unused;
  Evaluation e{.point = &point, .labels = data.y.data(), .lambda = lambda, .gradient = gradient ? gradient : &unused};
  objective.evaluate(std::span(&e, 1));
  return e.value;
}

TEST(SoftmaxObjective, GradientIsTheDifferenceQuotient) {
  for (const int classes : {2, 3, 20}) {
    const Data data = make(150, 7, classes);
    const auto objective = softmax_objective(rows_of(data.x), classes == 2 ? 1 : classes, {}, {.float64 = true});
    VectorD gradient;
    evaluate(*objective, data, data.point, 0.7, &gradient);
    const double h = 1e-5;
    for (Eigen::Index i = 0; i < data.point.size(); ++i) {
      VectorD up = data.point, down = data.point;
      up[i] += h, down[i] -= h;
      const double quotient =
          (evaluate(*objective, data, up, 0.7, nullptr) - evaluate(*objective, data, down, 0.7, nullptr)) / (2 * h);
      // h^2/6 of a third derivative of at most N, and eps f / h of rounding.
      EXPECT_NEAR(gradient[i], quotient, 150 * h * h + 1e-16 * 1000 / h) << classes << " " << i;
    }
    EXPECT_GT(gradient.norm(), 1);
  }
}

TEST(SoftmaxObjective, Float32IsFloat64ToItsPrecision) {
  for (const int classes : {2, 5, 40}) {
    const Data data = make(500, 33, classes);
    const Eigen::Index K = classes == 2 ? 1 : classes;
    VectorD narrow, wide;
    const double a = evaluate(*softmax_objective(rows_of(data.x), K, {}, {}), data, data.point, 1, &narrow);
    const double b =
        evaluate(*softmax_objective(rows_of(data.x), K, {}, {.float64 = true}), data, data.point, 1, &wide);
    EXPECT_NEAR(a, b, 1e-6 * b);  // logits of about 5, off by sqrt(D) eps of them each
    EXPECT_LT((narrow - wide).norm(), 1e-5 * wide.norm());
    EXPECT_NE(a, b);
  }
}

TEST(SoftmaxObjective, TinyLossesKeepTheirDigits) {
  // Two samples far on their own side: the loss is exp(-40), which log(1 + exp(-40)) - 0 in float32 would call 0.
  Matrix x(2, 1);
  x << 1, -1;
  const std::vector<int> y{1, 0};
  VectorD point(3 * 2), gradient;
  point << -20, 20, -60, 0, 0, -120;
  Evaluation e{.point = &point, .labels = y.data(), .gradient = &gradient};
  softmax_objective(rows_of(x), 3, {}, {})->evaluate(std::span(&e, 1));
  EXPECT_NEAR(e.value, 2 * std::exp(-40.0), 1e-6 * std::exp(-40.0));
  EXPECT_NEAR(gradient[0], 2 * std::exp(-40.0), 1e-6 * std::exp(-40.0));
}

TEST(SoftmaxObjective, StacksAndChunksAreAMatterOfRoundingAndStreamsOfNothing) {
  const Data data = make(1000, 37, 5);
  const VectorD other = 0.5 * data.point, shift = VectorD::Constant(37, 0.25);
  const auto kept = softmax_objective(rows_of(data.x), 5, shift, {});
  VectorD alone;
  const double value = evaluate(*kept, data, data.point, 2, &alone);
  VectorD first, second;
  std::vector<Evaluation> stack{{.point = &other, .labels = data.y.data(), .lambda = 3, .gradient = &first},
                                {.point = &data.point, .labels = data.y.data(), .lambda = 2, .gradient = &second}};
  kept->evaluate(stack);
  EXPECT_NEAR(stack[1].value, value, 1e-6 * value);  // where a row begins decides how its sum is grouped
  EXPECT_LT((second - alone).norm(), 1e-6 * alone.norm());
  EXPECT_GT((first - alone).norm(), 1e-2 * alone.norm());

  const auto chunked = softmax_objective(rows_of(data.x), 5, shift, {.chunk_rows = 256});
  const auto streamed =
      softmax_objective(rows_of(data.x), 5, shift, {.residence = Residence::kStream, .chunk_rows = 256});
  VectorD from_chunks, from_stream;
  EXPECT_EQ(evaluate(*streamed, data, data.point, 2, &from_stream),
            evaluate(*chunked, data, data.point, 2, &from_chunks));
  EXPECT_EQ(from_stream, from_chunks);
  EXPECT_LT((from_chunks - alone).norm(), 1e-6 * alone.norm());  // float32 sums over other groups of rows
}

/// Address space in use now, of which a test of a bound can be made without other tests' peaks.
std::size_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * 4096;
}

TEST(SoftmaxObjective, AStreamTakesNoMoreThanItsBound) {
  // 80 MB of features that exist only as they are asked for; the memory in use is read at every request.
  constexpr Eigen::Index kRows = 40000, kCols = 500;
  std::size_t most = 0;
  const RowSource source{kRows, kCols, [&](Eigen::Index begin, Eigen::Index count, float* to) {
                           for (Eigen::Index i = 0; i < count * kCols; ++i) to[i] = static_cast<float>((begin + i) % 7);
                           most = std::max(most, resident_bytes());
                         }};
  const std::vector<int> labels(kRows, 1);
  const VectorD point = VectorD::Zero(3 * (kCols + 1));
  VectorD gradient;
  Evaluation e{.point = &point, .labels = labels.data(), .gradient = &gradient};
  const ObjectiveOptions streamed{.residence = Residence::kStream, .chunk_rows = 2048};
  const std::size_t bound = streamed_bytes(kRows, kCols, 3, 1, streamed);
  const std::size_t slack = bound / 4 + (4 << 20);  // the sanitizer's shadow, threads' stacks, the allocator
  EXPECT_LT(bound + slack, std::size_t{24} << 20);
  const std::size_t before = resident_bytes();
  softmax_objective(source, 3, {}, streamed)->evaluate(std::span(&e, 1));
  EXPECT_LT(most - before, bound + slack);
  EXPECT_NEAR(e.value, kRows * std::log(3.0), 1e-6 * kRows);
  const auto kept = softmax_objective(source, 3, {}, {});
  EXPECT_GT(resident_bytes() - before, bound + slack) << "the check would notice features that are kept";
}

TEST(SoftmaxObjective, AnErrorOfTheSourceComesThroughTheStream) {
  const Data data = make(600, 3, 3);
  RowSource source = rows_of(data.x);
  source.read = [inner = source.read](Eigen::Index begin, Eigen::Index count, float* to) {
    if (begin > 200) throw InputError("features.h5: damaged");
    inner(begin, count, to);
  };
  const auto streamed = softmax_objective(source, 3, {}, {.residence = Residence::kStream, .chunk_rows = 96});
  VectorD gradient;
  EXPECT_THROW(evaluate(*streamed, data, data.point, 1, &gradient), InputError);
}

TEST(SoftmaxObjective, CurvatureIsTheMeanSecondDerivativeOfALogit) {
  const Data data = make(50, 4, 6);
  VectorD gradient, zero = VectorD::Zero(data.point.size());
  Evaluation e{.point = &zero, .labels = data.y.data(), .gradient = &gradient};
  softmax_objective(rows_of(data.x), 6, {}, {})->evaluate(std::span(&e, 1));
  EXPECT_NEAR(e.curvature, 50.0 / 6, 1e-5);  // p = 1/K: (1 - 1/K) / (K - 1) a sample
}

}  // namespace
}  // namespace cliplab
