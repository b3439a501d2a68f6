// Finished problems leave the stack; this changes the others by rounding at most.
#include "eval/stacked_fit.hpp"

#include <limits>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cliplab {
namespace {

constexpr double kGap = 2e-7;  // of the objective: a fifth of what the fast rule promises, because it is an estimate

constexpr double kNoise = 1e-6;  // of a sum of losses from float32 products
constexpr int kFastMemory = 30;  // pairs stay useful from one lambda to the next: half the passes that 10 need

LbfgsOptions options_of(StopRule rule, int max_iterations) {
  LbfgsOptions options{.max_iterations = max_iterations};
  if (rule == StopRule::kSklearn)
    options.function_tolerance = 64 * std::numeric_limits<double>::epsilon(), options.max_line_search = 50;
  if (rule == StopRule::kFast) {
    options.memory = kFastMemory;
    options.gradient_tolerance = 0, options.function_tolerance = -1;
    options.noise = kNoise;
    options.gap_tolerance = kGap;
  }
  return options;
}

struct Run {
  Run(Problem problem, const LbfgsOptions& options, const Curvature* curvature)
      : lambda(problem.lambda), centre(std::move(problem.centre)) {
    evaluation.labels = problem.labels, evaluation.lambda = lambda;
    if (centre.size() > 0) evaluation.centre = &centre;
    if (curvature) {
      inverse = std::make_unique<Curvature::Inverse>(*curvature);
      search.emplace(std::move(problem.start), options,
                     [this](VectorD& q) { inverse->apply(q, evaluation.curvature, lambda); });
    } else {
      search.emplace(std::move(problem.start), options);
    }
    search->set_pairs(std::move(problem.pairs));
  }
  double lambda;
  VectorD centre;
  Evaluation evaluation;
  std::unique_ptr<Curvature::Inverse> inverse;
  std::optional<Lbfgs> search;
};

}  // namespace

StopRule stop_rule(const std::string& name) {
  for (const StopRule rule : {StopRule::kFast, StopRule::kReference, StopRule::kSklearn})
    if (name == name_of(rule)) return rule;
  fail("stop rule", "'" + name + "'", "fast, reference or sklearn");
}

std::string name_of(StopRule rule) {
  return rule == StopRule::kFast ? "fast" : rule == StopRule::kReference ? "reference" : "sklearn";
}

Problem continued(WarmStart warm_start, Eigen::Index num_weights, double lambda) {
  Problem problem{.lambda = lambda, .start = std::move(warm_start.point)};
  for (Lbfgs::Pair& pair : warm_start.pairs) {
    pair.y.head(num_weights) += (lambda - warm_start.lambda) * pair.s.head(num_weights);
    pair.rho = 1 / pair.s.dot(pair.y);
    if (pair.rho > 0) problem.pairs.push_back(std::move(pair));
  }
  return problem;
}

std::vector<Minimum> minimize_stack(StackedObjective& objective, std::vector<Problem> problems, StopRule rule,
                                    int max_iterations, const Curvature* curvature) {
  const LbfgsOptions options = options_of(rule, max_iterations);
  const double scale = rule == StopRule::kSklearn ? 1.0 / static_cast<double>(objective.rows()) : 1.0;
  std::vector<std::unique_ptr<Run>> runs;
  std::vector<Run*> active;
  for (Problem& problem : problems) {
    if (problem.start.size() == 0) problem.start.setZero(objective.num_parameters());
    runs.push_back(std::make_unique<Run>(std::move(problem), options, curvature));
    active.push_back(runs.back().get());
  }
  std::vector<Evaluation> stack;
  while (!active.empty()) {
    if (stop_requested()) throw Interrupted("stopped during a probe fit");
    stack.clear();
    for (Run* run : active) {
      run->evaluation.point = &run->search->point(), run->evaluation.gradient = &run->search->gradient();
      stack.push_back(run->evaluation);
    }
    objective.evaluate(stack);
    std::vector<Run*> remaining;
    for (std::size_t m = 0; m < active.size(); ++m) {
      active[m]->evaluation = stack[m];
      if (scale != 1) *stack[m].gradient *= scale;
      if (active[m]->search->advance(scale * stack[m].value)) remaining.push_back(active[m]);
    }
    active = std::move(remaining);
  }
  std::vector<Minimum> minima;
  for (const auto& run : runs) {
    const LbfgsResult& r = run->search->result();
    minima.push_back(
        {{run->search->point(), run->search->take_pairs(), run->lambda},
         {r.value / scale, r.max_abs_gradient / scale, r.gap / scale, r.iterations, r.evaluations, r.converged}});
  }
  return minima;
}

}  // namespace cliplab
