// A decoded picture in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cliplab {

/// [height, width, channels] sRGB bytes, row-major, interleaved; channels is 3 (RGB) or 4 (RGB + straight alpha).
struct Image {
  int height = 0;
  int width = 0;
  int channels = 3;
  std::vector<std::uint8_t> pixels;

  std::size_t size() const { return pixels.size(); }
  const std::uint8_t* at(int row, int column) const {
    return pixels.data() + (static_cast<std::size_t>(row) * width + column) * channels;
  }
  std::uint8_t* at(int row, int column) {
    return pixels.data() + (static_cast<std::size_t>(row) * width + column) * channels;
  }
  static Image make(int height, int width, int channels) {
    return {height, width, channels,
            std::vector<std::uint8_t>(static_cast<std::size_t>(height) * width * channels)};
  }
};

}  // namespace cliplab
