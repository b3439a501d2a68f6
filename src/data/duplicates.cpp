// Thresholds were chosen by looking at the nearest train-test pairs of the drawings corpus in order of distance: up to
// 14 bits with a like mean colour nearly every pair is one picture or one flag by two hands; from 20 bits on most are
// different things of one outline. Flags are most of the hits.
#include "data/duplicates.hpp"

#include <bit>
#include <cmath>

#include "data/preprocess.hpp"

namespace cliplab {

LooksHash looks_hash(const Image& image) {
  constexpr int kRows = 16, kColumns = 17;
  const Image small = resize_bicubic(composite(image, {255, 255, 255}), kRows, kColumns);
  LooksHash hash;
  const auto grey = [&](int y, int x) {
    const std::uint8_t* p = small.at(y, x);
    return 299 * p[0] + 587 * p[1] + 114 * p[2];
  };
  for (int y = 0; y < kRows; ++y)
    for (int x = 0; x + 1 < kColumns; ++x) {
      const int bit = y * (kColumns - 1) + x;
      if (grey(y, x + 1) - grey(y, x) > 2000) hash.bits[bit / 64] |= std::uint64_t{1} << (bit % 64);  // two grey levels: flat stays 0
    }
  for (std::size_t i = 0; i < small.pixels.size(); ++i) hash.colour[i % 3] += static_cast<float>(small.pixels[i]) / (kRows * kColumns);
  return hash;
}

int hash_distance(const LooksHash& a, const LooksHash& b) {
  int distance = 0;
  for (int i = 0; i < 4; ++i) distance += std::popcount(a.bits[i] ^ b.bits[i]);
  return distance;
}

bool looks_same(const LooksHash& a, const LooksHash& b) {
  if (hash_distance(a, b) > 14) return false;
  for (int c = 0; c < 3; ++c)
    if (std::abs(a.colour[c] - b.colour[c]) > 16) return false;
  return true;
}

}  // namespace cliplab
