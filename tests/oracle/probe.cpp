// The linear probe: fits, the search for lambda, few-shot, and the rate of the objective. A file of samples is a line
// "N D C", then float32 features [N, D] and int32 labels [N], little-endian (tests/parity/probe_data.py writes it).
#include <fmt/format.h>

#include <cstdio>
#include <cstring>

#include "../eval/fit_once.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "eval/few_shot.hpp"
#include "eval/metrics.hpp"
#include "eval/probe_sweep.hpp"
#include "oracle.hpp"

namespace cliplab::oracle {
namespace {

struct ProbeSamples {
  Matrix x;
  Truth truth;
  LabelledRows rows() const { return {x, truth}; }
};

ProbeSamples read_samples(const std::string& file) {
  const std::string bytes = read_file(file);
  long long N = 0, D = 0, C = 0;
  const std::size_t header = bytes.find('\n') + 1;
  if (std::sscanf(bytes.c_str(), "%lld %lld %lld\n", &N, &D, &C) != 3 || N < 1 || D < 1 ||
      bytes.size() != header + static_cast<std::size_t>(4 * N * (D + 1)))
    fail(file, "another layout", "a line 'N D C', float32 features and int32 labels");
  ProbeSamples samples{Matrix(N, D), {.labels = std::vector<int>(N), .num_classes = static_cast<int>(C)}};
  std::memcpy(samples.x.data(), bytes.data() + header, static_cast<std::size_t>(4 * N * D));
  std::memcpy(samples.truth.labels.data(), bytes.data() + header + 4 * N * D, static_cast<std::size_t>(4 * N));
  return samples;
}

}  // namespace

/// RULE is a name; "name:iterations" stops after so many.
void probe_fit(Words words) {
  const ProbeSamples samples = read_samples(words[0]);
  const std::string& rule = words[1];
  const std::size_t colon = rule.find(':');
  FitOptions options{.rule = stop_rule(rule.substr(0, colon))};
  if (colon != std::string::npos) options.max_iterations = std::stoi(rule.substr(colon + 1));
  for (const std::string& lambda : words.subspan(2)) {
    const auto start = Clock::now();
    FitReport report;
    options.lambda = std::stod(lambda);
    const LinearClassifier fit = fit_once(samples.x, samples.truth.labels, samples.truth.num_classes, options, &report);
    fmt::print("lambda {} objective {:.17g} gradient {:.6g} iterations {} evaluations {} seconds {:.6f}\npredictions",
               lambda, report.objective, report.max_abs_gradient, report.iterations, report.evaluations,
               seconds_since(start));
    for (const int label : top_predictions(fit.logits(samples.x)).label) fmt::print(" {}", label);
    fmt::print("\n");
  }
}

void probe_search(Words words) {
  const ProbeSamples train = read_samples(words[0]), validation = read_samples(words[1]);
  const SweepOptions options{.rule = stop_rule(words[2]), .search = search_named(words[3])};
  const LabelledRows held_out = validation.rows();
  const auto start = Clock::now();
  const SweepResult sweep = sweep_probe(train.rows(), &held_out, options);
  fmt::print("search fits {} lambda {} objective {:.17g} seconds {:.6f}\n", sweep.points.size(), sweep.lambda,
             sweep.refit.objective, seconds_since(start));
  for (const SweepPoint& p : sweep.points)
    fmt::print("point {} accuracy {} objective {:.17g} evaluations {}\n", p.lambda, p.validation_accuracy,
               p.fit.objective, p.fit.evaluations);
}

/// One evaluation of the objective for STACK lambdas at once, the median of 9: seconds and GFLOP/s of 4 N D C STACK.
void probe_rate(Words words) {
  const Eigen::Index N = std::stol(words[0]), D = std::stol(words[1]), C = std::stol(words[2]);
  const int stacked = std::stoi(words[3]);
  Rng rng(0);
  Matrix x(N, D);
  for (float& v : x.reshaped()) v = static_cast<float>(rng.normal());
  std::vector<int> y(N);
  for (int& label : y) label = static_cast<int>(rng.below(C));
  const auto objective = softmax_objective(rows_of(x), C, {}, {.float64 = words[4] == "float64"});
  std::vector<VectorD> points(stacked, VectorD::Constant(objective->num_parameters(), 0.01)), gradients(stacked);
  std::vector<Evaluation> stack;
  for (int m = 0; m < stacked; ++m)
    stack.push_back({.point = &points[m], .labels = y.data(), .lambda = 1, .gradient = &gradients[m]});
  std::vector<double> seconds;
  for (int round = 0; round < 10; ++round) {
    const auto start = Clock::now();
    objective->evaluate(stack);
    if (round > 0) seconds.push_back(seconds_since(start));
  }
  fmt::print("evaluation seconds {:.6f} gflops {:.1f}\n", median(seconds),
             4e-9 * static_cast<double>(N * D * C) * stacked / median(seconds));
}

void probe_few_shot(Words words) {
  const ProbeSamples train = read_samples(words[0]), test = read_samples(words[1]);
  const auto start = Clock::now();
  const auto points = few_shot(train.rows(), test.rows(), test.rows(), {.draws = std::stoi(words[2])});
  const double seconds = seconds_since(start);
  for (const FewShotPoint& p : points)
    fmt::print("shots {} draw {} lambda {:.6g} accuracy {:.6f}\n", p.shots, p.draw, p.lambda, p.score);
  fmt::print("few-shot fits {} seconds {:.6f}\n", points.size(), seconds);
}

}  // namespace cliplab::oracle
