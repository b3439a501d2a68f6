// Pillow's resampling (Resample.c), bit for bit: two passes, int32 sums of uint8 times 22-bit weights, rounded and
// clipped to uint8 between the passes. Only the asked window of the result is computed: a pixel's taps depend on its
// place alone, so cropping first changes nothing. Vector code is chosen when the program runs; all variants are equal.
#pragma once

#include <cstdint>
#include <vector>

#include "base/image.hpp"

namespace cliplab {

enum class Interpolation { kBicubic, kBilinear };

/// Which pass comes first: always the one along the width (Pillow before 13), or (from 13 on) the one along the height
/// where that shrinks by over twice what the width does.
enum class PillowRule { kClassic, k13 };

/// One axis of the result: `count` pixels from `begin` on, of an axis scaled from `in` to `out`.
struct ResizeAxis {
  int in = 0;
  std::int64_t out = 0;  // may be beyond int where only a window of it is computed
  std::int64_t begin = 0;
  int count = 0;

  bool unscaled() const { return in == out; }
};

enum class Simd { kScalar, kAvx2, kAvx512 };
bool has_simd(Simd simd);  // this processor
Simd best_simd();

/// A window of the resized image, [rows.count, columns.count, channels]; 1, 3 or 4 channels, independent. An unscaled
/// axis has no pass.
Image resample(const Image& image, const ResizeAxis& rows, const ResizeAxis& columns, Interpolation interpolation,
               PillowRule rule, Simd simd = best_simd());

/// The same for grey of 16 bits, of signed 32 bits and in float32, [rows.in, columns.in] -> [rows.count,
/// columns.count], in double as Pillow's I;16, I and F.
template <class T>
std::vector<T> resample_wide(const std::vector<T>& grey, const ResizeAxis& rows, const ResizeAxis& columns,
                             Interpolation interpolation, PillowRule rule);

/// Nearest neighbour, which Pillow takes for palette and 1-bit images whatever is asked for.
Image pick_nearest(const Image& image, const ResizeAxis& rows, const ResizeAxis& columns);

}  // namespace cliplab
