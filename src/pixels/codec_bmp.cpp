// BMP as Pillow reads it: headers of 12 to 124 bytes, 1, 4, 8, 16, 24 and 32 bits, RLE4 and RLE8, bit fields, top-down.
// No library of Debian reads the same set; the format is a header and rows.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.hpp"
#include "pixels/codecs_internal.hpp"
#include "pixels/samples.hpp"

namespace cliplab {
namespace {

enum : std::uint32_t { kPlain = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };  // BITMAPINFOHEADER's biCompression

struct Bitmap {
  std::string_view bytes;
  std::size_t at = 0;  // of what follows the header
  std::size_t data = 0;
  std::uint32_t header = 0, width = 0, height = 0, bits = 0, compression = kPlain, colours = 0;
  bool top_down = false;
  std::array<std::uint32_t, 4> masks{};  // red, green, blue, alpha
};

/// What Pillow calls a raw mode: which byte of a pixel is which channel (-1: none), or 5 or 6 bits each.
struct PixelLayout {
  int bytes = 0;
  std::array<int, 4> place{-1, -1, -1, -1};
  bool six_greens = false;  // of 16 bits
};

std::uint32_t little_endian(std::string_view bytes, std::size_t at, int size) {
  std::uint32_t value = 0;
  for (int i = 0; i < size && at + i < bytes.size(); ++i)
    value |= std::uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

Bitmap read_header(std::string_view bytes, const auto& refuse) {
  Bitmap bmp{bytes};
  const auto number = [&](std::size_t at, int size = 4) { return little_endian(bytes, at, size); };
  bmp.data = number(10), bmp.header = number(14);
  bmp.at = 14 + std::size_t{bmp.header};
  constexpr std::array<std::uint32_t, 7> kHeaders{12, 40, 52, 56, 64, 108, 124};
  if (bytes.size() < 18 || std::find(kHeaders.begin(), kHeaders.end(), bmp.header) == kHeaders.end())
    refuse("a header of " + std::to_string(bmp.header) + " bytes");
  if (bmp.at > bytes.size()) refuse("ends inside its header");
  const bool old = bmp.header == 12;
  bmp.width = number(18, old ? 2 : 4), bmp.height = number(old ? 20 : 22, old ? 2 : 4);
  bmp.bits = number(old ? 24 : 28, 2);
  if (!old) {
    bmp.top_down = number(25, 1) == 0xFF;
    if (bmp.top_down) bmp.height = 0u - bmp.height;
    bmp.compression = number(30), bmp.colours = number(46);
  }
  if (bmp.compression == kBitFields) {
    const bool inside = bmp.header >= 52;  // else they follow the header
    for (int i = 0; i < (bmp.header >= 56 ? 4 : 3); ++i) bmp.masks[i] = number((inside ? 54 : bmp.at) + 4 * i);
    if (!inside) bmp.at += 12;
  }
  if (bmp.bits > 32) refuse(std::to_string(bmp.bits) + " bits a pixel");
  if (bmp.colours == 0) bmp.colours = bmp.bits < 32 ? 1u << bmp.bits : 0;
  const std::size_t entry = old ? 3 : 4;
  if (bmp.data == 14 + std::size_t{bmp.header} && bmp.bits <= 8) bmp.data += entry * bmp.colours;
  return bmp;
}

PixelLayout pixel_layout(const Bitmap& bmp, const auto& refuse) {
  struct Masks {
    std::array<std::uint32_t, 4> masks;
    std::array<int, 4> place;
  };
  static const std::array<Masks, 8> kMasks{{{{0xFF0000, 0xFF00, 0xFF, 0}, {2, 1, 0, -1}},
                                            {{0xFF000000, 0xFF0000, 0xFF00, 0}, {3, 2, 1, -1}},
                                            {{0xFF000000, 0xFF00, 0xFF, 0}, {3, 1, 0, -1}},
                                            {{0xFF000000, 0xFF0000, 0xFF00, 0xFF}, {3, 2, 1, 0}},
                                            {{0xFF, 0xFF00, 0xFF0000, 0xFF000000}, {0, 1, 2, 3}},
                                            {{0xFF0000, 0xFF00, 0xFF, 0xFF000000}, {2, 1, 0, 3}},
                                            {{0xFF000000, 0xFF00, 0xFF, 0xFF0000}, {3, 1, 0, 2}},
                                            {{0, 0, 0, 0}, {2, 1, 0, 3}}}};
  if (bmp.compression == kBitFields && bmp.bits == 32) {
    for (const Masks& known : kMasks)
      if (known.masks == bmp.masks) return {4, known.place};
  } else if (bmp.compression == kBitFields) {
    const std::array<std::uint32_t, 3> rgb{bmp.masks[0], bmp.masks[1], bmp.masks[2]};
    if (bmp.bits == 24 && rgb == std::array<std::uint32_t, 3>{0xFF0000, 0xFF00, 0xFF}) return {3, {2, 1, 0, -1}};
    if (bmp.bits == 16 && rgb == std::array<std::uint32_t, 3>{0xF800, 0x7E0, 0x1F}) return {2, {}, true};
    if (bmp.bits == 16 && rgb == std::array<std::uint32_t, 3>{0x7C00, 0x3E0, 0x1F}) return {2, {}, false};
  } else {
    if (bmp.bits == 32) return {4, {2, 1, 0, -1}};
    if (bmp.bits == 24) return {3, {2, 1, 0, -1}};
    if (bmp.bits == 16) return {2, {}, false};
  }
  refuse(std::to_string(bmp.bits) + " bits a pixel in fields that Pillow does not know");
  return {};
}

Image colour_image(const Bitmap& bmp, const PixelLayout& layout, const std::uint8_t* data, std::ptrdiff_t stride) {
  const bool alpha = layout.place[3] >= 0;
  Image image = Image::make(static_cast<int>(bmp.height), static_cast<int>(bmp.width), alpha ? 4 : 3);
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* in = data + (bmp.top_down ? y : image.height - 1 - y) * stride;
    std::uint8_t* out = image.at(y, 0);
    for (int x = 0; x < image.width; ++x, in += layout.bytes, out += image.channels) {
      if (layout.bytes > 2) {
        for (int c = 0; c < image.channels; ++c) out[c] = in[layout.place[c]];
        continue;
      }
      const int pixel = in[0] | in[1] << 8, greens = layout.six_greens ? 63 : 31;
      out[0] = static_cast<std::uint8_t>((pixel >> (layout.six_greens ? 11 : 10) & 31) * 255 / 31);
      out[1] = static_cast<std::uint8_t>((pixel >> 5 & greens) * 255 / greens);
      out[2] = static_cast<std::uint8_t>((pixel & 31) * 255 / 31);
    }
  }
  return image;
}

/// Pixels of RLE4 and RLE8 in the file's order of rows; those that the codes leave out are 0.
std::vector<std::uint8_t> run_lengths(const Bitmap& bmp, const auto& refuse) {
  const std::size_t width = bmp.width, count = width * bmp.height;
  const bool nibbles = bmp.compression == kRle4;
  std::vector<std::uint8_t> pixels;
  std::size_t at = bmp.data, x = 0;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bmp.bytes[i]); };
  const auto put = [&](std::size_t places, std::uint8_t value) { pixels.insert(pixels.end(), places, value); };
  while (pixels.size() < count && at <= bmp.bytes.size() && bmp.bytes.size() - at >= 2) {
    std::size_t run = byte(at);
    const std::uint8_t code = byte(at + 1);
    at += 2;
    if (run > 0) {  // one value, or two in turn
      if (x + run > width) run = width > x ? width - x : 0;
      for (std::size_t i = 0; i < run && nibbles; ++i) put(1, i % 2 == 0 ? code >> 4 : code & 15);
      if (!nibbles) put(run, code);
      x += run;
    } else if (code == 0) {  // the end of a row
      put((width - pixels.size() % width) % width, 0);
      x = 0;
    } else if (code == 1) {
      break;
    } else if (code == 2) {  // a step to the right and up
      if (bmp.bytes.size() - at < 2) break;
      put(std::min(count - pixels.size(), byte(at) + byte(at + 1) * width), 0);
      x = pixels.size() % width;
      at += 2;
    } else {  // so many pixels as they are
      const std::size_t places = std::min<std::size_t>(count - pixels.size(), code),
                        size = nibbles ? (places + 1) / 2 : places;
      const std::size_t given = std::min(size, bmp.bytes.size() - at);
      for (std::size_t i = 0; i < given; ++i) {
        put(1, nibbles ? byte(at + i) >> 4 : byte(at + i));
        if (nibbles && 2 * i + 1 < places) put(1, byte(at + i) & 15);
      }
      at += given;
      if (given < size || pixels.size() == count) break;
      x += code;
      at += at % 2;
    }
  }
  if (pixels.size() < count) refuse("ends before its last pixel");
  pixels.resize(count);
  return pixels;
}

/// Rows from below to rows from above.
void flip_rows(std::vector<std::uint8_t>& pixels, std::size_t width) {
  for (std::size_t top = 0, below = pixels.size() - width; top < below; top += width, below -= width)
    std::swap_ranges(pixels.begin() + static_cast<std::ptrdiff_t>(top),
                     pixels.begin() + static_cast<std::ptrdiff_t>(top + width),
                     pixels.begin() + static_cast<std::ptrdiff_t>(below));
}

/// Up to 8 bits, with a palette. Pillow takes one that is black to white for none, and then reads 8 bits a pixel, or 1.
Image indexed_image(const Bitmap& bmp, std::size_t stride, const auto& refuse) {
  if (bmp.colours == 0 || bmp.colours > 65536) refuse("a palette of " + std::to_string(bmp.colours) + " colours");
  const std::size_t entry = bmp.header == 12 ? 3 : 4;
  const std::string_view stored = bmp.bytes.substr(std::min(bmp.at, bmp.bytes.size()), entry * bmp.colours);
  Palette palette{};
  bool grey = stored.size() >= entry * (bmp.colours - 1) + 3;
  for (std::size_t i = 0; i < bmp.colours; ++i) {
    std::array<std::uint8_t, 3> colour{};  // stored as blue, green, red
    for (std::size_t c = 0; c < 3 && i * entry + c < stored.size(); ++c)
      colour[2 - c] = static_cast<std::uint8_t>(stored[i * entry + c]);
    const std::size_t shade = bmp.colours == 2 ? i * 255 : i % 256;
    const auto level = static_cast<std::uint8_t>(shade);
    grey = grey && colour == std::array<std::uint8_t, 3>{level, level, level};
    if (i < 256 && (i + 1) * entry <= stored.size()) palette[i] = colour;
  }
  if (!grey && stored.size() / entry > 256) refuse("a palette of more than 256 colours");
  const int height = static_cast<int>(bmp.height), width = static_cast<int>(bmp.width);
  const bool bilevel = grey && bmp.colours <= 2;
  std::vector<std::uint8_t> values;
  if (bmp.compression == kPlain) {
    const Packing packing{bilevel ? 1 : grey ? 8 : static_cast<int>(bmp.bits)};
    const std::size_t row_bytes = packed_bytes(packing, width);
    if (stride < row_bytes) refuse("a grey palette of " + std::to_string(bmp.colours) + " shades");
    if (bmp.data > bmp.bytes.size() || bmp.bytes.size() - bmp.data < stride * (bmp.height - 1) + row_bytes)
      refuse("ends before its last pixel");
    values.resize(static_cast<std::size_t>(bmp.height) * bmp.width);
    const auto* data = reinterpret_cast<const std::uint8_t*>(bmp.bytes.data()) + bmp.data;
    for (int y = 0; y < height; ++y)
      unpack(packing, data + y * stride, width, values.data() + static_cast<std::size_t>(y) * width);
  } else {
    values = run_lengths(bmp, refuse);
  }
  if (!bmp.top_down) flip_rows(values, bmp.width);
  if (bilevel)
    for (std::uint8_t& value : values) value = value == 0 ? 0 : 255;
  return grey ? grey_image(values, height, width, bilevel ? PixelMode::kBilevel : PixelMode::kGrey)
              : palette_image(values, height, width, palette);
}

}  // namespace

Image decode_bmp(std::string_view bytes, const std::string& where, std::int64_t max_pixels) {
  const auto refuse = [&](const std::string& cause) {
    fail(where, "BMP that cannot be decoded (" + cause + ")", "a whole BMP of 1, 4, 8, 16, 24 or 32 bits");
  };
  Bitmap bmp = read_header(bytes, refuse);
  check_size(bmp.height, bmp.width, where, max_pixels);
  const bool runs = bmp.compression == kRle8 || bmp.compression == kRle4;
  if (bmp.compression > kBitFields) refuse("compression " + std::to_string(bmp.compression));
  const std::size_t stride = (std::size_t{bmp.width} * bmp.bits + 31) / 32 * 4;
  if (bmp.bits == 1 || bmp.bits == 4 || bmp.bits == 8) {
    if (bmp.compression == kBitFields) refuse("bit fields of " + std::to_string(bmp.bits) + " bits");
    if (bmp.data == 0) bmp.data = bmp.at + (bmp.header == 12 ? 3 : 4) * std::size_t{bmp.colours};
    if (runs && std::size_t{bmp.width} * bmp.height / 128 > bytes.size() + kSmallPicture * 4)
      refuse("too short for its size");
    return indexed_image(bmp, stride, refuse);
  }
  if (runs) refuse("run lengths of " + std::to_string(bmp.bits) + " bits");
  if (bmp.data == 0) bmp.data = bmp.at;
  const PixelLayout layout = pixel_layout(bmp, refuse);
  const std::size_t row_bytes = std::size_t{bmp.width} * layout.bytes;
  if (bmp.data > bytes.size() || bytes.size() - bmp.data < stride * (bmp.height - 1) + row_bytes)
    refuse("ends before its last pixel");
  return colour_image(bmp, layout, reinterpret_cast<const std::uint8_t*>(bytes.data()) + bmp.data,
                      static_cast<std::ptrdiff_t>(stride));
}

}  // namespace cliplab
