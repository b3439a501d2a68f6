// Raw pictures whose columns come first, as MATLAB stores them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cliplab {

/// Planes [P, width, height] of bytes -> [P, height, width].
std::string rows_first(std::string_view planes, std::size_t height, std::size_t width);

}  // namespace cliplab
