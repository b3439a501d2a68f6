// Two-loop recursion and line search.
#include "eval/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

namespace cliplab {
namespace {

constexpr double kSufficientDecrease = 1e-3, kCurvature = 0.9;  // SciPy L-BFGS-B: ftol, gtol of dcsrch
constexpr int kMaxLineSearch = 20;

struct Pair {
  VectorD s, y;
  double rho;
};

/// -H g by the two-loop recursion.
VectorD direction(const std::deque<Pair>& pairs, const VectorD& gradient) {
  VectorD q = -gradient;
  std::vector<double> alpha(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    alpha[i] = pairs[i].rho * pairs[i].s.dot(q);
    q -= alpha[i] * pairs[i].y;
  }
  if (!pairs.empty()) q *= pairs.back().s.dot(pairs.back().y) / pairs.back().y.squaredNorm();
  for (std::size_t i = 0; i < pairs.size(); ++i) q += (alpha[i] - pairs[i].rho * pairs[i].y.dot(q)) * pairs[i].s;
  return q;
}

/// A point of the line: step, value, slope.
struct Trial {
  double step = 0, value = 0, slope = 0;
};

/// Minimiser of the cubic through two points with slopes, kept inside (a, b) away from its ends.
double cubic_step(const Trial& a, const Trial& b) {
  const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step);
  const double square = d1 * d1 - a.slope * b.slope;
  double step = 0.5 * (a.step + b.step);
  if (square >= 0) {
    const double d2 = std::copysign(std::sqrt(square), b.step - a.step);
    const double candidate = b.step - (b.step - a.step) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2));
    if (std::isfinite(candidate)) step = candidate;
  }
  const double low = std::min(a.step, b.step), high = std::max(a.step, b.step), margin = 0.1 * (high - low);
  return std::clamp(step, low + margin, high - margin);
}

class LineSearch {
 public:
  LineSearch(const std::function<double(const VectorD&, VectorD&)>& objective, const VectorD& start, const VectorD& along, double value, double slope)
      : objective_(objective), start_(start), along_(along), origin_{0, value, slope} {}

  /// Finds a strong-Wolfe step from `step`; true when it made progress. Point, value and gradient are then at the step.
  bool run(double step) {
    Trial previous = origin_;
    for (int i = 0; i < kMaxLineSearch; ++i) {
      const Trial trial = evaluate(step);
      if (!std::isfinite(trial.value) || !armijo(trial) || (i > 0 && trial.value >= previous.value)) return zoom(previous, trial);
      if (std::abs(trial.slope) <= -kCurvature * origin_.slope) return true;
      if (trial.slope >= 0) return zoom(trial, previous);
      previous = trial;
      step *= 4;
    }
    return point_.size() > 0 && value_ < origin_.value;
  }

  VectorD point_, gradient_;
  double value_ = 0;
  int evaluations_ = 0;

 private:
  bool armijo(const Trial& t) const { return t.value <= origin_.value + kSufficientDecrease * t.step * origin_.slope; }

  Trial evaluate(double step) {
    point_ = start_ + step * along_;
    value_ = objective_(point_, gradient_);
    ++evaluations_;
    return {step, value_, gradient_.dot(along_)};
  }

  bool zoom(Trial low, Trial high) {
    for (int i = 0; i < kMaxLineSearch; ++i) {
      const double step = std::isfinite(high.value) ? cubic_step(low, high) : 0.5 * (low.step + high.step);
      const Trial trial = evaluate(step);
      if (!std::isfinite(trial.value) || !armijo(trial) || trial.value >= low.value) {
        high = trial;
      } else {
        if (std::abs(trial.slope) <= -kCurvature * origin_.slope) return true;
        if (trial.slope * (high.step - low.step) >= 0) high = low;
        low = trial;
      }
      if (std::abs(high.step - low.step) * along_.lpNorm<Eigen::Infinity>() < 1e-15) break;
    }
    if (low.step == 0 || low.value >= origin_.value) return false;  // rounding decides now: nothing below the start
    evaluate(low.step);
    return true;
  }

  const std::function<double(const VectorD&, VectorD&)>& objective_;
  const VectorD &start_, &along_;
  Trial origin_;
};

}  // namespace

LbfgsResult minimize_lbfgs(const std::function<double(const VectorD&, VectorD&)>& objective, VectorD& x, const LbfgsOptions& options) {
  LbfgsResult result;
  VectorD gradient(x.size());
  double value = objective(x, gradient);
  result.evaluations = 1;
  std::deque<Pair> pairs;
  const auto largest = [](const VectorD& v) { return v.size() == 0 ? 0.0 : v.lpNorm<Eigen::Infinity>(); };
  result.converged = largest(gradient) <= options.gradient_tolerance;
  while (!result.converged && result.iterations < options.max_iterations) {
    VectorD along = direction(pairs, gradient);
    double slope = along.dot(gradient);
    if (!(slope < 0)) {
      pairs.clear();
      along = -gradient, slope = -gradient.squaredNorm();
    }
    LineSearch search(objective, x, along, value, slope);
    const bool moved = search.run(pairs.empty() ? std::min(1.0, 1.0 / gradient.norm()) : 1.0);
    result.evaluations += search.evaluations_;
    if (!moved) {
      if (pairs.empty()) {
        result.converged = true;  // steepest descent finds nothing lower: the precision of the objective is reached
        break;
      }
      pairs.clear();
      continue;
    }
    ++result.iterations;
    Pair pair{search.point_ - x, search.gradient_ - gradient, 0};
    const double curvature = pair.s.dot(pair.y);
    if (curvature > 1e-16 * pair.y.squaredNorm()) {
      pair.rho = 1 / curvature;
      pairs.push_back(std::move(pair));
      if (std::ssize(pairs) > options.memory) pairs.pop_front();
    }
    const double decrease = value - search.value_;
    const double size = std::max({std::abs(value), std::abs(search.value_), 1.0});
    x = search.point_, gradient = search.gradient_, value = search.value_;
    result.converged = largest(gradient) <= options.gradient_tolerance || decrease <= options.function_tolerance * size;
  }
  result.value = value;
  result.max_abs_gradient = largest(gradient);
  return result;
}

}  // namespace cliplab
