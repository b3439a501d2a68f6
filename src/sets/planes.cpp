// A transposition of each plane.
#include "sets/planes.hpp"

namespace cliplab {

std::string rows_first(std::string_view planes, std::size_t height, std::size_t width) {
  const std::size_t area = height * width;
  std::string found(planes.size(), '\0');
  for (std::size_t first = 0; first + area <= planes.size() && area > 0; first += area)
    for (std::size_t p = 0; p < area; ++p) found[first + p % height * width + p / height] = planes[first + p];
  return found;
}

}  // namespace cliplab
