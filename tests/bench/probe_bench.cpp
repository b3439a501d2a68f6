// Google Benchmark: one probe fit on the problem of 10,000 x 512 features and 100 overlapping classes.
#include <benchmark/benchmark.h>

#include "base/rng.hpp"
#include "eval/logistic_regression.hpp"

namespace cliplab {
namespace {

void probe_fit(benchmark::State& state) {
  constexpr int N = 10000, D = 512, C = 100;
  Rng rng(0);
  Matrix centres(C, D), x(N, D);
  std::vector<int> y(N);
  for (float& v : centres.reshaped()) v = static_cast<float>(0.3 * rng.normal());
  for (int i = 0; i < N; ++i) {
    y[i] = i % C;
    for (int j = 0; j < D; ++j) x(i, j) = centres(y[i], j) + static_cast<float>(rng.normal());
    x.row(i) *= 10 / x.row(i).norm();
  }
  FitOptions options{.lambda = 1 / 0.316};
  options.precision = state.range(0) == 32 ? Precision::kFloat32 : Precision::kFloat64;
  for (auto _ : state) benchmark::DoNotOptimize(fit_logistic_regression(x, y, C, options));
}
BENCHMARK(probe_fit)->Arg(32)->Arg(64)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace cliplab
