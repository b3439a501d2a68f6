// The probe for the parity tests and the comparison of speed. FILE is a line "N D C", then float32 features [N, D] and
// int32 labels [N], little-endian.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "cli/debug.hpp"
#include "eval/few_shot.hpp"
#include "eval/metrics.hpp"
#include "eval/probe_sweep.hpp"

namespace cliplab {
namespace {

struct Samples {
  Matrix x;
  std::vector<int> y;
  int classes = 0;
  LabelledRows rows() const { return {x, y}; }
};

Samples read_samples(const std::string& file) {
  const std::string bytes = read_file(file);
  long long N = 0, D = 0, C = 0;
  const std::size_t header = bytes.find('\n') + 1;
  if (std::sscanf(bytes.c_str(), "%lld %lld %lld\n", &N, &D, &C) != 3 || N < 1 || D < 1 ||
      bytes.size() != header + static_cast<std::size_t>(4 * N * (D + 1)))
    fail(file, "another layout", "a line 'N D C', float32 features and int32 labels");
  Samples samples{Matrix(N, D), std::vector<int>(N), static_cast<int>(C)};
  std::memcpy(samples.x.data(), bytes.data() + header, static_cast<std::size_t>(4 * N * D));
  std::memcpy(samples.y.data(), bytes.data() + header + 4 * N * D, static_cast<std::size_t>(4 * N));
  return samples;
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// `rule`: a name, or "name:iterations" to stop after so many.
int fits(const std::string& file, const std::string& rule, std::span<const std::string> lambdas) {
  const Samples samples = read_samples(file);
  const std::size_t colon = rule.find(':');
  FitOptions options{.rule = stop_rule(rule.substr(0, colon))};
  if (colon != std::string::npos) options.max_iterations = std::stoi(rule.substr(colon + 1));
  for (const std::string& lambda : lambdas) {
    const double start = now();
    FitReport report;
    options.lambda = std::stod(lambda);
    const LinearClassifier fit = fit_logistic_regression(samples.x, samples.y, samples.classes, options, &report);
    const double seconds = now() - start;
    fmt::print("lambda {} objective {:.17g} gradient {:.6g} iterations {} evaluations {} seconds {:.6f}\npredictions",
               lambda, report.objective, report.max_abs_gradient, report.iterations, report.evaluations, seconds);
    for (const int label : top_predictions(fit.logits(samples.x)).label) fmt::print(" {}", label);
    fmt::print("\n");
  }
  return 0;
}

int search(const std::string& train_file, const std::string& validation_file, StopRule rule, Search kind) {
  const Samples train = read_samples(train_file), validation = read_samples(validation_file);
  const LabelledRows held = validation.rows();
  const double start = now();
  const SweepResult sweep = sweep_probe(train.rows(), &held, train.classes, {.rule = rule, .search = kind});
  fmt::print("search fits {} lambda {} objective {:.17g} seconds {:.6f}\n", sweep.points.size(), sweep.lambda,
             sweep.refit.objective, now() - start);
  for (const SweepPoint& p : sweep.points)
    fmt::print("point {} accuracy {} objective {:.17g} evaluations {}\n", p.lambda, p.validation_accuracy,
               p.fit.objective, p.fit.evaluations);
  return 0;
}

/// One evaluation of the objective, the median of 9: GFLOP/s of 4 N D C M.
int rate(Eigen::Index N, Eigen::Index D, Eigen::Index C, int stacked, bool float64) {
  Rng rng(0);
  Matrix x(N, D);
  for (float& v : x.reshaped()) v = static_cast<float>(rng.normal());
  std::vector<int> y(N);
  for (int& label : y) label = static_cast<int>(rng.below(C));
  const auto objective = softmax_objective(rows_of(x), C, {}, {.float64 = float64});
  std::vector<VectorD> points(stacked, VectorD::Constant(objective->num_parameters(), 0.01)), gradients(stacked);
  std::vector<Evaluation> stack;
  for (int m = 0; m < stacked; ++m)
    stack.push_back({.point = &points[m], .labels = y.data(), .lambda = 1, .gradient = &gradients[m]});
  std::vector<double> seconds;
  for (int round = 0; round < 10; ++round) {
    const double start = now();
    objective->evaluate(stack);
    if (round > 0) seconds.push_back(now() - start);
  }
  std::nth_element(seconds.begin(), seconds.begin() + 4, seconds.end());
  fmt::print("evaluation seconds {:.6f} gflops {:.1f}\n", seconds[4],
             4e-9 * static_cast<double>(N * D * C) * stacked / seconds[4]);
  return 0;
}

int few_shots(const std::string& train_file, const std::string& test_file, int draws) {
  const Samples train = read_samples(train_file), test = read_samples(test_file);
  const double start = now();
  const auto points = few_shot(train.rows(), test.rows(), test.rows(), train.classes, {.draws = draws});
  const double seconds = now() - start;
  for (const FewShotPoint& p : points)
    fmt::print("shots {} draw {} lambda {:.6g} accuracy {:.6f}\n", p.shots, p.draw, p.lambda, p.score);
  fmt::print("few-shot fits {} seconds {:.6f}\n", points.size(), seconds);
  return 0;
}

}  // namespace

int debug_probe(std::span<const std::string> a) {
  if (a.size() >= 3 && a[0] == "fit") return fits(a[1], a[2], a.subspan(3));
  if (a.size() == 5 && a[0] == "search") return search(a[1], a[2], stop_rule(a[3]), search_named(a[4]));
  if (a.size() == 6 && a[0] == "rate")
    return rate(std::stol(a[1]), std::stol(a[2]), std::stol(a[3]), std::stoi(a[4]), a[5] == "float64");
  if (a.size() == 4 && a[0] == "few-shot") return few_shots(a[1], a[2], std::stoi(a[3]));
  fail("debug probe", a.empty() ? "nothing" : "'" + a[0] + "'",
       "fit FILE RULE[:ITERATIONS] LAMBDA..., search TRAIN VALIDATION RULE binary|full, rate N D C STACK "
       "float32|float64 or few-shot TRAIN TEST DRAWS");
}

}  // namespace cliplab
