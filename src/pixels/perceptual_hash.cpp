// Thresholds by eye, on the nearest train-test pairs of the corpus in order of their contrast: up to 0.32
// nearly each of the 50 looked at was one drawing or one symbol (laptop, strawberry, Moon phase); from 0.33
// on most are two things of one outline (road signs). A copy is saved in other colours up to 21 of 255 apart.
// Margins are cut first: without that, about 50 copies of Tux Paint's pictures on other page sizes went
// unseen and 200 nearly blank pages passed for copies.
#include "pixels/perceptual_hash.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "pixels/preprocess.hpp"

namespace cliplab {

Image drawn_part(const Image& on_white) {
  constexpr int kInk = 12;  // grey levels below white
  int top = on_white.height, bottom = -1, left = on_white.width, right = -1;
  for (int y = 0; y < on_white.height; ++y)
    for (int x = 0; x < on_white.width; ++x) {
      const std::uint8_t* p = on_white.at(y, x);
      if (std::min({p[0], p[1], p[2]}) > 255 - kInk) continue;
      top = std::min(top, y), bottom = y;
      left = std::min(left, x), right = std::max(right, x);
    }
  if (bottom < 0) return {};
  Image part = Image::make(bottom - top + 1, right - left + 1, 3);
  for (int y = 0; y < part.height; ++y)
    std::memcpy(part.at(y, 0), on_white.at(y + top, left), static_cast<std::size_t>(part.width) * 3);
  return part;
}

PerceptualHash perceptual_hash(const Image& image) {
  constexpr int kRows = 16, kColumns = 17;
  PerceptualHash hash;
  const Image part = drawn_part(composite(image, {255, 255, 255}));
  if (part.height == 0) return hash;
  hash.aspect = static_cast<float>(part.width) / static_cast<float>(part.height);
  const Image small = resize_bicubic(part, kRows, kColumns);
  const auto grey = [&](int y, int x) {
    const std::uint8_t* p = small.at(y, x);
    return 299 * p[0] + 587 * p[1] + 114 * p[2];
  };
  for (int y = 0; y < kRows; ++y)
    for (int x = 0; x + 1 < kColumns; ++x) {
      const int bit = y * (kColumns - 1) + x;
      if (grey(y, x + 1) - grey(y, x) > 2000)  // two grey levels: flat stays 0
        hash.bits[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
  for (std::size_t i = 0; i < small.pixels.size(); ++i)
    hash.colour[i % 3] += static_cast<float>(small.pixels[i]) / (kRows * kColumns);
  return hash;
}

int hash_distance(const PerceptualHash& a, const PerceptualHash& b) {
  int distance = 0;
  for (int i = 0; i < 4; ++i) distance += std::popcount(a.bits[i] ^ b.bits[i]);
  return distance;
}

double hash_contrast(const PerceptualHash& a, const PerceptualHash& b) {
  int set_a = 0, set_b = 0;
  for (int i = 0; i < 4; ++i) set_a += std::popcount(a.bits[i]), set_b += std::popcount(b.bits[i]);
  const int set = std::max(set_a, set_b);
  return set == 0 ? 0 : static_cast<double>(hash_distance(a, b)) / set;
}

bool is_same_picture(const PerceptualHash& a, const PerceptualHash& b) {
  constexpr double kContrast = 0.32;
  constexpr float kColour = 24, kAspect = 1.15F;
  if (a.aspect == 0 || b.aspect == 0) return false;
  if (a.aspect > b.aspect * kAspect || b.aspect > a.aspect * kAspect) return false;
  for (int c = 0; c < 3; ++c)
    if (std::abs(a.colour[c] - b.colour[c]) > kColour) return false;
  return hash_contrast(a, b) <= kContrast;
}

Image thumbnail(const Image& image) { return resize_bicubic(composite(image, {255, 255, 255}), 32, 32); }

int largest_difference(const Image& a, const Image& b) {
  assert(a.size() == b.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  return largest;
}

}  // namespace cliplab
