// exp for loops that the compiler vectorises: no call, no branch. Cody and Waite's reduction and the polynomial of
// degree 6 of Cephes (expf). Files that use it are compiled with -fno-trapping-math, or floor() keeps the loop scalar.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace cliplab {

/// Within 2 ulp on [-87, 88]; outside, the value at that bound.
inline float exp_of(float z) {
  z = std::min(std::max(z, -87.0f), 88.0f);
  const float n = std::floor(z * 1.44269504088896341f + 0.5f);
  const float r = z - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

}  // namespace cliplab
