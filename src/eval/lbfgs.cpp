// Two-loop recursion (Nocedal and Wright 2006, algorithm 7.4; L-BFGS-B's compact form is the same matrix) between the
// line searches. The names in 'quotes' are those of L-BFGS-B 3.0.
#include "eval/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cliplab {
namespace {

constexpr double kNoisyCurvature = 0.9;
constexpr std::size_t kGapSteps = 10;
constexpr double kFastestRate = 0.8, kSlowestRate = 0.99;  // believed: a warm start's first gain says little

double largest(const VectorD& v) { return v.size() == 0 ? 0.0 : v.lpNorm<Eigen::Infinity>(); }

}  // namespace

Lbfgs::Lbfgs(VectorD start, const LbfgsOptions& options, InverseHessian inverse_hessian)
    : options_(options), inverse_hessian_(std::move(inverse_hessian)), x_(std::move(start)), gradient_(x_.size()) {}

void Lbfgs::set_direction() {
  VectorD& q = along_;
  q = -gradient_;
  std::vector<double> alpha(pairs_.size());
  for (std::size_t i = pairs_.size(); i-- > 0;) {
    alpha[i] = pairs_[i].rho * pairs_[i].s.dot(q);
    q -= alpha[i] * pairs_[i].y;
  }
  if (inverse_hessian_) {
    inverse_hessian_(q);
    if (!pairs_.empty()) {
      VectorD hy = pairs_.back().y;
      inverse_hessian_(hy);
      q *= 1 / (pairs_.back().rho * pairs_.back().y.dot(hy));
    }
  } else if (!pairs_.empty()) {
    q *= 1 / (pairs_.back().rho * pairs_.back().y.squaredNorm());
  }
  for (std::size_t i = 0; i < pairs_.size(); ++i) q += (alpha[i] - pairs_[i].rho * pairs_[i].y.dot(q)) * pairs_[i].s;
  full_step_ = x_ + q;
  along_ = full_step_ - x_;  // as L-BFGS-B: the point of step 1 is exact
}

bool Lbfgs::finish(bool converged) {
  result_.converged = converged;
  result_.value = value_;
  result_.max_abs_gradient = largest(gradient_);
  return false;
}

bool Lbfgs::restart() {
  // Steepest descent found nothing lower: the precision of the objective is reached.
  if (pairs_.empty()) return finish(true);
  pairs_.clear();
  return begin_line();
}

bool Lbfgs::begin_line() {
  set_direction();
  const double slope = along_.dot(gradient_);
  if (!(slope < 0)) return restart();
  result_.gap = estimate_gap(-slope / 2);
  if (result_.gap <= options_.gap_tolerance * std::abs(value_)) return finish(true);
  const bool scaled = inverse_hessian_ || result_.iterations > 0;
  step_ = scaled ? 1.0 : std::min(1.0, 1 / along_.norm());
  origin_ = x_, origin_gradient_ = gradient_, origin_slope_ = slope;
  line_ = LineSearch(value_, slope, step_);
  go_to_step();
  return true;
}

void Lbfgs::go_to_step() {
  if (step_ == 1)
    x_ = full_step_;
  else
    x_ = origin_ + step_ * along_;
}

double Lbfgs::estimate_gap(double gain) {
  if (gains_.size() > kGapSteps) gains_.erase(gains_.begin());
  gains_.push_back(gain);
  const double steps = static_cast<double>(gains_.size() - 1);
  const double rate = steps == 0 ? kFastestRate : std::pow(gain / gains_.front(), 1 / steps);
  return gain / (1 - std::clamp(rate, kFastestRate, kSlowestRate));
}

void Lbfgs::store_pair() {
  const double change = (gradient_.dot(along_) - origin_slope_) * step_;  // s'y
  if (change <= std::numeric_limits<double>::epsilon() * -origin_slope_ * step_) return;
  Pair pair;
  if (std::ssize(pairs_) == options_.memory) pair = std::move(pairs_.front()), pairs_.erase(pairs_.begin());
  pair.s = step_ * along_;
  pair.y = gradient_ - origin_gradient_;
  pair.rho = 1 / change;
  pairs_.push_back(std::move(pair));
}

bool Lbfgs::advance(double value) {
  ++result_.evaluations;
  if (!started_) {
    started_ = true;
    value_ = value;
    if (largest(gradient_) <= options_.gradient_tolerance) return finish(true);
    return options_.max_iterations > 0 ? begin_line() : finish(false);
  }
  const double slope = gradient_.dot(along_);
  const bool flat = std::abs(value - value_) < options_.noise * std::abs(value_) &&
                    std::abs(slope) < -kNoisyCurvature * origin_slope_;
  if (!flat && line_.advance(value, slope) == LineSearch::State::kContinue) {
    if (line_.evaluations() < options_.max_line_search) {
      step_ = line_.step();
      go_to_step();
      return true;
    }
    x_ = origin_, gradient_ = origin_gradient_;
    return restart();
  }
  ++result_.iterations;
  const double decrease = value_ - value, size = std::max({std::abs(value_), std::abs(value), 1.0});
  const bool stalls = options_.function_tolerance >= 0 && decrease <= options_.function_tolerance * size;
  value_ = value;
  store_pair();
  if (largest(gradient_) <= options_.gradient_tolerance || stalls) return finish(true);
  if (result_.iterations >= options_.max_iterations) return finish(false);
  return begin_line();
}

}  // namespace cliplab
