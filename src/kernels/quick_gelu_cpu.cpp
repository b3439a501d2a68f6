// Written so that the compiler vectorises it: no call, no branch. exp by Cody and Waite's reduction and the polynomial of
// degree 6 of Cephes (expf).
#include "kernels/quick_gelu.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace cliplab {
namespace {

constexpr std::int64_t kBlock = 512;  // values at a time: loops that the compiler vectorises one by one

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

}  // namespace

void quick_gelu_cpu(float* x, std::int64_t count) {
  float exps[kBlock];
  for (std::int64_t begin = 0; begin < count; begin += kBlock, x += kBlock) {
    const std::int64_t n = std::min(kBlock, count - begin);
    for (std::int64_t i = 0; i < n; ++i) exps[i] = exp_of(-1.702f * x[i]);
    // Apart, or the compiler divides by both bounds of the exponential as well, whose quotients are denormal and slow.
    for (std::int64_t i = 0; i < n; ++i) x[i] = x[i] / (1.0f + exps[i]);
  }
}

void quick_gelu_cpu(std::uint16_t* x, std::int64_t count) {
  std::uint32_t bits[kBlock] = {};
  float values[kBlock] = {};
  for (std::int64_t begin = 0; begin < count; begin += kBlock, x += kBlock) {
    const std::int64_t n = std::min(kBlock, count - begin);
    for (std::int64_t i = 0; i < n; ++i) bits[i] = std::uint32_t{x[i]} << 16;
    std::memcpy(values, bits, sizeof(values));
    quick_gelu_cpu(values, n);
    std::memcpy(bits, values, sizeof(bits));
    for (std::int64_t i = 0; i < n; ++i) {
      const std::uint32_t rounded = (bits[i] + 0x7fff + ((bits[i] >> 16) & 1)) >> 16;
      // Rounding may carry a NaN into another number.
      x[i] = static_cast<std::uint16_t>((bits[i] & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
    }
  }
}

}  // namespace cliplab
