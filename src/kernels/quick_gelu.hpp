// QuickGELU, x * sigmoid(1.702 x) (openai/CLIP model.py), in one pass over memory where a tensor library takes three,
// and its gradient in one where it takes seven.
#pragma once

#include <cstdint>

namespace cliplab {

/// y = x sigmoid(1.702 x); `y` may be `x`. Within 4 * 2^-23 of the exact value, relative to it (exp to 2 ulp, a sum, a
/// quotient).
void quick_gelu_cpu(const float* x, float* y, std::int64_t count);
/// The same on the bits of bfloat16 values, computed in float32 and rounded to nearest, half to even.
void quick_gelu_cpu(const std::uint16_t* x, std::uint16_t* y, std::int64_t count);

/// dx = dy * d/dx x sigmoid(1.702 x). `dx` may be `dy`. In float32; the bfloat16 form rounds once, at the end.
void quick_gelu_backward_cpu(const float* x, const float* dy, float* dx, std::int64_t count);
void quick_gelu_backward_cpu(const std::uint16_t* x, const std::uint16_t* dy, std::uint16_t* dx, std::int64_t count);

}  // namespace cliplab
