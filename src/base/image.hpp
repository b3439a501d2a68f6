// A decoded picture in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cliplab {

/// What a file held, in the order and words of Pillow's modes RGB, RGBA, L, LA, 1, P, CMYK, I;16, I and F. It decides
/// how OpenAI's order resizes (pixels/preprocess.hpp); callers that need only RGB can ignore it.
enum class PixelMode : std::uint8_t {
  kRgb,
  kRgba,
  kGrey,
  kGreyAlpha,
  kBilevel,
  kPalette,
  kCmyk,
  kGrey16,
  kInt32,
  kFloat
};

/// [height, width, channels] sRGB bytes, row-major, interleaved; channels is 3 (RGB) or 4 (RGB + straight alpha).
struct Image {
  int height = 0;
  int width = 0;
  int channels = 3;
  std::vector<std::uint8_t> pixels;
  PixelMode mode = PixelMode::kRgb;
  /// What `pixels` has lost. kCmyk: the four inks [height, width, 4]; kGrey16: [height, width] of two bytes, low one
  /// first; kInt32 and kFloat: [height, width] of four bytes in the machine's order; kPalette: the colours of its
  /// indices, which Pillow pads with, at least the first. Else empty.
  std::vector<std::uint8_t> native{};

  std::size_t size() const { return pixels.size(); }
  const std::uint8_t* at(int row, int column) const {
    return pixels.data() + (static_cast<std::size_t>(row) * width + column) * channels;
  }
  std::uint8_t* at(int row, int column) {
    return pixels.data() + (static_cast<std::size_t>(row) * width + column) * channels;
  }
  static Image make(int height, int width, int channels) {
    return {height, width, channels, std::vector<std::uint8_t>(static_cast<std::size_t>(height) * width * channels),
            channels == 4 ? PixelMode::kRgba : PixelMode::kRgb};
  }
};

}  // namespace cliplab
