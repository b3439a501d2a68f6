// Simulated coverage: how often an interval holds the truth that its samples were drawn from.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <iostream>

#include "base/rng.hpp"
#include "eval/intervals.hpp"

namespace cliplab {

/// What a method may show: 0.93 to 0.97 where it promises 0.95; more where it is conservative by construction; less
/// where nothing better is known, and then the test says so.
struct Promise {
  double least = 0.93, most = 0.97;
};
inline constexpr Promise kExact{}, kConservative{0.93, 1};

/// The share of `rounds` simulated intervals that hold `truth`; intervals without bounds count as holding nothing.
inline double coverage(int rounds, double truth, std::uint64_t seed, const std::function<Interval(Rng&)>& simulate) {
  int held = 0;
  for (int round = 0; round < rounds; ++round) {
    Rng rng(seed, static_cast<std::uint64_t>(round));
    const Interval interval = simulate(rng);
    held += interval.has_bounds() && interval.low <= truth && truth <= interval.high;
  }
  return held / static_cast<double>(rounds);
}

/// Prints the figure and holds it against the promise, give or take three standard errors of the simulation.
inline void expect_coverage(const std::string& what, double truth, const Promise& promise, int rounds,
                            const std::function<Interval(Rng&)>& simulate) {
  const double share = coverage(rounds, truth, 24, simulate);
  const auto slack = [&](double bound) { return 3 * std::sqrt(bound * (1 - bound) / rounds); };
  std::cout << fmt::format("{:60} {:.3f}\n", what, share);
  EXPECT_GE(share, promise.least - slack(promise.least)) << what;
  EXPECT_LE(share, promise.most + slack(promise.most)) << what;
}

inline bool chance(Rng& rng, double probability) { return rng.uniform() < probability; }

}  // namespace cliplab
