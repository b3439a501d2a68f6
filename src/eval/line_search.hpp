// The line search of MINPACK-2 (Moré and Thuente 1994; `dcsrch`, `dcstep`), with the constants that L-BFGS-B gives it.
#pragma once

namespace cliplab {

class LineSearch {
 public:
  /// A point of the line: step, value, slope along the line.
  struct Point {
    double step = 0, value = 0, slope = 0;
  };
  enum class State { kContinue, kConverged, kWarning };  // kWarning: rounding or the interval's width ends it

  LineSearch() = default;
  /// A line with `value` and a negative `slope` at 0; `step` will be tried first.
  LineSearch(double value, double slope, double step);

  /// Takes what was found at step() and chooses the next step().
  State advance(double value, double slope);
  double step() const { return step_; }
  int evaluations() const { return evaluations_; }

 private:
  Point origin_, best_, other_;  // best_ and other_ are the ends of the interval once it is closed
  double step_ = 0, min_step_ = 0, max_step_ = 0;
  double width_ = 0, last_width_ = 0;
  bool closed_ = false, first_stage_ = true;
  int evaluations_ = 0;
};

}  // namespace cliplab
