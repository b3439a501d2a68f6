// Written so that the compiler vectorises it: no call, no branch.
#include "kernels/quick_gelu.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/exp.hpp"

namespace cliplab {
namespace {

constexpr std::int64_t kBlock = 512;  // values at a time: loops that the compiler vectorises one by one
}

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
