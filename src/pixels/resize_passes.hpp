// One pass of the resampler: what resize.cpp hands to its scalar, AVX2 and AVX-512 loops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cliplab {

constexpr int kResizePrecision = 32 - 8 - 2;
constexpr std::int32_t kResizeHalf = 1 << (kResizePrecision - 1);

struct Taps {
  int first = 0, count = 0;
};

/// For each pixel of an axis: which inputs, and (from i * stride on) how much of each; 0 behind the last one.
struct Kernel {
  std::vector<Taps> taps;
  std::vector<std::int32_t> weights;
  int stride = 0;  // a multiple of 4, at least the taps' number

  const std::int32_t* weights_of(int i) const { return weights.data() + static_cast<std::size_t>(i) * stride; }
  int begin() const { return taps.front().first; }  // the inputs that are read at all
  int end() const { return taps.back().first + taps.back().count; }
};

/// Rows of interleaved bytes, not owned.
struct PixelRows {
  const std::uint8_t* data = nullptr;
  std::size_t row_bytes = 0;          // from a row to the next
  const std::uint8_t* end = nullptr;  // of what may be read

  const std::uint8_t* row(int y) const { return data + static_cast<std::size_t>(y) * row_bytes; }
};

// A pass writes its result without gaps. Taps count pixels from the start of `in`'s rows, or its rows.
/// [rows, in_width, channels] -> [rows, kernel.taps.size(), channels]
using HorizontalPass = void (*)(const PixelRows& in, int rows, int channels, const Kernel& kernel, std::uint8_t* out);
/// [in_rows, row_bytes] -> [kernel.taps.size(), row_bytes]
using VerticalPass = void (*)(const PixelRows& in, std::size_t row_bytes, const Kernel& kernel, std::uint8_t* out);

struct Passes {
  HorizontalPass horizontal;
  VerticalPass vertical;
};
extern const Passes kScalarPasses;
#ifdef __x86_64__
extern const Passes kAvx2Passes, kAvx512Passes;
#endif

}  // namespace cliplab
