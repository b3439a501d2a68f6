// torchvision's and open_clip's size rules, and what Pillow does between the decoded mode and RGB.
#include "pixels/preprocess.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/error.hpp"

namespace cliplab {
namespace {

/// torchvision's length of the long side: int(size * long / short), in double.
std::int64_t long_side(const Image& image, int size) {
  const double large = std::max(image.height, image.width), small = std::min(image.height, image.width);
  return static_cast<std::int64_t>(static_cast<double>(size) * large / small);
}

/// torchvision CenterCrop's first row or column: Python's round, half to even.
std::int64_t crop_offset(std::int64_t extent, int size) {
  return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(extent - size) / 2.0));
}

/// What is resized to what, and which part of that is wanted: less than a square only where the rest is padding.
struct Frame {
  ResizeAxis rows, columns;

  bool unscaled() const { return rows.unscaled() && columns.unscaled(); }
};

Frame frame_of(const Image& image, const Preprocess& preprocess) {
  const int size = preprocess.size;
  if (preprocess.mode == ResizeMode::kSquash) return {{image.height, size, 0, size}, {image.width, size, 0, size}};
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
  const bool fits = std::min(image.height, image.width) == size;  // torchvision leaves such an image as it is
  const std::int64_t height = fits ? image.height : landscape ? size : long_side(image, size);
  const std::int64_t width = fits ? image.width : landscape ? long_side(image, size) : size;
  return {{image.height, height, crop_offset(height, size), size},
          {image.width, width, crop_offset(width, size), size}};
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

std::vector<std::uint16_t> grey_16(const Image& image) {
  std::vector<std::uint16_t> values(image.native.size() / 2);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::uint16_t>(image.native[2 * i + 1] << 8 | image.native[2 * i]);
  return values;
}

/// I;16 -> RGB: clipped, not scaled.
Image clipped_grey(const std::vector<std::uint16_t>& values, int height, int width) {
  Image out = Image::make(height, width, 3);
  for (std::size_t i = 0; i < values.size(); ++i)
    std::fill_n(out.pixels.data() + 3 * i, 3, static_cast<std::uint8_t>(std::min<int>(values[i], 255)));
  return out;
}

}  // namespace

std::string Preprocess::id() const {
  const char* mode_word = mode == ResizeMode::kShortest ? "shortest"
                          : mode == ResizeMode::kSquash ? "squash"
                                                        : "longest";
  return fmt::format("{}-{}-{}/{}/pillow-{}/mean{},{},{}/std{},{},{}",
                     interpolation == Interpolation::kBicubic ? "bicubic" : "bilinear", mode_word, size,
                     order == ConvertOrder::kResizeFirst ? "resize-first" : "convert-first",
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

Image preprocess_pixels(const Image& image, const Preprocess& preprocess) {
  assert(image.height > 0 && image.width > 0 && preprocess.size > 0);
  assert(image.channels == 3 || image.channels == 4);
  const auto& [rows, columns] = frame_of(image, preprocess);
  const auto resized = [&, &rows = rows, &columns = columns](const Image& in) {
    return resample(in, rows, columns, preprocess.interpolation, preprocess.rule);
  };
  const bool first = preprocess.order == ConvertOrder::kResizeFirst;
  const int size = preprocess.size;
  switch (image.mode) {
    case PixelMode::kGrey16: {
      if (!first) return padded(resized(clipped_grey(grey_16(image), image.height, image.width)), size, {});
      const auto values = resample_16(grey_16(image), rows, columns, preprocess.interpolation, preprocess.rule);
      return padded(clipped_grey(values, rows.count, columns.count), size, {});
    }
    case PixelMode::kCmyk:
      if (first) {  // no ink around it: white
        const Image inks{image.height, image.width, 4, image.native, image.mode};
        return {size, size, 3, inks_to_rgb(padded(resized(inks), size, {}).pixels)};
      }
      break;
    case PixelMode::kPalette:
    case PixelMode::kBilevel:
      if (first) {
        const Image picked = without_alpha(pick_nearest(image, rows, columns));
        if (image.native.empty()) return padded(picked, size, {});
        return padded(picked, size, {image.native[0], image.native[1], image.native[2]});
      }
      break;
    case PixelMode::kRgba:
    case PixelMode::kGreyAlpha:
      if (first && !(rows.unscaled() && columns.unscaled())) {
        Image small = resized(premultiplied(image));
        unpremultiply(small);
        return padded(without_alpha(small), size, {});
      }
      break;
    default:
      break;
  }
  return padded(resized(image.channels == 3 ? image : without_alpha(image)), size, {});
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
