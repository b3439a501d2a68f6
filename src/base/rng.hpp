// Portable random numbers: the same seed gives the same bits on every platform and compiler
// (the distributions of <random> do not). xoshiro256** seeded through splitmix64.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace cliplab {

class Rng {
 public:
  /// `stream` separates uses that share a seed (for example the sample's index), without correlation.
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0);

  std::uint64_t next();                      // 64 uniform bits
  double uniform();                          // [0, 1)
  double uniform(double low, double high);   // [low, high)
  double normal();                           // N(0, 1), Box-Muller
  std::uint64_t below(std::uint64_t bound);  // {0, ..., bound - 1}, unbiased; bound > 0

  template <class T>
  void shuffle(std::vector<T>& values) {  // Fisher-Yates
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace cliplab
