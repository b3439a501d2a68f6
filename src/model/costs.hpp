// Costs of transformer blocks, which several families and objectives have: closed formulas of the sizes, so that a
// table can be made without a model.
#pragma once

#include <cstdint>

namespace cliplab {

/// Multiply-adds of `layers` transformer blocks of width d and hidden width h over T tokens: 4 d^2 + 2 d h a token (12
/// d^2 where h = 4 d), 2 T d a token for attention.
inline double transformer_macs(double layers, double d, double h, double T) {
  return layers * T * (4 * d * d + 2 * d * h + 2 * T * d);
}

inline std::int64_t transformer_parameters(std::int64_t layers, std::int64_t d, std::int64_t h) {
  return layers * (4 * d * d + 2 * d * h + 9 * d + h);
}

}  // namespace cliplab
