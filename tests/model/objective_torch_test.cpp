// The probe's objective over LibTorch against the one on Eigen's side, on every device there is.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "eval/logistic_regression.hpp"
#include "model/torch_objective.hpp"

namespace cliplab {
namespace {

class TorchObjectives : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "cuda" && !torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  }
};

TEST_P(TorchObjectives, GiveTheSameNumbersKeptAndStreamed) {
  Rng rng(3);
  Matrix x(300, 17);
  for (float& v : x.reshaped()) v = static_cast<float>(rng.normal());
  const VectorD shift = VectorD::Constant(17, 0.5);
  for (const int K : {1, 2, 6}) {
    const int classes = std::max(2, K);
    std::vector<int> labels[2];
    VectorD points[2], gradients[2], centre;
    for (int m = 0; m < 2; ++m) {
      for (int i = 0; i < 300; ++i) labels[m].push_back(static_cast<int>(rng.below(classes)));
      points[m].resize(K * 18);
      for (double& v : points[m]) v = rng.normal();
    }
    centre = points[0] / 3;
    const auto evaluate = [&](StackedObjective& objective) {
      std::vector<Evaluation> stack;
      for (int m = 0; m < 2; ++m)
        stack.push_back({.point = &points[m],
                         .labels = labels[m].data(),
                         .lambda = 0.5 + m,
                         .centre = m == 0 ? nullptr : &centre,
                         .gradient = &gradients[m]});
      objective.evaluate(stack);
      return stack;
    };
    for (const bool float64 : {false, true}) {
      const auto expected = evaluate(*softmax_objective(rows_of(x), K, shift, {.float64 = float64}));
      const VectorD expected_gradients[2] = {gradients[0], gradients[1]};
      const double eps = float64 ? 1e-13 : 2e-6;  // 300 terms of logits of about 10, in either type
      for (const bool keep : {true, false}) {
        const auto found = evaluate(*torch_objective(rows_of(x), K, shift, GetParam(), float64, keep, 128));
        for (int m = 0; m < 2; ++m) {
          EXPECT_NEAR(found[m].value, expected[m].value, eps * expected[m].value) << K;
          EXPECT_NEAR(found[m].curvature, expected[m].curvature, 300 * eps);
          EXPECT_LT((gradients[m] - expected_gradients[m]).norm(), 10 * eps * expected_gradients[m].norm());
          EXPECT_GT((1.01 * gradients[m] - expected_gradients[m]).norm(), 10 * eps * expected_gradients[m].norm());
        }
      }
    }
  }
}

TEST_P(TorchObjectives, CarryAWholeFit) {
  Rng rng(4);
  Matrix x(200, 12);
  std::vector<int> y(200);
  for (int i = 0; i < 200; ++i) {
    y[i] = i % 4;
    for (int j = 0; j < 12; ++j) x(i, j) = static_cast<float>(rng.normal() + (j == y[i]));
  }
  const double lambda = 0.1;
  ProbeFitter ours(x, y, 4, StopRule::kFast);
  ProbeFitter theirs(x, y, 4, StopRule::kFast,
                     [&](RowSource rows, Eigen::Index logits, const VectorD& shift, const ObjectiveOptions& o) {
                       return torch_objective(std::move(rows), logits, shift, GetParam(), o.float64,
                                              o.residence == Residence::kKeep);
                     });
  const Fit a = ours.fit(std::span(&lambda, 1), 1000).front(), b = theirs.fit(std::span(&lambda, 1), 1000).front();
  EXPECT_NEAR(a.report.objective, b.report.objective, 1e-6 * a.report.objective);
  EXPECT_TRUE(b.report.converged);
}
INSTANTIATE_TEST_SUITE_P(Devices, TorchObjectives, testing::Values("cpu", "cuda"));

TEST(TorchObjective, AMissingDeviceIsNamed) {
  if (torch::cuda::is_available()) GTEST_SKIP() << "there is a CUDA device";
  const Matrix x = Matrix::Zero(2, 2);
  EXPECT_THROW(torch_objective(rows_of(x), 2, {}, "cuda", false, true), InputError);
}

}  // namespace
}  // namespace cliplab
