// From stored samples to an Image by Pillow's conversions: what the decoders of BMP, TIFF and PPM share.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/image.hpp"

namespace cliplab {

/// How a row of a file is packed.
struct Packing {
  int bits = 8;             // of a sample: 1, 2, 4, 8, 12, 16 or 32
  bool big_endian = false;  // of samples of 16 and 32 bits
  bool reversed = false;    // the first sample in a byte's low bits
};

/// Bytes of `count` packed samples.
std::size_t packed_bytes(const Packing& packing, std::size_t count);

/// Bytes of an unpacked sample: 1, 2 (12 and 16 bits) or 4, in the machine's order.
int unpacked_bytes(int bits);

/// `count` samples of `in` to every `step`-th sample of `out`.
void unpack(const Packing& packing, const std::uint8_t* in, std::size_t count, std::uint8_t* out, std::size_t step = 1);

/// [height, width] bytes.
Image grey_image(const std::vector<std::uint8_t>& grey, int height, int width, PixelMode mode = PixelMode::kGrey);

using Palette = std::array<std::array<std::uint8_t, 3>, 256>;  // a colour that the file lacks is black, as in Pillow
Image palette_image(const std::vector<std::uint8_t>& indices, int height, int width, const Palette& palette);

/// [height, width, 4] inks.
Image ink_image(std::vector<std::uint8_t> inks, int height, int width);

/// Grey of 16 bits, of signed 32 bits or float32 in `mode` kGrey16, kInt32 or kFloat: [height, width] in the machine's
/// order.
Image wide_image(std::vector<std::uint8_t> native, int height, int width, PixelMode mode);

/// The byte that Pillow's conversion of a kInt32 or kFloat gives.
std::uint8_t clipped_byte(float value);
std::uint8_t clipped_byte(std::int32_t value);  // also of a kGrey16

/// Pillow's modes RGBa -> RGBA of one pixel.
void divide_by_alpha(std::uint8_t* pixel);

/// Pillow's YCbCr -> RGB of one pixel, in place.
void ycc_to_rgb(std::uint8_t* pixel);

/// An Image as an orientation of EXIF and TIFF (1 to 8) says that it is to be seen; others change nothing.
Image oriented(Image image, int orientation);

}  // namespace cliplab
