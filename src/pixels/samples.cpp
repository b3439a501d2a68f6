#include "pixels/samples.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

std::uint8_t reversed_bits(std::uint8_t byte) {
  std::uint8_t result = 0;
  for (int i = 0; i < 8; ++i) result = static_cast<std::uint8_t>(result << 1 | (byte >> i & 1));
  return result;
}

/// 64 times what a step of a colour difference adds: a table of 8 bits and 6 behind the point.
std::array<int, 256> chroma_table(double factor) {
  std::array<int, 256> table{};
  for (int i = 0; i < 256; ++i) table[i] = static_cast<int>(factor * 64 * (i - 128) + 0.5);
  return table;
}

template <class T>
void clip_to(const std::vector<std::uint8_t>& native, Image& image) {
  for (std::size_t i = 0; i < native.size() / sizeof(T); ++i) {
    T value;
    std::memcpy(&value, native.data() + i * sizeof(T), sizeof(T));
    std::fill_n(image.pixels.data() + 3 * i, 3, clipped_byte(value));
  }
}

}  // namespace

std::size_t packed_bytes(const Packing& packing, std::size_t count) { return (count * packing.bits + 7) / 8; }

int unpacked_bytes(int bits) { return bits <= 8 ? 1 : bits <= 16 ? 2 : 4; }

void unpack(const Packing& packing, const std::uint8_t* in, std::size_t count, std::uint8_t* out, std::size_t step) {
  const int bits = packing.bits;
  const auto byte = [&](std::size_t i) { return packing.reversed ? reversed_bits(in[i]) : in[i]; };
  if (bits < 8) {
    for (std::size_t i = 0; i < count; ++i)
      out[i * step] = static_cast<std::uint8_t>(byte(i * bits / 8) >> (8 - bits - i * bits % 8) & ((1 << bits) - 1));
  } else if (bits == 8) {
    for (std::size_t i = 0; i < count; ++i) out[i * step] = byte(i);
  } else if (bits == 12) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = i / 2 * 3;
      const auto value = static_cast<std::uint16_t>(i % 2 == 0 ? byte(at) << 4 | byte(at + 1) >> 4
                                                               : (byte(at + 1) & 15) << 8 | byte(at + 2));
      std::memcpy(out + i * step * 2, &value, 2);
    }
  } else {
    const std::size_t size = bits / 8;
    const bool swapped = packing.big_endian != (std::endian::native == std::endian::big);
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t k = 0; k < size; ++k) out[i * step * size + k] = byte(i * size + (swapped ? size - 1 - k : k));
  }
}

Image grey_image(const std::vector<std::uint8_t>& grey, int height, int width, PixelMode mode) {
  Image image = Image::make(height, width, 3);
  assert(grey.size() * 3 == image.size());
  image.mode = mode;
  for (std::size_t i = 0; i < grey.size(); ++i) std::fill_n(image.pixels.data() + 3 * i, 3, grey[i]);
  return image;
}

Image palette_image(const std::vector<std::uint8_t>& indices, int height, int width, const Palette& palette) {
  Image image = Image::make(height, width, 3);
  assert(indices.size() * 3 == image.size());
  image.mode = PixelMode::kPalette;
  for (const auto& colour : palette) image.native.insert(image.native.end(), colour.begin(), colour.end());
  for (std::size_t i = 0; i < indices.size(); ++i)
    std::copy_n(palette[indices[i]].begin(), 3, image.pixels.data() + 3 * i);
  return image;
}

Image ink_image(std::vector<std::uint8_t> inks, int height, int width) {
  return {height, width, 3, inks_to_rgb(inks), PixelMode::kCmyk, std::move(inks)};
}

std::uint8_t clipped_byte(float value) {
  return static_cast<std::uint8_t>(value <= 0 ? 0 : value >= 255 ? 255 : std::isnan(value) ? 0 : value);
}

std::uint8_t clipped_byte(std::int32_t value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

Image wide_image(std::vector<std::uint8_t> native, int height, int width, PixelMode mode) {
  Image image = Image::make(height, width, 3);
  image.mode = mode;
  if (mode == PixelMode::kFloat) clip_to<float>(native, image);
  if (mode == PixelMode::kInt32) clip_to<std::int32_t>(native, image);
  if (mode == PixelMode::kGrey16)
    for (std::size_t i = 0; i < native.size() / 2; ++i) {
      std::uint16_t value;
      std::memcpy(&value, native.data() + 2 * i, 2);
      native[2 * i] = static_cast<std::uint8_t>(value & 255), native[2 * i + 1] = static_cast<std::uint8_t>(value >> 8);
      std::fill_n(image.pixels.data() + 3 * i, 3, native[2 * i + 1]);
    }
  image.native = std::move(native);
  return image;
}

void divide_by_alpha(std::uint8_t* pixel) {
  const int alpha = pixel[3];
  for (int c = 0; c < 3; ++c)
    pixel[c] = alpha == 0     ? std::uint8_t{0}
               : alpha == 255 ? pixel[c]
                              : static_cast<std::uint8_t>(std::min(255, pixel[c] * 255 / alpha));
}

void ycc_to_rgb(std::uint8_t* pixel) {
  static const std::array<int, 256> kRedCr = chroma_table(1.402), kGreenCb = chroma_table(-0.34414),
                                    kGreenCr = chroma_table(-0.71414), kBlueCb = chroma_table(1.772);
  const int y = pixel[0], cb = pixel[1], cr = pixel[2];
  const std::array<int, 3> rgb{y + (kRedCr[cr] >> 6), y + ((kGreenCb[cb] + kGreenCr[cr]) >> 6), y + (kBlueCb[cb] >> 6)};
  for (int c = 0; c < 3; ++c) pixel[c] = static_cast<std::uint8_t>(std::clamp(rgb[c], 0, 255));
}

Image oriented(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool turned = orientation >= 5;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const std::size_t pixels = static_cast<std::size_t>(image.height) * image.width;
  const bool has_native = image.mode != PixelMode::kPalette && !image.native.empty();
  const std::size_t native = has_native ? image.native.size() / pixels : 0;
  Image out = image;
  if (turned) std::swap(out.height, out.width);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      const int row = turned ? x : y, column = turned ? y : x;
      const std::size_t from = static_cast<std::size_t>(from_below ? image.height - 1 - row : row) * image.width +
                               (from_right ? image.width - 1 - column : column);
      const std::size_t to = static_cast<std::size_t>(y) * out.width + x;
      std::copy_n(image.pixels.data() + from * image.channels, image.channels, out.pixels.data() + to * image.channels);
      std::copy_n(image.native.data() + from * native, native, out.native.data() + to * native);
    }
  return out;
}

}  // namespace cliplab
