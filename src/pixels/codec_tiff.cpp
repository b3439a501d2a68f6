// TIFF as Pillow reads it: the first page, turned by its orientation. Compressed pixels come from libtiff
// (tiff_strips.cpp); plain ones are copied from where the directory says, since libtiff would trust byte counts that
// Pillow does not read.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.hpp"
#include "pixels/codecs_internal.hpp"
#include "pixels/preprocess.hpp"
#include "pixels/samples.hpp"
#include "pixels/tiff_directory.hpp"

namespace cliplab {
namespace {

using Colours = TiffKind::Colours;

/// The samples of all pixels, unpacked, [height, width, samples]; those that no strip or tile holds are 0.
std::vector<std::uint8_t> read_plain(std::string_view bytes, const TiffDirectory& directory, TiffKind& kind,
                                     const TiffDirectory::Refuse& refuse) {
  const bool strips = directory.has(tiff::kStripOffsets);
  std::vector<std::uint64_t> offsets = directory.numbers(strips ? tiff::kStripOffsets : tiff::kTileOffsets);
  const auto image_width = static_cast<std::uint64_t>(kind.width),
             image_height = static_cast<std::uint64_t>(kind.height);
  const std::uint64_t width = strips ? image_width : directory.number(tiff::kTileWidth, 0);
  const std::uint64_t height =
      directory.number(strips ? tiff::kRowsPerStrip : tiff::kTileHeight, strips ? image_height : 0);
  if (offsets.empty() || width == 0 || height == 0) refuse("no strips or tiles");
  if (width == image_width && height == image_height && !kind.planes) offsets = {offsets.back()};
  if (width > std::uint64_t{1} << 31) refuse("tiles of " + std::to_string(width) + " pixels");
  if ((kind.planes && kind.bits > 8 && kind.bits < 32 && kind.samples == 1) ||
      (kind.reversed && !kind.planes &&
       (kind.colours == Colours::kPalette ? kind.bits < 8 : kind.inverted && kind.bits == 8)))
    refuse(std::to_string(kind.bits) + " bits in an order that Pillow does not read");
  const int planes = kind.planes ? kind.samples : 1;
  const int stored_bits = kind.bits;
  // Pillow takes the samples of a plane for bytes, and looks at neither their order nor their sense.
  if (kind.planes) kind.bits = kind.bits == 1 || kind.bits == 32 ? kind.bits : 8, kind.reversed = kind.inverted = false;
  const std::size_t in_pixel = kind.samples / planes, size = unpacked_bytes(kind.bits), pixel = size * kind.samples;
  const Packing packing{kind.bits, directory.big_endian() && !kind.planes, kind.reversed};
  std::vector<std::uint8_t> samples;
  samples.reserve(pixel * image_width * image_height);
  std::uint64_t x = 0, y = 0;
  int plane = 0;
  for (const std::uint64_t offset : offsets) {
    if (plane == planes && kind.planes) refuse("more planes than samples");
    if (plane == planes) break;
    const std::uint64_t columns = std::min(width, image_width - x), rows = std::min(height, image_height - y);
    const std::size_t row_bytes = packed_bytes(packing, columns * in_pixel);
    const std::size_t stride = x + width > image_width ? width * in_pixel * stored_bits / 8 : row_bytes;
    if (stride < row_bytes || offset > bytes.size() ||
        (bytes.size() - offset) / std::max<std::size_t>(stride, 1) < rows - 1 ||
        bytes.size() - offset < stride * (rows - 1) + row_bytes)
      refuse("ends before its last pixel");
    samples.resize(std::max<std::size_t>(samples.size(), pixel * image_width * (y + rows)));
    const auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data()) + offset;
    for (std::uint64_t row = 0; row < rows; ++row)
      unpack(packing, in + row * stride, columns * in_pixel,
             samples.data() + ((y + row) * image_width + x) * pixel + plane * size, planes > 1 ? kind.samples : 1);
    x += width;
    if (x >= image_width) x = 0, y += height;
    if (x == 0 && y >= image_height) y = 0, ++plane;
  }
  samples.resize(pixel * image_width * image_height);
  return samples;
}

/// The first of each pixel's samples.
std::vector<std::uint8_t> first_samples(std::vector<std::uint8_t> samples, std::size_t size, std::size_t step) {
  if (size == step) return samples;
  std::vector<std::uint8_t> first(samples.size() / step * size);
  for (std::size_t i = 0; i < first.size() / size; ++i)
    std::copy_n(samples.data() + i * step, size, first.data() + i * size);
  return first;
}

/// 16 bits in the machine's order to their high bytes.
std::vector<std::uint8_t> high_bytes(const std::vector<std::uint8_t>& samples) {
  std::vector<std::uint8_t> high(samples.size() / 2);
  for (std::size_t i = 0; i < high.size(); ++i) {
    std::uint16_t value;
    std::memcpy(&value, samples.data() + 2 * i, 2);
    high[i] = static_cast<std::uint8_t>(value >> 8);
  }
  return high;
}

Image grey_tiff(const TiffKind& kind, std::vector<std::uint8_t> samples) {
  if (kind.bits == 32)
    return wide_image(std::move(samples), kind.height, kind.width,
                      kind.is_float ? PixelMode::kFloat : PixelMode::kInt32);
  if (kind.bits == 16 && kind.is_signed) {
    std::vector<std::uint8_t> wide(samples.size() * 2);
    for (std::size_t i = 0; i < samples.size() / 2; ++i) {
      std::int16_t value;
      std::memcpy(&value, samples.data() + 2 * i, 2);
      const std::int32_t widened = value;
      std::memcpy(wide.data() + 4 * i, &widened, 4);
    }
    return wide_image(std::move(wide), kind.height, kind.width, PixelMode::kInt32);
  }
  if (kind.bits > 8) return wide_image(std::move(samples), kind.height, kind.width, PixelMode::kGrey16);
  const int scale = 255 / ((1 << kind.bits) - 1);
  for (std::size_t i = 0; i < samples.size(); i += kind.samples)
    samples[i] = static_cast<std::uint8_t>(kind.inverted ? 255 - samples[i] * scale : samples[i] * scale);
  if (kind.alpha == TiffKind::Alpha::kNone)
    return grey_image(first_samples(std::move(samples), 1, kind.samples), kind.height, kind.width,
                      kind.bits == 1 ? PixelMode::kBilevel : PixelMode::kGrey);
  Image image = Image::make(kind.height, kind.width, 4);
  image.mode = PixelMode::kGreyAlpha;
  for (std::size_t i = 0; i < samples.size() / 2; ++i) {
    std::fill_n(image.pixels.data() + 4 * i, 3, samples[2 * i]);
    image.pixels[4 * i + 3] = samples[2 * i + 1];
  }
  return image;
}

Image palette_tiff(const TiffDirectory& directory, const TiffKind& kind, std::vector<std::uint8_t> samples,
                   const TiffDirectory::Refuse& refuse) {
  const std::vector<std::uint64_t> map = directory.numbers(tiff::kColourMap);
  const std::size_t colours = map.size() / 3;  // all reds, then greens, blues
  if (colours == 0 || colours > 256) refuse("a palette of " + std::to_string(colours) + " colours");
  Palette palette{};
  for (std::size_t i = 0; i < colours; ++i)
    for (std::size_t c = 0; c < 3; ++c)
      palette[i][c] = static_cast<std::uint8_t>(std::min<std::uint64_t>(map[c * colours + i] / 256, 255));
  return palette_image(first_samples(std::move(samples), 1, kind.samples), kind.height, kind.width, palette);
}

Image rgb_tiff(const TiffKind& kind, std::vector<std::uint8_t> samples) {
  if (kind.bits == 16) samples = high_bytes(samples);
  const int channels = kind.alpha == TiffKind::Alpha::kNone ? 3 : 4;
  Image image = Image::make(kind.height, kind.width, channels);
  image.pixels = first_samples(std::move(samples), channels, kind.samples);
  for (std::size_t i = 0; i < image.size() && kind.alpha == TiffKind::Alpha::kMultiplied; i += 4)
    divide_by_alpha(image.pixels.data() + i);
  return image;
}

}  // namespace

Image decode_tiff(std::string_view bytes, const std::string& where, std::int64_t max_pixels) {
  const TiffDirectory::Refuse refuse = [&](const std::string& cause) {
    fail(where, "TIFF that cannot be decoded (" + cause + ")", "a whole TIFF of a kind that Pillow reads");
  };
  const TiffDirectory directory(bytes, refuse);
  TiffKind kind = TiffKind::of(directory, refuse);
  check_size(kind.height, kind.width, where, max_pixels);
  constexpr std::array<std::uint64_t, 17> kKnown{1,     2,     3,     4,     5,     6,     7,     8,    32773,
                                                 32809, 32946, 34676, 34677, 34925, 50000, 50001, 32771};
  if (std::find(kKnown.begin(), kKnown.end(), kind.compression) == kKnown.end())
    refuse("compression " + std::to_string(kind.compression));
  const std::uint64_t packed = std::uint64_t(kind.width) * kind.height * kind.samples * kind.bits / 8;
  // A fax of a white page packs 13,000 pixels into two bytes; more than that is made up.
  if (packed / 20000 > bytes.size() + kSmallPicture / 16) refuse("too short for its size");
  std::vector<std::uint8_t> samples;
  if (kind.compression == 1) {
    samples = read_plain(bytes, directory, kind, refuse);
  } else {
    samples = read_compressed_tiff(bytes, directory, kind, refuse);
  }
  Image image;
  if (kind.colours == Colours::kGrey) {
    image = grey_tiff(kind, std::move(samples));
  } else if (kind.colours == Colours::kPalette) {
    image = palette_tiff(directory, kind, std::move(samples), refuse);
  } else if (kind.colours == Colours::kInks) {
    if (kind.bits == 16) samples = high_bytes(samples);
    image = ink_image(first_samples(std::move(samples), 4, kind.samples), kind.height, kind.width);
  } else {
    if (kind.colours == Colours::kYcc && kind.compression == 1)
      for (std::size_t i = 0; i + 2 < samples.size(); i += 3) ycc_to_rgb(samples.data() + i);
    image = rgb_tiff(kind, std::move(samples));
  }
  const std::uint64_t orientation = directory.number(tiff::kOrientation, 1);
  return oriented(std::move(image), orientation <= 8 ? static_cast<int>(orientation) : 1);
}

}  // namespace cliplab
