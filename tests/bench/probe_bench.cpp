// Google Benchmark of the probe: the objective by width of vectors, the products' peak, one fit by rule and lambda.
// 10,000 x 512 features, 100 overlapping classes, norm 10, a mean that carries most of it (as CLIP's features).
#include <benchmark/benchmark.h>

#include <cmath>

#include "../eval/fit_once.hpp"
#include "base/rng.hpp"
#include "eval/logistic_regression.hpp"
#include "eval/products.hpp"

namespace cliplab {
namespace {

struct Task {
  Matrix x;
  std::vector<int> y;
};

Task make_task(int N, int D, int C) {
  Rng rng(0);
  Task task{Matrix(N, D), std::vector<int>(N)};
  Matrix centres(C, D);
  for (float& v : centres.reshaped()) v = static_cast<float>(0.12 * rng.normal());
  Vector common(D);
  for (float& v : common) v = static_cast<float>(1.5 * rng.normal());
  for (int i = 0; i < N; ++i) {
    task.y[i] = i % C;
    for (int j = 0; j < D; ++j) task.x(i, j) = centres(task.y[i], j) + common[j] + static_cast<float>(rng.normal());
    task.x.row(i) *= 10 / task.x.row(i).norm();
  }
  return task;
}

const Task& task() {
  static const Task made = make_task(10000, 512, 100);
  return made;
}

/// One evaluation; the counter is its rate in FLOP/s.
void objective(benchmark::State& state) {
  const bool float64 = state.range(0) == 64;
  const auto f = softmax_objective(rows_of(task().x), 100, mean_row(rows_of(task().x)), {.float64 = float64});
  const VectorD point = VectorD::Constant(f->num_parameters(), 0.01);
  VectorD gradient;
  Evaluation e{.point = &point, .labels = task().y.data(), .lambda = 1, .gradient = &gradient};
  for (auto _ : state) f->evaluate(std::span(&e, 1));
  state.counters["FLOP/s"] = benchmark::Counter(4.0 * 10000 * 512 * 100, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(objective)->Arg(32)->Arg(64)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Rule 0 fast, 1 reference; lambda 100, 3.16, 0.1 as scikit-learn's C = 0.01, 0.316, 10.
void probe_fit(benchmark::State& state) {
  const FitOptions options{.lambda = std::pow(10.0, state.range(1) / 2.0),
                           .rule = state.range(0) == 0 ? StopRule::kFast : StopRule::kReference};
  for (auto _ : state) benchmark::DoNotOptimize(fit_once(task().x, task().y, 100, options));
}
BENCHMARK(probe_fit)->ArgsProduct({{0, 1}, {4, 1, -2}})->Unit(benchmark::kMillisecond)->Iterations(1)->UseRealTime();

/// A draw of few_shot: so many samples of 1,024 features and 16 classes, 13 lambdas from 1e6 to 1e-6.
void few_samples(benchmark::State& state) {
  const Task few = make_task(static_cast<int>(state.range(0)), 1024, 16);
  std::vector<double> lambdas;
  for (int at = 6; at >= -6; --at) lambdas.push_back(std::pow(10.0, at));
  for (auto _ : state) benchmark::DoNotOptimize(ProbeFitter(few.x, few.y, 16, StopRule::kFast).fit(lambdas, 1000));
}
BENCHMARK(few_samples)->Arg(16)->Arg(128)->Arg(512)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace cliplab
