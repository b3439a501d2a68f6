// One call of `dcsrch` with task 'FG' is advance(); the names of its variables stand behind ours.
#include "eval/line_search.hpp"

#include <algorithm>
#include <cmath>

namespace cliplab {
namespace {

constexpr double kSufficientDecrease = 1e-3, kCurvature = 0.9, kWidth = 0.1;  // ftol, gtol, xtol of `lnsrlb`
constexpr double kMaxStep = 1e10;                                             // stpmax without bounds

/// `dcstep`: moves the interval to hold a minimiser, and `step` to a safeguarded cubic or quadratic guess of it.
void update_interval(LineSearch::Point& x, LineSearch::Point& y, double& step, double f, double d, bool& closed,
                     double low, double high) {
  const double sign = d * (x.slope / std::abs(x.slope));
  const auto root = [](double theta, double a, double b, bool clamp) {
    const double s = std::max({std::abs(theta), std::abs(a), std::abs(b)});
    const double square = (theta / s) * (theta / s) - (a / s) * (b / s);
    return s * std::sqrt(clamp ? std::max(0.0, square) : square);
  };
  double next = 0;
  if (f >
      x.value) {  // higher: the minimum is between; the cubic step if it is closer to x, else half way to the quadratic
    const double theta = 3 * (x.value - f) / (step - x.step) + x.slope + d;
    const double gamma = std::copysign(root(theta, x.slope, d, false), step - x.step);
    const double r = ((gamma - x.slope) + theta) / (((gamma - x.slope) + gamma) + d);
    const double cubic = x.step + r * (step - x.step);
    const double quadratic = x.step + ((x.slope / ((x.value - f) / (step - x.step) + x.slope)) / 2) * (step - x.step);
    next = std::abs(cubic - x.step) <= std::abs(quadratic - x.step) ? cubic : cubic + (quadratic - cubic) / 2;
    closed = true;
  } else if (sign < 0) {  // lower with a slope of the other sign: between; the one farther from step
    const double theta = 3 * (x.value - f) / (step - x.step) + x.slope + d;
    const double gamma = std::copysign(root(theta, x.slope, d, false), x.step - step);
    const double r = ((gamma - d) + theta) / (((gamma - d) + gamma) + x.slope);
    const double cubic = step + r * (x.step - step), secant = step + (d / (d - x.slope)) * (x.step - step);
    next = std::abs(cubic - step) > std::abs(secant - step) ? cubic : secant;
    closed = true;
  } else if (std::abs(d) <
             std::abs(x.slope)) {  // lower, same sign, slope shrinks: the cubic only if it has a minimum beyond
    const double theta = 3 * (x.value - f) / (step - x.step) + x.slope + d;
    const double gamma = std::copysign(root(theta, x.slope, d, true), x.step - step);
    const double r = ((gamma - d) + theta) / ((gamma + (x.slope - d)) + gamma);
    const double cubic = r < 0 && gamma != 0 ? step + r * (x.step - step) : step > x.step ? high : low;
    const double secant = step + (d / (d - x.slope)) * (x.step - step);
    if (closed) {
      next = std::abs(cubic - step) < std::abs(secant - step) ? cubic : secant;
      const double edge = step + 0.66 * (y.step - step);
      next = step > x.step ? std::min(edge, next) : std::max(edge, next);
    } else {
      next = std::abs(cubic - step) > std::abs(secant - step) ? cubic : secant;
      next = std::clamp(next, low, high);
    }
  } else if (closed) {  // lower, same sign, slope does not shrink
    const double theta = 3 * (f - y.value) / (y.step - step) + y.slope + d;
    const double gamma = std::copysign(root(theta, y.slope, d, false), y.step - step);
    const double r = ((gamma - d) + theta) / (((gamma - d) + gamma) + y.slope);
    next = step + r * (y.step - step);
  } else {
    next = step > x.step ? high : low;
  }
  if (f > x.value) {
    y = {step, f, d};
  } else {
    if (sign < 0) y = x;
    x = {step, f, d};
  }
  step = next;
}

}  // namespace

LineSearch::LineSearch(double value, double slope, double step)
    : origin_{0, value, slope},
      best_(origin_),
      other_(origin_),
      step_(step),
      max_step_(5 * step),
      width_(kMaxStep),
      last_width_(2 * kMaxStep) {}

LineSearch::State LineSearch::advance(double f, double g) {
  ++evaluations_;
  if (!std::isfinite(f)) {  // beyond the domain's edge, where L-BFGS-B gives up: nearer, and never there again
    max_step_ = step_;
    step_ = best_.step + 0.1 * (step_ - best_.step);
    return State::kContinue;
  }
  const double allowed_slope = kSufficientDecrease * origin_.slope;  // gtest
  const double allowed = origin_.value + step_ * allowed_slope;      // ftest
  if (first_stage_ && f <= allowed && g >= 0) first_stage_ = false;
  const bool too_narrow = closed_ && max_step_ - min_step_ <= kWidth * max_step_;
  if (f <= allowed && std::abs(g) <= kCurvature * -origin_.slope) return State::kConverged;
  if ((closed_ && (step_ <= min_step_ || step_ >= max_step_)) || too_narrow ||
      (step_ == kMaxStep && f <= allowed && g <= allowed_slope))
    return State::kWarning;

  if (first_stage_ && f <= best_.value && f > allowed) {  // the auxiliary function psi, until it has a lower point
    const auto shifted = [&](const Point& p, double sign) {
      return Point{p.step, p.value - sign * p.step * allowed_slope, p.slope - sign * allowed_slope};
    };
    best_ = shifted(best_, 1), other_ = shifted(other_, 1);
    update_interval(best_, other_, step_, f - step_ * allowed_slope, g - allowed_slope, closed_, min_step_, max_step_);
    best_ = shifted(best_, -1), other_ = shifted(other_, -1);
  } else {
    update_interval(best_, other_, step_, f, g, closed_, min_step_, max_step_);
  }
  if (closed_) {
    if (std::abs(other_.step - best_.step) >= 0.66 * last_width_) step_ = best_.step + 0.5 * (other_.step - best_.step);
    last_width_ = width_;
    width_ = std::abs(other_.step - best_.step);
    min_step_ = std::min(best_.step, other_.step), max_step_ = std::max(best_.step, other_.step);
  } else {
    min_step_ = step_ + 1.1 * (step_ - best_.step), max_step_ = step_ + 4 * (step_ - best_.step);
  }
  step_ = std::clamp(step_, 0.0, kMaxStep);
  if (closed_ && (step_ <= min_step_ || step_ >= max_step_ || max_step_ - min_step_ <= kWidth * max_step_))
    step_ = best_.step;
  return State::kContinue;
}

}  // namespace cliplab
