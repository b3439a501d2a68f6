// Numbers that are not finite compare as false with everything, so that a rank made from them is the best one. They are
// refused where features, logits and scores are made.
#pragma once

#include <cmath>
#include <optional>
#include <span>
#include <string>

#include "base/error.hpp"
#include "base/matrix.hpp"

namespace cliplab {

/// The first row with a NaN or an infinity.
inline std::optional<Eigen::Index> first_row_not_finite(const Matrix& x) {
  for (Eigen::Index i = 0; i < x.rows(); ++i)
    if (!x.row(i).allFinite()) return i;
  return {};
}

/// Throws InputError naming `what` and the first row that is not finite.
inline void need_finite(const std::string& what, const Matrix& x) {
  if (const auto row = first_row_not_finite(x))
    fail(what, "row " + std::to_string(*row) + " has a value that is NaN or infinite", "finite numbers");
}

inline void need_finite(const std::string& what, std::span<const float> x) {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!std::isfinite(x[i])) fail(what, "score " + std::to_string(i) + " is NaN or infinite", "finite numbers");
}

}  // namespace cliplab
