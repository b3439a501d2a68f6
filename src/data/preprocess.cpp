// Pillow's resampler and torchvision's size rules, bit for bit (Pillow Resample.c before version 13,
// torchvision functional.py). Each pass: int32 sums of uint8 times 22-bit weights, rounded and clipped to
// uint8. Only the asked window of the result is computed: a pixel's taps depend on its place alone, so
// cropping first changes nothing.
#include "data/preprocess.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#include "base/error.hpp"

namespace cliplab {
namespace {

constexpr int kPrecision = 32 - 8 - 2;
constexpr std::int32_t kHalf = 1 << (kPrecision - 1);

struct Taps {
  int first = 0, count = 0;
};

/// One axis of the result: `count` pixels from `begin` on, of an axis scaled from `in` to `out`.
struct Axis {
  int in = 0;
  std::int64_t out = 0;  // may be beyond int where only a window of it is computed
  std::int64_t begin = 0;
  int count = 0;

  bool unscaled() const { return in == out; }
};

/// For each pixel of an axis: which inputs, and (from i * stride on) how much of each.
struct Kernel {
  std::vector<Taps> taps;
  std::vector<std::int32_t> weights;
  int stride = 0;

  const std::int32_t* weights_of(int i) const {
    return weights.data() + static_cast<std::size_t>(i) * stride;
  }
};

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

Kernel make_kernel(const Axis& axis) {  // Pillow's precompute_coeffs and normalize_coeffs_8bpc
  const double scale = static_cast<double>(axis.in) / static_cast<double>(axis.out);
  const double filter_scale = std::max(scale, 1.0), support = 2.0 * filter_scale;
  Kernel kernel;
  kernel.stride = static_cast<int>(std::ceil(support)) * 2 + 1;
  kernel.taps.resize(axis.count);
  kernel.weights.assign(static_cast<std::size_t>(axis.count) * kernel.stride, 0);
  std::vector<double> weights(kernel.stride);
  for (int i = 0; i < axis.count; ++i) {
    const double center = (static_cast<double>(axis.begin + i) + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int count = static_cast<int>(std::min<double>(axis.in, center + support + 0.5)) - first;
    double sum = 0;
    for (int j = 0; j < count; ++j)
      sum += weights[j] = bicubic((j + first - center + 0.5) * (1.0 / filter_scale));
    for (int j = 0; j < count; ++j) {
      const double w = sum != 0 ? weights[j] / sum : weights[j];
      kernel.weights[static_cast<std::size_t>(i) * kernel.stride + j] =
          static_cast<std::int32_t>((w < 0 ? -0.5 : 0.5) + w * (1 << kPrecision));
    }
    kernel.taps[i] = {first, count};
  }
  return kernel;
}

std::uint8_t clip(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kPrecision, 0, 255));
}

/// A pixel widened to four int32 (absent channels 0): one multiply-add a tap. GCC and Clang, any processor.
using Pixel = std::int32_t __attribute__((vector_size(16)));

template <int kChannels>
void horizontal_rows(const Image& in, const Kernel& kernel, int first_row, Image& out) {
  // Only what the taps read: a window in the middle of a wide row needs no more.
  const int begin = kernel.taps.front().first, end = kernel.taps.back().first + kernel.taps.back().count;
  std::vector<Pixel> wide(static_cast<std::size_t>(end - begin));
  for (int y = 0; y < out.height; ++y) {
    const std::uint8_t* row = in.at(first_row + y, begin);
    for (Pixel& pixel : wide) {
      for (int c = 0; c < kChannels; ++c) pixel[c] = row[c];
      row += kChannels;
    }
    std::uint8_t* target = out.at(y, 0);
    for (int x = 0; x < out.width; ++x) {
      const Taps taps = kernel.taps[x];
      const std::int32_t* w = kernel.weights_of(x);
      const Pixel* source = wide.data() + (taps.first - begin);
      Pixel even = {kHalf, kHalf, kHalf, kHalf}, odd = {};  // two sums: they need not wait for each other
      int j = 0;
      for (; j + 1 < taps.count; j += 2) {
        even += source[j] * w[j];
        odd += source[j + 1] * w[j + 1];
      }
      if (j < taps.count) even += source[j] * w[j];
      even += odd;
      for (int c = 0; c < kChannels; ++c) target[kChannels * x + c] = clip(even[c]);
    }
  }
}

/// Rows [first_row, first_row + rows) of `in`, resampled along the width: [rows, axis.count, channels].
Image horizontal(const Image& in, const Axis& axis, int first_row, int rows) {
  const Kernel kernel = make_kernel(axis);
  Image out = Image::make(rows, axis.count, in.channels);
  if (in.channels == 1) horizontal_rows<1>(in, kernel, first_row, out);
  if (in.channels == 3) horizontal_rows<3>(in, kernel, first_row, out);
  if (in.channels == 4) horizontal_rows<4>(in, kernel, first_row, out);
  return out;
}

/// `in` holds the input's rows from `first_row` on: [axis.count, in.width, channels].
Image vertical(const Image& in, const Axis& axis, const Kernel& kernel, int first_row) {
  constexpr int kBlock = 256;  // sums of a block stay in the first-level cache
  Image out = Image::make(axis.count, in.width, in.channels);
  const std::size_t row_bytes = static_cast<std::size_t>(in.width) * in.channels;
  for (int y = 0; y < axis.count; ++y) {
    const Taps taps = kernel.taps[y];
    const std::int32_t* w = kernel.weights_of(y);
    const std::uint8_t* source = in.at(taps.first - first_row, 0);
    std::uint8_t* target = out.at(y, 0);
    for (std::size_t x = 0; x < row_bytes; x += kBlock) {
      const int n = static_cast<int>(std::min<std::size_t>(kBlock, row_bytes - x));
      std::int32_t sums[kBlock];
      std::fill_n(sums, n, kHalf);
      for (int j = 0; j < taps.count; ++j) {
        const std::uint8_t* row = source + j * row_bytes + x;
        for (int i = 0; i < n; ++i) sums[i] += row[i] * w[j];
      }
      for (int i = 0; i < n; ++i) target[x + i] = clip(sums[i]);
    }
  }
  return out;
}

Image copy_window(const Image& in, int top, int left, int height, int width) {
  Image out = Image::make(height, width, in.channels);
  for (int y = 0; y < height; ++y)
    std::copy_n(in.at(top + y, left), static_cast<std::size_t>(width) * in.channels, out.at(y, 0));
  return out;
}

/// Horizontal pass first, only the rows that the vertical one reads; an unscaled axis has no pass.
Image resample(const Image& image, const Axis& rows, const Axis& columns) {
  assert(image.channels == 1 || image.channels == 3 || image.channels == 4);
  if (rows.unscaled() && columns.unscaled())
    return copy_window(image, static_cast<int>(rows.begin), static_cast<int>(columns.begin), rows.count,
                       columns.count);
  if (rows.unscaled()) return horizontal(image, columns, static_cast<int>(rows.begin), rows.count);
  const Kernel kernel = make_kernel(rows);
  const int first = kernel.taps.front().first, end = kernel.taps.back().first + kernel.taps.back().count;
  const Image narrow = columns.unscaled() ? copy_window(image, first, static_cast<int>(columns.begin),
                                                        end - first, columns.count)
                                          : horizontal(image, columns, first, end - first);
  return vertical(narrow, rows, kernel, first);
}

/// torchvision's length of the long side: int(size * long / short), in double.
std::int64_t long_side(const Image& image, int size) {
  const double large = std::max(image.height, image.width), small = std::min(image.height, image.width);
  return static_cast<std::int64_t>(static_cast<double>(size) * large / small);
}

/// torchvision CenterCrop's first row or column: Python's round, half to even.
std::int64_t crop_offset(std::int64_t extent, int size) {
  return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(extent - size) / 2.0));
}

}  // namespace

Image resize_bicubic(const Image& image, int height, int width) {
  assert(image.height > 0 && image.width > 0 && height > 0 && width > 0);
  if (height == image.height && width == image.width) return image;
  return resample(image, {image.height, height, 0, height}, {image.width, width, 0, width});
}

Image resize_short_side(const Image& image, int size) {
  assert(image.height > 0 && image.width > 0 && size > 0);
  if (std::min(image.height, image.width) == size) return image;
  const std::int64_t other = long_side(image, size);
  constexpr std::int64_t kMaxPixels = (std::int64_t{1} << 31) / 4 - 1;
  if (other > kMaxPixels / size)
    fail("resize to a short side of " + std::to_string(size),
         "an image of " + std::to_string(image.width) + " x " + std::to_string(image.height),
         "a result of at most " + std::to_string(kMaxPixels) + " pixels");
  const int rest = static_cast<int>(other);
  return image.height <= image.width ? resize_bicubic(image, size, rest) : resize_bicubic(image, rest, size);
}

Image center_crop(const Image& image, int size) {
  assert(size > 0);
  if (image.height == size && image.width == size) return image;
  // A smaller image is padded with 0: (size - extent) / 2 before, the rest behind.
  const auto first = [&](int extent) {
    return extent < size ? -((size - extent) / 2) : static_cast<int>(crop_offset(extent, size));
  };
  const int top = first(image.height), left = first(image.width);
  Image out = Image::make(size, size, image.channels);
  const int begin = std::max(0, -left), end = std::min(size, image.width - left);
  for (int y = std::max(0, -top); y < std::min(size, image.height - top); ++y)
    std::copy_n(image.at(y + top, begin + left), static_cast<std::size_t>(end - begin) * image.channels,
                out.at(y, begin));
  return out;
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

// DEVIATION(3.1): transparent images are put on white first. The reference implementation resizes
// premultiplied RGBA and then drops the alpha, which shows whatever colour lies under the transparent pixels,
// most often black.
Image clip_transform(const Image& image, int size) {
  assert(image.height > 0 && image.width > 0 && size > 0);
  if (image.channels == 4) return clip_transform(composite(image, {255, 255, 255}), size);
  const std::int64_t other = long_side(image, size);
  const bool landscape = image.height <= image.width;
  const bool fits = std::min(image.height, image.width) == size;  // torchvision leaves such an image as it is
  const std::int64_t height = fits ? image.height : landscape ? size : other;
  const std::int64_t width = fits ? image.width : landscape ? other : size;
  return resample(image, {image.height, height, crop_offset(height, size), size},
                  {image.width, width, crop_offset(width, size), size});
}

}  // namespace cliplab
