// torchvision's and open_clip's size rules, and what Pillow does between the decoded mode and RGB.
#include "pixels/preprocess.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "base/error.hpp"
#include "pixels/samples.hpp"

namespace cliplab {
namespace {

/// torchvision's length of the long side: int(size * long / short), in double.
std::int64_t long_side(const Image& image, int size) {
  const double large = std::max(image.height, image.width), small = std::min(image.height, image.width);
  return static_cast<std::int64_t>(static_cast<double>(size) * large / small);
}

/// The first row or column of the middle: torchvision's CenterCrop rounds as Python, half to even.
std::int64_t crop_offset(std::int64_t extent, const Preprocess& preprocess) {
  const std::int64_t rest = extent - preprocess.size;
  return preprocess.crop == CropRule::kDown
             ? rest / 2
             : static_cast<std::int64_t>(std::nearbyint(static_cast<double>(rest) / 2.0));
}

/// What is resized to what, and which part of that is wanted: less than a square only where the rest is padding.
struct Frame {
  ResizeAxis rows, columns;

  bool unscaled() const { return rows.unscaled() && columns.unscaled(); }
};

Frame frame_of(const Image& image, const Preprocess& preprocess) {
  const int size = preprocess.size, side = preprocess.resize_to > 0 ? preprocess.resize_to : size;
  if (preprocess.mode == ResizeMode::kSquash) {
    const std::int64_t begin = crop_offset(side, preprocess);
    return {{image.height, side, begin, size}, {image.width, side, begin, size}};
  }
  if (preprocess.mode == ResizeMode::kLongest) {  // open_clip's ResizeKeepRatio(longest=1)
    const double ratio = std::max(static_cast<double>(image.height) / size, static_cast<double>(image.width) / size);
    const auto scaled = [&](int extent) { return static_cast<int>(std::nearbyint(extent / ratio)); };
    const int height = scaled(image.height), width = scaled(image.width);
    if (height == 0 || width == 0)
      fail("resize to a long side of " + std::to_string(size),
           "an image of " + std::to_string(image.width) + " x " + std::to_string(image.height),
           "a side that does not vanish");
    return {{image.height, height, 0, height}, {image.width, width, 0, width}};
  }
  const bool landscape = image.height <= image.width;
  const bool fits = std::min(image.height, image.width) == side;  // torchvision leaves such an image as it is
  const std::int64_t height = fits ? image.height : landscape ? side : long_side(image, side);
  const std::int64_t width = fits ? image.width : landscape ? long_side(image, side) : side;
  return {{image.height, height, crop_offset(height, preprocess), size},
          {image.width, width, crop_offset(width, preprocess), size}};
}

/// An image below the size in a square of one colour, in the middle: (size - extent) / 2 before, the rest behind.
Image padded(Image image, int size, std::array<std::uint8_t, 4> colour) {
  if (image.height == size && image.width == size) return image;
  Image out = Image::make(size, size, image.channels);
  for (std::size_t i = 0; i < out.size(); i += image.channels)
    std::copy_n(colour.begin(), image.channels, out.pixels.data() + i);
  for (int y = 0; y < image.height; ++y)
    std::copy_n(image.at(y, 0), static_cast<std::size_t>(image.width) * image.channels,
                out.at(y + (size - image.height) / 2, (size - image.width) / 2));
  return out;
}

Image without_alpha(const Image& image) {
  Image out = Image::make(image.height, image.width, 3);
  const std::uint8_t* in = image.pixels.data();
  std::uint8_t* target = out.pixels.data();
  for (std::size_t i = 0; i < out.size(); i += 3, in += image.channels) std::copy_n(in, 3, target + i);
  return out;
}

std::uint8_t divided_by_255(int product) {  // rounded: Pillow's MULDIV255
  const int t = product + 128;
  return static_cast<std::uint8_t>(((t >> 8) + t) >> 8);
}

/// RGBA -> RGBa.
Image premultiplied(Image image) {
  for (std::size_t i = 0; i < image.size(); i += 4)
    for (int c = 0; c < 3; ++c) image.pixels[i + c] = divided_by_255(image.pixels[i + c] * image.pixels[i + 3]);
  return image;
}

/// RGBa -> RGBA.
void unpremultiply(Image& image) {
  for (std::size_t i = 0; i < image.size(); i += 4)
    if (const int alpha = image.pixels[i + 3]; alpha != 0 && alpha != 255)
      for (int c = 0; c < 3; ++c)
        image.pixels[i + c] = static_cast<std::uint8_t>(std::min(255, 255 * image.pixels[i + c] / alpha));
}

/// Pillow's alpha_composite over opaque white (AlphaComposite.c): weights of 7 more bits, which add up to 255 << 7.
Image blended_on_white(const Image& image) {
  Image out = Image::make(image.height, image.width, 3);
  for (std::size_t i = 0; i < image.size() / 4; ++i) {
    const std::uint8_t* in = image.pixels.data() + 4 * i;
    const std::uint32_t weight = in[3] << 7, rest = (255u << 7) - weight;
    for (int c = 0; c < 3; ++c) {
      const std::uint32_t sum = in[c] * weight + 255 * rest + (0x80 << 7);
      out.pixels[3 * i + c] = static_cast<std::uint8_t>(((sum >> 8) + sum) >> 15);
    }
  }
  return out;
}

/// What Pillow pads a palette or 1-bit picture with: the palette's entry, or white for all but 0.
std::array<std::uint8_t, 4> fill_of_indices(const Image& image, std::uint8_t fill) {
  if (image.mode == PixelMode::kBilevel)
    return fill > 0 ? std::array<std::uint8_t, 4>{255, 255, 255} : std::array<std::uint8_t, 4>{};
  const std::size_t at = std::size_t{3} * fill;
  if (at + 3 > image.native.size()) return {};  // an index that the palette does not have is black
  return {image.native[at], image.native[at + 1], image.native[at + 2]};
}

std::vector<std::uint16_t> grey_16(const Image& image) {
  std::vector<std::uint16_t> values(image.native.size() / 2);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::uint16_t>(image.native[2 * i + 1] << 8 | image.native[2 * i]);
  return values;
}

template <class T>
std::vector<T> native_values(const Image& image) {
  std::vector<T> values(image.native.size() / sizeof(T));
  std::memcpy(values.data(), image.native.data(), values.size() * sizeof(T));
  return values;
}

/// I;16, I or F -> RGB: clipped, not scaled.
template <class T>
Image clipped_grey(const std::vector<T>& values, int height, int width) {
  Image out = Image::make(height, width, 3);
  for (std::size_t i = 0; i < values.size(); ++i) std::fill_n(out.pixels.data() + 3 * i, 3, clipped_byte(values[i]));
  return out;
}

}  // namespace

std::string Preprocess::id() const {
  const char* mode_word = mode == ResizeMode::kShortest ? "shortest"
                          : mode == ResizeMode::kSquash ? "squash"
                                                        : "longest";
  std::string sides = std::to_string(size);  // what is not OpenAI's is added: the ids of cached features stay
  if (resize_to > 0 && resize_to != size) sides = fmt::format("{}-crop-{}", resize_to, size);
  if (crop == CropRule::kDown) sides += "-down";
  if (mode == ResizeMode::kLongest && fill > 0) sides += fmt::format("-fill-{}", fill);
  const char* order_word = order == ConvertOrder::kResizeFirst    ? "resize-first"
                           : order == ConvertOrder::kConvertFirst ? "convert-first"
                                                                  : "white-first";
  return fmt::format("{}-{}-{}/{}/pillow-{}/mean{},{},{}/std{},{},{}",
                     interpolation == Interpolation::kBicubic ? "bicubic" : "bilinear", mode_word, sides, order_word,
                     rule == PillowRule::kClassic ? "classic" : "13", normalization.mean[0], normalization.mean[1],
                     normalization.mean[2], normalization.std[0], normalization.std[1], normalization.std[2]);
}

ResizeMode parse_resize_mode(const std::string& word) {
  if (word == "shortest") return ResizeMode::kShortest;
  if (word == "squash") return ResizeMode::kSquash;
  if (word == "longest") return ResizeMode::kLongest;
  fail("resize mode", "'" + word + "'", "shortest, squash or longest");
}

Interpolation parse_interpolation(const std::string& word) {
  if (word == "bicubic") return Interpolation::kBicubic;
  if (word == "bilinear") return Interpolation::kBilinear;
  fail("interpolation", "'" + word + "'", "bicubic or bilinear");
}

ConvertOrder parse_convert_order(const std::string& word) {
  if (word == "resize_first") return ConvertOrder::kResizeFirst;
  if (word == "convert_first") return ConvertOrder::kConvertFirst;
  if (word == "white_first") return ConvertOrder::kWhiteFirst;
  fail("conversion order", "'" + word + "'", "resize_first, convert_first or white_first");
}

CropRule parse_crop_rule(const std::string& word) {
  if (word == "even") return CropRule::kEven;
  if (word == "down") return CropRule::kDown;
  fail("crop rule", "'" + word + "'", "even or down");
}

Image preprocess_pixels(const Image& image, const Preprocess& preprocess) {
  assert(image.height > 0 && image.width > 0 && preprocess.size > 0);
  assert(preprocess.resize_to == 0 || preprocess.resize_to >= preprocess.size);
  assert(image.channels == 3 || image.channels == 4);
  const auto& [rows, columns] = frame_of(image, preprocess);
  const auto resized = [&, &rows = rows, &columns = columns](const Image& in) {
    return resample(in, rows, columns, preprocess.interpolation, preprocess.rule);
  };
  const bool first = preprocess.order == ConvertOrder::kResizeFirst;
  const int size = preprocess.size;
  const std::uint8_t f = preprocess.fill;
  const std::array<std::uint8_t, 4> fill{f, f, f, f};
  const auto resized_first = [&, &rows = rows, &columns = columns](const auto& values) {
    const auto small = resample_wide(values, rows, columns, preprocess.interpolation, preprocess.rule);
    return padded(clipped_grey(small, rows.count, columns.count), size, fill);
  };
  switch (image.mode) {
    case PixelMode::kGrey16:
      return first ? resized_first(grey_16(image)) : padded(resized(to_rgb(image)), size, fill);
    case PixelMode::kInt32:
      if (first) return resized_first(native_values<std::int32_t>(image));
      break;
    case PixelMode::kFloat:
      if (first) return resized_first(native_values<float>(image));
      break;
    case PixelMode::kCmyk:
      if (first) {  // a fill of 0 means no ink, so the border is white
        const Image inks{image.height, image.width, 4, image.native, image.mode};
        return {size, size, 3, inks_to_rgb(padded(resized(inks), size, fill).pixels)};
      }
      break;
    case PixelMode::kPalette:
    case PixelMode::kBilevel:
      if (first) {
        const Image picked = without_alpha(pick_nearest(image, rows, columns));
        return padded(picked, size, fill_of_indices(image, f));
      }
      break;
    case PixelMode::kRgba:
    case PixelMode::kGreyAlpha:
      if (first && !(rows.unscaled() && columns.unscaled())) {
        Image small = resized(premultiplied(image));
        unpremultiply(small);
        return padded(without_alpha(small), size, fill);
      }
      break;
    default:
      break;
  }
  if (image.channels == 3) return padded(resized(image), size, fill);
  const bool on_white = preprocess.order == ConvertOrder::kWhiteFirst;
  return padded(resized(on_white ? blended_on_white(image) : without_alpha(image)), size, fill);
}

Image to_rgb(const Image& image) {
  if (image.mode == PixelMode::kGrey16) return clipped_grey(grey_16(image), image.height, image.width);
  return image.channels == 3 ? image : without_alpha(image);
}

Image clip_transform(const Image& image, int size) {
  Preprocess preprocess;
  preprocess.size = size;
  return preprocess_pixels(image, preprocess);
}

Image resize_bicubic(const Image& image, int height, int width) {
  assert(image.height > 0 && image.width > 0 && height > 0 && width > 0);
  return resample(image, {image.height, height, 0, height}, {image.width, width, 0, width}, Interpolation::kBicubic,
                  PillowRule::kClassic);
}

Image composite(const Image& image, std::array<std::uint8_t, 3> background) {
  assert(image.channels == 3 || image.channels == 4);
  if (image.channels == 3) return image;
  Image out = Image::make(image.height, image.width, 3);
  const std::uint8_t* in = image.pixels.data();
  std::uint8_t* target = out.pixels.data();
  for (std::size_t i = 0; i < out.pixels.size() / 3; ++i, in += 4, target += 3)
    for (int c = 0; c < 3; ++c)  // rounded to nearest, as Pillow's paste with a mask
      target[c] = static_cast<std::uint8_t>((in[c] * in[3] + background[c] * (255 - in[3]) + 127) / 255);
  return out;
}

std::vector<std::uint8_t> inks_to_rgb(std::span<const std::uint8_t> inks) {
  std::vector<std::uint8_t> rgb(inks.size() / 4 * 3);
  for (std::size_t i = 0; i < inks.size() / 4; ++i) {
    const int light = 255 - inks[4 * i + 3];
    for (int c = 0; c < 3; ++c)  // never below 0: the quotient is at most `light`
      rgb[3 * i + c] = static_cast<std::uint8_t>(light - divided_by_255(inks[4 * i + c] * light));
  }
  return rgb;
}

}  // namespace cliplab
