// Elapsed wall-clock time.
#pragma once

#include <chrono>

namespace cliplab {

/// Measures the seconds since its construction or its last restart, on a clock that never jumps.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  void restart() { start_ = Clock::now(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace cliplab
