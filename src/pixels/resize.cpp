// Weights, the order of the passes and the plain loops, which are the oracle of the vector ones (resize_simd.cpp).
#include "pixels/resize.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <string>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "pixels/resize_passes.hpp"

namespace cliplab {
namespace {

double bicubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * kA;
  return 0;
}
double bilinear(double x) { return std::max(0.0, 1 - std::abs(x)); }

struct ExactKernel {  // weights before they are rounded; fields as Kernel's
  std::vector<Taps> taps;
  std::vector<double> weights;
  int stride = 0;
};

ExactKernel exact_kernel(const ResizeAxis& axis, Interpolation interpolation) {  // Pillow's precompute_coeffs
  const auto filter = interpolation == Interpolation::kBicubic ? bicubic : bilinear;
  const double scale = static_cast<double>(axis.in) / static_cast<double>(axis.out);
  const double filter_scale = std::max(scale, 1.0);
  const double support = (interpolation == Interpolation::kBicubic ? 2.0 : 1.0) * filter_scale;
  ExactKernel kernel;
  kernel.stride = (static_cast<int>(std::ceil(support)) * 2 + 1 + 3) / 4 * 4;
  kernel.taps.resize(axis.count);
  kernel.weights.assign(static_cast<std::size_t>(axis.count) * kernel.stride, 0);
  for (int i = 0; i < axis.count; ++i) {
    double* weights = kernel.weights.data() + static_cast<std::size_t>(i) * kernel.stride;
    const double center = (static_cast<double>(axis.begin + i) + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int count = static_cast<int>(std::min<double>(axis.in, center + support + 0.5)) - first;
    double sum = 0;
    for (int j = 0; j < count; ++j) sum += weights[j] = filter((j + first - center + 0.5) * (1.0 / filter_scale));
    for (int j = 0; j < count && sum != 0; ++j) weights[j] /= sum;
    kernel.taps[i] = {first, count};
  }
  return kernel;
}

Kernel make_kernel(const ResizeAxis& axis, Interpolation interpolation) {  // and its normalize_coeffs_8bpc
  ExactKernel exact = exact_kernel(axis, interpolation);
  Kernel kernel{std::move(exact.taps), std::vector<std::int32_t>(exact.weights.size()), exact.stride};
  std::transform(exact.weights.begin(), exact.weights.end(), kernel.weights.begin(), [](double w) {
    return static_cast<std::int32_t>((w < 0 ? -0.5 : 0.5) + w * (1 << kResizePrecision));
  });
  return kernel;
}

std::uint8_t clip(std::int32_t sum) { return static_cast<std::uint8_t>(std::clamp(sum >> kResizePrecision, 0, 255)); }

/// A pixel widened to four int32 (absent channels 0): one multiply-add a tap. GCC and Clang, any processor.
using Pixel = std::int32_t __attribute__((vector_size(16)));

template <int kChannels>
void horizontal_rows(const PixelRows& in, int rows, const Kernel& kernel, std::uint8_t* out) {
  const int width = static_cast<int>(kernel.taps.size());
  std::vector<Pixel> wide(static_cast<std::size_t>(kernel.end() - kernel.begin()));
  for (int y = 0; y < rows; ++y, out += static_cast<std::size_t>(width) * kChannels) {
    const std::uint8_t* row = in.row(y) + static_cast<std::size_t>(kernel.begin()) * kChannels;
    for (Pixel& pixel : wide) {
      for (int c = 0; c < kChannels; ++c) pixel[c] = row[c];
      row += kChannels;
    }
    for (int x = 0; x < width; ++x) {
      const Taps taps = kernel.taps[x];
      const std::int32_t* w = kernel.weights_of(x);
      const Pixel* source = wide.data() + (taps.first - kernel.begin());
      Pixel sum = {kResizeHalf, kResizeHalf, kResizeHalf, kResizeHalf};
      for (int j = 0; j < taps.count; ++j) sum += source[j] * w[j];
      for (int c = 0; c < kChannels; ++c) out[kChannels * x + c] = clip(sum[c]);
    }
  }
}

void horizontal(const PixelRows& in, int rows, int channels, const Kernel& kernel, std::uint8_t* out) {
  if (channels == 1) horizontal_rows<1>(in, rows, kernel, out);
  if (channels == 3) horizontal_rows<3>(in, rows, kernel, out);
  if (channels == 4) horizontal_rows<4>(in, rows, kernel, out);
}

void vertical(const PixelRows& in, std::size_t row_bytes, const Kernel& kernel, std::uint8_t* out) {
  constexpr int kBlock = 256;  // sums of a block stay in the first-level cache
  for (std::size_t y = 0; y < kernel.taps.size(); ++y, out += row_bytes) {
    const Taps taps = kernel.taps[y];
    const std::int32_t* w = kernel.weights_of(static_cast<int>(y));
    for (std::size_t x = 0; x < row_bytes; x += kBlock) {
      const int n = static_cast<int>(std::min<std::size_t>(kBlock, row_bytes - x));
      std::int32_t sums[kBlock];
      std::fill_n(sums, n, kResizeHalf);
      for (int j = 0; j < taps.count; ++j) {
        const std::uint8_t* row = in.row(taps.first + j) + x;
        for (int i = 0; i < n; ++i) sums[i] += row[i] * w[j];
      }
      for (int i = 0; i < n; ++i) out[x + i] = clip(sums[i]);
    }
  }
}

const Passes& passes_of(Simd simd) {
#ifdef __x86_64__
  if (simd == Simd::kAvx2) return kAvx2Passes;
  if (simd == Simd::kAvx512) return kAvx512Passes;
#endif
  return kScalarPasses;
}

PixelRows rows_of(const Image& image, int top, int left) {
  return {image.at(top, left), static_cast<std::size_t>(image.width) * image.channels,
          image.pixels.data() + image.size()};
}

/// Rows [top, top + height) and columns [left, left + width) as they are.
Image copy_window(const Image& in, std::int64_t top, std::int64_t left, int height, int width) {
  Image out = Image::make(height, width, in.channels);
  for (int y = 0; y < height; ++y)
    std::copy_n(in.at(static_cast<int>(top) + y, static_cast<int>(left)), static_cast<std::size_t>(width) * in.channels,
                out.at(y, 0));
  return out;
}

/// Rows [top, top + height) of `in`, resampled along the width.
Image resample_width(const Image& in, int top, int height, const Kernel& columns, const Passes& passes) {
  Image out = Image::make(height, static_cast<int>(columns.taps.size()), in.channels);
  passes.horizontal(rows_of(in, top, 0), height, in.channels, columns, out.pixels.data());
  return out;
}

/// Columns [left, left + width) of `in`, resampled along the height; taps count from `in`'s first row.
Image resample_height(const Image& in, int left, int width, const Kernel& rows, const Passes& passes) {
  Image out = Image::make(static_cast<int>(rows.taps.size()), width, in.channels);
  passes.vertical(rows_of(in, 0, left), static_cast<std::size_t>(width) * in.channels, rows, out.pixels.data());
  return out;
}

void shift(std::vector<Taps>& taps) {  // taps of an input that was cut to what they read
  const int begin = taps.front().first;
  for (Taps& entry : taps) entry.first -= begin;
}

/// Pillow 13 (ImagingResample, pull request 9549).
bool height_first(const ResizeAxis& rows, const ResizeAxis& columns, PillowRule rule) {
  return rule == PillowRule::k13 && rows.in - rows.out > 2 * std::max<std::int64_t>(0, columns.in - columns.out);
}

// What a sum becomes in Pillow's modes I;16, I and F.
void store(double sum, std::uint16_t& out) {
  // The two bytes are clipped one by one: below 0 both are 0, beyond 65535 the low one wraps.
  const int value = static_cast<int>(sum < 0 ? sum - 0.5 : sum + 0.5);
  const int low = std::clamp(value % 256, 0, 255), high = std::clamp(value >> 8, 0, 255);
  out = static_cast<std::uint16_t>(high << 8 | low);
}
void store(double sum, std::int32_t& out) {
  const double least = std::numeric_limits<std::int32_t>::min(), most = std::numeric_limits<std::int32_t>::max();
  out = static_cast<std::int32_t>(std::clamp(sum < 0 ? -std::floor(0.5 - sum) : std::floor(sum + 0.5), least, most));
}
void store(double sum, float& out) { out = static_cast<float>(sum); }

/// A pass over wide samples, `step` apart along the axis and `next` from a line to the next.
struct Lines {
  std::size_t step, next;
};
template <class T>
void wide_pass(const T* in, Lines read, int lines, const ExactKernel& kernel, T* out, Lines write) {
  for (int line = 0; line < lines; ++line)
    for (std::size_t i = 0; i < kernel.taps.size(); ++i) {
      const Taps taps = kernel.taps[i];
      const double* w = kernel.weights.data() + i * kernel.stride;
      const T* source = in + line * read.next + taps.first * read.step;
      double sum = 0;
      for (int j = 0; j < taps.count; ++j) sum += source[j * read.step] * w[j];
      store(sum, out[line * write.next + i * write.step]);
    }
}

/// Where nearest-neighbour sampling reads (Pillow's ImagingScaleAffine); -1: nowhere, the pixel is 0. The place is a
/// running sum there, so all those before the window are walked.
std::vector<int> nearest_places(const ResizeAxis& axis) {
  constexpr std::int64_t kMaxOut = std::int64_t{1} << 28;
  if (axis.out > kMaxOut)
    fail("nearest-neighbour resize", "a side of " + std::to_string(axis.out) + " pixels",
         "at most " + std::to_string(kMaxOut));
  std::vector<int> places(axis.count);
  const double scale = static_cast<double>(axis.in) / static_cast<double>(axis.out);
  double place = scale * 0.5;
  for (std::int64_t i = 0; i < axis.begin; ++i) place += scale;
  for (int& value : places) {
    value = place < axis.in ? static_cast<int>(place) : -1;
    place += scale;
  }
  return places;
}

}  // namespace

const Passes kScalarPasses{horizontal, vertical};

bool has_simd(Simd simd) {
#ifdef __x86_64__
  if (simd == Simd::kAvx2) return isa() >= Isa::kAvx2;
  if (simd == Simd::kAvx512) return supports_vnni();
#endif
  return simd == Simd::kScalar;
}

Simd best_simd() {
  static const Simd kBest = has_simd(Simd::kAvx512) ? Simd::kAvx512
                            : has_simd(Simd::kAvx2) ? Simd::kAvx2
                                                    : Simd::kScalar;
  return kBest;
}

Image resample(const Image& image, const ResizeAxis& rows, const ResizeAxis& columns, Interpolation interpolation,
               PillowRule rule, Simd simd) {
  assert(image.channels == 1 || image.channels == 3 || image.channels == 4);
  const Passes& passes = passes_of(simd);
  if (rows.unscaled() && columns.unscaled())
    return copy_window(image, rows.begin, columns.begin, rows.count, columns.count);
  if (rows.unscaled())
    return resample_width(image, static_cast<int>(rows.begin), rows.count, make_kernel(columns, interpolation), passes);
  Kernel vertical_kernel = make_kernel(rows, interpolation);
  if (columns.unscaled())
    return resample_height(image, static_cast<int>(columns.begin), columns.count, vertical_kernel, passes);
  Kernel horizontal_kernel = make_kernel(columns, interpolation);
  if (height_first(rows, columns, rule)) {  // only the columns that the other pass reads
    const int left = horizontal_kernel.begin();
    const Image low = resample_height(image, left, horizontal_kernel.end() - left, vertical_kernel, passes);
    shift(horizontal_kernel.taps);
    return resample_width(low, 0, rows.count, horizontal_kernel, passes);
  }
  const int top = vertical_kernel.begin();
  const Image narrow = resample_width(image, top, vertical_kernel.end() - top, horizontal_kernel, passes);
  shift(vertical_kernel.taps);
  return resample_height(narrow, 0, columns.count, vertical_kernel, passes);
}

template <class T>
std::vector<T> resample_wide(const std::vector<T>& grey, const ResizeAxis& rows, const ResizeAxis& columns,
                             Interpolation interpolation, PillowRule rule) {
  const auto resample_width = [&](const std::vector<T>& in, int height) {
    std::vector<T> out(static_cast<std::size_t>(height) * columns.count);
    const auto width = static_cast<std::size_t>(columns.in), narrow = static_cast<std::size_t>(columns.count);
    if (columns.unscaled())
      for (int y = 0; y < height; ++y)
        std::copy_n(in.data() + y * width + columns.begin, narrow, out.data() + y * narrow);
    else
      wide_pass(in.data(), {1, width}, height, exact_kernel(columns, interpolation), out.data(), {1, narrow});
    return out;
  };
  const auto resample_height = [&](const std::vector<T>& in, int width) {
    const auto step = static_cast<std::size_t>(width);
    if (rows.unscaled())
      return std::vector<T>(in.begin() + rows.begin * width, in.begin() + (rows.begin + rows.count) * width);
    std::vector<T> out(rows.count * step);
    wide_pass(in.data(), {step, 1}, width, exact_kernel(rows, interpolation), out.data(), {step, 1});
    return out;
  };
  if (!rows.unscaled() && !columns.unscaled() && height_first(rows, columns, rule))
    return resample_width(resample_height(grey, columns.in), rows.count);
  return resample_height(resample_width(grey, rows.in), columns.count);
}

template std::vector<std::uint16_t> resample_wide(const std::vector<std::uint16_t>&, const ResizeAxis&,
                                                  const ResizeAxis&, Interpolation, PillowRule);
template std::vector<std::int32_t> resample_wide(const std::vector<std::int32_t>&, const ResizeAxis&, const ResizeAxis&,
                                                 Interpolation, PillowRule);
template std::vector<float> resample_wide(const std::vector<float>&, const ResizeAxis&, const ResizeAxis&,
                                          Interpolation, PillowRule);

Image pick_nearest(const Image& image, const ResizeAxis& rows, const ResizeAxis& columns) {
  const std::vector<int> ys = nearest_places(rows), xs = nearest_places(columns);
  Image out = Image::make(rows.count, columns.count, image.channels);
  for (int y = 0; y < rows.count; ++y)
    for (int x = 0; x < columns.count; ++x)
      if (ys[y] >= 0 && xs[x] >= 0) std::copy_n(image.at(ys[y], xs[x]), image.channels, out.at(y, x));
  return out;
}

}  // namespace cliplab
