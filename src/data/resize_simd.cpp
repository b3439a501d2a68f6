// The resampler's passes in AVX2 and AVX-512. A weight of 24 bits is split into two of 16, w = 4096 * high + low, so
// that one multiply-add instruction (pmaddwd) takes two taps of a channel; the sums wrap and add up to the scalar ones
// exactly. A pass along the width keeps four rows in registers, one along the height 32 or 64 bytes of a row.
#ifdef __x86_64__
#pragma GCC diagnostic ignored "-Wuninitialized"  // false alarm in the AVX-512 headers of GCC 12 (its bug 105593)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "data/resize_passes.hpp"

namespace cliplab {
namespace {

constexpr int kLowBits = 12;
constexpr int kRows = 4;       // of a pass along the width, at a time
constexpr int kOverread = 16;  // bytes: a load may begin in a row's last pixel

/// Weights as the multiply-add wants them: pairs (w0, w1) of int16 as an int32, the low and the high parts.
struct Split {
  std::vector<std::int32_t> low, high;
};

Split split(const Kernel& kernel) {
  Split parts{std::vector<std::int32_t>(kernel.weights.size() / 2), std::vector<std::int32_t>(kernel.weights.size() / 2)};
  for (std::size_t i = 0; i < parts.low.size(); ++i) {
    std::int32_t low[2], high[2];
    for (int k = 0; k < 2; ++k) {
      const std::int32_t w = kernel.weights[2 * i + k];
      high[k] = (w + (1 << (kLowBits - 1))) >> kLowBits;
      low[k] = w - high[k] * (1 << kLowBits);
    }
    const auto pair = [](const std::int32_t* v) {
      return static_cast<std::int32_t>((static_cast<std::uint32_t>(v[1]) << 16) | (static_cast<std::uint32_t>(v[0]) & 0xffff));
    };
    parts.low[i] = pair(low), parts.high[i] = pair(high);
  }
  return parts;
}

/// Bytes of two neighbouring pixels to (first, second) pairs of int16, a channel each; -1 writes 0. The upper half of a
/// vector takes the two pixels behind.
template <int kChannels>
constexpr std::array<std::int8_t, 32> make_pairing() {
  std::array<std::int8_t, 32> mask{};
  for (int half = 0; half < 2; ++half)
    for (int c = 0; c < 4; ++c)
      for (int k = 0; k < 4; ++k)
        mask[16 * half + 4 * c + k] =
            static_cast<std::int8_t>(c < kChannels && k % 2 == 0 ? (2 * half + k / 2) * kChannels + c : -1);
  return mask;
}

/// The four rows that a pass along the width works on. One that ends where memory does is copied, since loads go
/// beyond; missing ones at the end are the last one again.
struct RowGroup {
  RowGroup(const PixelRows& in, std::size_t width_bytes) : in_(in), width_bytes_(width_bytes) {}

  void set(int first, int rows, std::uint8_t* out, std::size_t out_bytes) {
    for (int r = 0; r < kRows; ++r) {
      const int y = std::min(first + r, rows - 1);
      source[r] = in_.row(y), target[r] = out + y * out_bytes;
      if (source[r] + width_bytes_ + kOverread <= in_.end) continue;
      copies_[r].resize(width_bytes_ + kOverread);
      std::memcpy(copies_[r].data(), source[r], width_bytes_);
      source[r] = copies_[r].data();
    }
  }

  const std::uint8_t* source[kRows];
  std::uint8_t* target[kRows];

 private:
  PixelRows in_;
  std::size_t width_bytes_;
  std::vector<std::uint8_t> copies_[kRows];
};

/// Four pixels (the lanes of `packed`), one for each row.
template <int kChannels>
void store_pixels(__m128i packed, RowGroup& group, int x, bool last) {
  alignas(16) std::uint8_t bytes[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(bytes), packed);
  // Four bytes are faster than three, and the fourth is written over by the next pixel.
  const std::size_t count = last ? kChannels : 4;
  for (int r = 0; r < kRows; ++r) std::memcpy(group.target[r] + static_cast<std::size_t>(x) * kChannels, bytes + 4 * r, count);
}

__attribute__((target("avx2"))) __m128i total(__m256i low, __m256i high) {  // of both halves, rounded, 22 bits off
  const __m256i sum = _mm256_add_epi32(low, _mm256_slli_epi32(high, kLowBits));
  const __m128i both = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  return _mm_srai_epi32(_mm_add_epi32(both, _mm_set1_epi32(kResizeHalf)), kResizePrecision);
}

__attribute__((target("avx2"))) __m128i pack(__m128i a, __m128i b, __m128i c, __m128i d) {  // int32 to clipped uint8
  return _mm_packus_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
}

template <int kChannels>
__attribute__((target("avx2"))) void horizontal_avx2(const PixelRows& in, int rows, const Kernel& kernel,
                                                     std::uint8_t* out) {
  alignas(32) static constexpr auto kPairing = make_pairing<kChannels>();
  const __m256i pairing = _mm256_load_si256(reinterpret_cast<const __m256i*>(kPairing.data()));
  // Lower half of a vector: taps 0 and 1 for four channels; upper half: taps 2 and 3.
  const __m256i spread = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
  const Split parts = split(kernel);
  const int width = static_cast<int>(kernel.taps.size());
  RowGroup group(in, static_cast<std::size_t>(kernel.end()) * kChannels);
  for (int y = 0; y < rows; y += kRows) {
    group.set(y, rows, out, static_cast<std::size_t>(width) * kChannels);
    for (int x = 0; x < width; ++x) {
      const Taps taps = kernel.taps[x];
      const std::size_t pairs = static_cast<std::size_t>(x) * kernel.stride / 2;
      __m256i low[kRows] = {}, high[kRows] = {};
      for (int j = 0; j < taps.count; j += 4) {
        const auto weights = [&](const std::vector<std::int32_t>& part) __attribute__((target("avx2"))) {
          const auto* two = reinterpret_cast<const __m128i*>(part.data() + pairs + j / 2);
          return _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(_mm_loadl_epi64(two)), spread);
        };
        const __m256i w_low = weights(parts.low), w_high = weights(parts.high);
        for (int r = 0; r < kRows; ++r) {
          const auto* four = reinterpret_cast<const __m128i*>(group.source[r] + static_cast<std::size_t>(taps.first + j) * kChannels);
          const __m256i pixels = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(four)), pairing);
          low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(pixels, w_low));
          high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(pixels, w_high));
        }
      }
      store_pixels<kChannels>(pack(total(low[0], high[0]), total(low[1], high[1]), total(low[2], high[2]), total(low[3], high[3])),
                              group, x, x + 1 == width);
    }
  }
}

template <int kChannels>
__attribute__((target("avx512f,avx512bw,avx2"))) void horizontal_avx512(const PixelRows& in, int rows, const Kernel& kernel,
                                                                   std::uint8_t* out) {
  alignas(32) static constexpr auto kPairing = make_pairing<kChannels>();
  const __m512i pairing = _mm512_broadcast_i64x4(_mm256_load_si256(reinterpret_cast<const __m256i*>(kPairing.data())));
  const __m512i spread = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1);
  const Split parts = split(kernel);
  const int width = static_cast<int>(kernel.taps.size());
  RowGroup group(in, static_cast<std::size_t>(kernel.end()) * kChannels);
  for (int y = 0; y < rows; y += kRows) {
    group.set(y, rows, out, static_cast<std::size_t>(width) * kChannels);
    for (int x = 0; x < width; ++x) {
      const Taps taps = kernel.taps[x];
      const std::size_t pairs = static_cast<std::size_t>(x) * kernel.stride / 2;
      __m512i low[kRows / 2] = {}, high[kRows / 2] = {};  // two rows in a vector
      for (int j = 0; j < taps.count; j += 4) {
        const auto weights = [&](const std::vector<std::int32_t>& part) __attribute__((target("avx512f,avx512bw,avx2"))) {
          const auto* two = reinterpret_cast<const __m128i*>(part.data() + pairs + j / 2);
          return _mm512_permutexvar_epi32(spread, _mm512_castsi128_si512(_mm_loadl_epi64(two)));
        };
        const __m512i w_low = weights(parts.low), w_high = weights(parts.high);
        for (int r = 0; r < kRows / 2; ++r) {
          const auto load = [&](int row) __attribute__((target("avx512f,avx512bw,avx2"))) {
            const auto* four = reinterpret_cast<const __m128i*>(group.source[row] + static_cast<std::size_t>(taps.first + j) * kChannels);
            return _mm256_broadcastsi128_si256(_mm_loadu_si128(four));
          };
          const __m512i two = _mm512_inserti64x4(_mm512_castsi256_si512(load(2 * r)), load(2 * r + 1), 1);
          const __m512i pixels = _mm512_shuffle_epi8(two, pairing);
          low[r] = _mm512_add_epi32(low[r], _mm512_madd_epi16(pixels, w_low));
          high[r] = _mm512_add_epi32(high[r], _mm512_madd_epi16(pixels, w_high));
        }
      }
      __m128i sums[kRows];
      for (int r = 0; r < kRows / 2; ++r) {
        sums[2 * r] = total(_mm512_castsi512_si256(low[r]), _mm512_castsi512_si256(high[r]));
        sums[2 * r + 1] = total(_mm512_extracti64x4_epi64(low[r], 1), _mm512_extracti64x4_epi64(high[r], 1));
      }
      store_pixels<kChannels>(pack(sums[0], sums[1], sums[2], sums[3]), group, x, x + 1 == width);
    }
  }
}

/// A row of the result from `from` on by the plain loop: what is left of a row behind its last whole vector.
void vertical_rest(const PixelRows& in, std::size_t from, std::size_t row_bytes, const Taps& taps, const std::int32_t* w,
                   std::uint8_t* out) {
  for (std::size_t x = from; x < row_bytes; ++x) {
    std::int32_t sum = kResizeHalf;
    for (int j = 0; j < taps.count; ++j) sum += in.row(taps.first + j)[x] * w[j];
    out[x] = static_cast<std::uint8_t>(std::clamp(sum >> kResizePrecision, 0, 255));
  }
}

__attribute__((target("avx2"))) void vertical_avx2(const PixelRows& in, std::size_t row_bytes, const Kernel& kernel,
                                                   std::uint8_t* out) {
  constexpr std::size_t kStep = 32;
  const Split parts = split(kernel);
  const __m256i zero = _mm256_setzero_si256(), half = _mm256_set1_epi32(kResizeHalf);
  for (std::size_t y = 0; y < kernel.taps.size(); ++y, out += row_bytes) {
    const Taps taps = kernel.taps[y];
    const std::size_t pairs = y * kernel.stride / 2;
    std::size_t x = 0;
    for (; x + kStep <= row_bytes; x += kStep) {
      __m256i low[4] = {half, half, half, half}, high[4] = {};
      for (int j = 0; j < taps.count; j += 2) {
        const std::uint8_t* row = in.row(taps.first + j) + x;
        const std::uint8_t* next = j + 1 < taps.count ? row + in.row_bytes : row;  // its weight is 0 then
        const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row));
        const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(next));
        const __m256i ab[2] = {_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b)};
        const __m256i quarters[4] = {_mm256_unpacklo_epi8(ab[0], zero), _mm256_unpackhi_epi8(ab[0], zero),
                                     _mm256_unpacklo_epi8(ab[1], zero), _mm256_unpackhi_epi8(ab[1], zero)};
        const __m256i w_low = _mm256_set1_epi32(parts.low[pairs + j / 2]);
        const __m256i w_high = _mm256_set1_epi32(parts.high[pairs + j / 2]);
        for (int q = 0; q < 4; ++q) {
          low[q] = _mm256_add_epi32(low[q], _mm256_madd_epi16(quarters[q], w_low));
          high[q] = _mm256_add_epi32(high[q], _mm256_madd_epi16(quarters[q], w_high));
        }
      }
      for (int q = 0; q < 4; ++q)
        low[q] = _mm256_srai_epi32(_mm256_add_epi32(low[q], _mm256_slli_epi32(high[q], kLowBits)), kResizePrecision);
      const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(low[0], low[1]), _mm256_packs_epi32(low[2], low[3]));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + x), bytes);  // unpack and pack undo each other's order
    }
    vertical_rest(in, x, row_bytes, taps, kernel.weights_of(static_cast<int>(y)), out);
  }
}

__attribute__((target("avx512f,avx512bw"))) void vertical_avx512(const PixelRows& in, std::size_t row_bytes,
                                                                 const Kernel& kernel, std::uint8_t* out) {
  constexpr std::size_t kStep = 64;
  const Split parts = split(kernel);
  const __m512i zero = _mm512_setzero_si512(), half = _mm512_set1_epi32(kResizeHalf);
  for (std::size_t y = 0; y < kernel.taps.size(); ++y, out += row_bytes) {
    const Taps taps = kernel.taps[y];
    const std::size_t pairs = y * kernel.stride / 2;
    std::size_t x = 0;
    for (; x + kStep <= row_bytes; x += kStep) {
      __m512i low[4] = {half, half, half, half}, high[4] = {};
      for (int j = 0; j < taps.count; j += 2) {
        const std::uint8_t* row = in.row(taps.first + j) + x;
        const std::uint8_t* next = j + 1 < taps.count ? row + in.row_bytes : row;  // its weight is 0 then
        const __m512i a = _mm512_loadu_si512(row), b = _mm512_loadu_si512(next);
        const __m512i ab[2] = {_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b)};
        const __m512i quarters[4] = {_mm512_unpacklo_epi8(ab[0], zero), _mm512_unpackhi_epi8(ab[0], zero),
                                     _mm512_unpacklo_epi8(ab[1], zero), _mm512_unpackhi_epi8(ab[1], zero)};
        const __m512i w_low = _mm512_set1_epi32(parts.low[pairs + j / 2]);
        const __m512i w_high = _mm512_set1_epi32(parts.high[pairs + j / 2]);
        for (int q = 0; q < 4; ++q) {
          low[q] = _mm512_add_epi32(low[q], _mm512_madd_epi16(quarters[q], w_low));
          high[q] = _mm512_add_epi32(high[q], _mm512_madd_epi16(quarters[q], w_high));
        }
      }
      for (int q = 0; q < 4; ++q)
        low[q] = _mm512_srai_epi32(_mm512_add_epi32(low[q], _mm512_slli_epi32(high[q], kLowBits)), kResizePrecision);
      const __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(low[0], low[1]), _mm512_packs_epi32(low[2], low[3]));
      _mm512_storeu_si512(out + x, bytes);  // unpack and pack undo each other's order
    }
    vertical_rest(in, x, row_bytes, taps, kernel.weights_of(static_cast<int>(y)), out);
  }
}

void choose_avx2(const PixelRows& in, int rows, int channels, const Kernel& kernel, std::uint8_t* out) {
  if (channels == 3) return horizontal_avx2<3>(in, rows, kernel, out);
  if (channels == 4) return horizontal_avx2<4>(in, rows, kernel, out);
  kScalarPasses.horizontal(in, rows, channels, kernel, out);
}
void choose_avx512(const PixelRows& in, int rows, int channels, const Kernel& kernel, std::uint8_t* out) {
  if (channels == 3) return horizontal_avx512<3>(in, rows, kernel, out);
  if (channels == 4) return horizontal_avx512<4>(in, rows, kernel, out);
  kScalarPasses.horizontal(in, rows, channels, kernel, out);
}

}  // namespace

const Passes kAvx2Passes{choose_avx2, vertical_avx2};
const Passes kAvx512Passes{choose_avx512, vertical_avx512};

}  // namespace cliplab
#endif
