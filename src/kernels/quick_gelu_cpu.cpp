// Written so that the compiler vectorises it: no call, no branch.
#include "kernels/quick_gelu.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/exp.hpp"

namespace cliplab {
namespace {

constexpr std::int64_t kBlock = 512;  // values at a time: loops that the compiler vectorises one by one

/// n <= kBlock values; the rest of `values` are what they were.
void widen(const std::uint16_t* x, float* values, std::int64_t n) {
  std::uint32_t bits[kBlock] = {};
  for (std::int64_t i = 0; i < n; ++i) bits[i] = std::uint32_t{x[i]} << 16;
  std::memcpy(values, bits, n * sizeof(float));
}

void round_to(std::uint16_t* x, const float* values, std::int64_t n) {
  std::uint32_t bits[kBlock] = {};
  std::memcpy(bits, values, n * sizeof(float));
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t rounded = (bits[i] + 0x7fff + ((bits[i] >> 16) & 1)) >> 16;
    // Rounding may carry a NaN into another number.
    x[i] = static_cast<std::uint16_t>((bits[i] & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
  }
}

}  // namespace

void quick_gelu_cpu(const float* x, float* y, std::int64_t count) {
  float exps[kBlock];
  for (std::int64_t begin = 0; begin < count; begin += kBlock, x += kBlock, y += kBlock) {
    const std::int64_t n = std::min(kBlock, count - begin);
    for (std::int64_t i = 0; i < n; ++i) exps[i] = exp_of(-1.702f * x[i]);
    // Apart, or the compiler divides by both bounds of the exponential as well, whose quotients are denormal and slow.
    for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] / (1.0f + exps[i]);
  }
}

void quick_gelu_cpu(const std::uint16_t* x, std::uint16_t* y, std::int64_t count) {
  float values[kBlock] = {};
  for (std::int64_t begin = 0; begin < count; begin += kBlock, x += kBlock, y += kBlock) {
    const std::int64_t n = std::min(kBlock, count - begin);
    widen(x, values, n);
    quick_gelu_cpu(values, values, n);
    round_to(y, values, n);
  }
}

void quick_gelu_backward_cpu(const float* x, const float* dy, float* dx, std::int64_t count) {
  float exps[kBlock];
  for (std::int64_t begin = 0; begin < count; begin += kBlock, x += kBlock, dy += kBlock, dx += kBlock) {
    const std::int64_t n = std::min(kBlock, count - begin);
    for (std::int64_t i = 0; i < n; ++i) exps[i] = exp_of(-1.702f * x[i]);
    // With s the sigmoid and e the exponential: 1 - s = e s, first, since x e may leave float's range.
    for (std::int64_t i = 0; i < n; ++i) {
      const float s = 1.0f / (1.0f + exps[i]);
      dx[i] = dy[i] * s * (1.0f + 1.702f * x[i] * (exps[i] * s));
    }
  }
}

void quick_gelu_backward_cpu(const std::uint16_t* x, const std::uint16_t* dy, std::uint16_t* dx, std::int64_t count) {
  float values[kBlock] = {}, gradients[kBlock] = {};
  for (std::int64_t begin = 0; begin < count; begin += kBlock, x += kBlock, dy += kBlock, dx += kBlock) {
    const std::int64_t n = std::min(kBlock, count - begin);
    widen(x, values, n), widen(dy, gradients, n);
    quick_gelu_backward_cpu(values, gradients, gradients, n);
    round_to(dx, gradients, n);
  }
}

}  // namespace cliplab
