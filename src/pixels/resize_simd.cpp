// The resampler's passes in AVX2 and AVX-512. AVX2 splits a weight of 24 bits into two of 16, w = 4096 * high + low, so
// that one multiply-add instruction (pmaddwd) takes two taps of a channel; AVX-512 into three signed bytes, of which
// one instruction (vpdpbusd, VNNI) takes four taps. The sums wrap and add up to the scalar ones exactly. A pass along
// the width keeps four rows in registers, one along the height 32 or 64 bytes of a row.
#ifdef __x86_64__
#pragma GCC diagnostic ignored "-Wuninitialized"  // false alarm in the AVX-512 headers of GCC 12 (its bug 105593)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "pixels/resize_passes.hpp"

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
  Split parts{std::vector<std::int32_t>(kernel.weights.size() / 2),
              std::vector<std::int32_t>(kernel.weights.size() / 2)};
  for (std::size_t i = 0; i < parts.low.size(); ++i) {
    std::int32_t low[2], high[2];
    for (int k = 0; k < 2; ++k) {
      const std::int32_t w = kernel.weights[2 * i + k];
      high[k] = (w + (1 << (kLowBits - 1))) >> kLowBits;
      low[k] = w - high[k] * (1 << kLowBits);
    }
    const auto pair = [](const std::int32_t* v) {
      return static_cast<std::int32_t>((static_cast<std::uint32_t>(v[1]) << 16) |
                                       (static_cast<std::uint32_t>(v[0]) & 0xffff));
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
  for (int r = 0; r < kRows; ++r) {
    std::uint8_t* target = group.target[r] + static_cast<std::size_t>(x) * kChannels;
    if (last)  // NOLINT(bugprone-branch-clone): the same only with four channels
      std::memcpy(target, bytes + 4 * r, kChannels);
    else
      std::memcpy(target, bytes + 4 * r, 4);  // one store; the fourth byte is written over by the next pixel
  }
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
          const auto* four =
              reinterpret_cast<const __m128i*>(group.source[r] + static_cast<std::size_t>(taps.first + j) * kChannels);
          const __m256i pixels = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(four)), pairing);
          low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(pixels, w_low));
          high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(pixels, w_high));
        }
      }
      store_pixels<kChannels>(
          pack(total(low[0], high[0]), total(low[1], high[1]), total(low[2], high[2]), total(low[3], high[3])), group,
          x, x + 1 == width);
    }
  }
}

#define CLIPLAB_AVX512 __attribute__((target("avx512f,avx512bw,avx512vnni,avx2")))

constexpr int kLimbs = 3;

/// Weights as vpdpbusd wants them: four taps a word, a limb in each of its signed bytes; w = l0 + 256 * l1 + 65536 *
/// l2.
struct Limbs {
  std::array<std::vector<std::int32_t>, kLimbs> words;
};

Limbs limbs_of(const Kernel& kernel) {
  Limbs limbs;
  for (auto& words : limbs.words) words.resize(kernel.weights.size() / 4);
  for (std::size_t i = 0; i < kernel.weights.size(); ++i) {
    std::int32_t rest = kernel.weights[i];
    for (auto& words : limbs.words) {
      const auto limb = static_cast<std::int8_t>(rest);
      words[i / 4] |= static_cast<std::int32_t>(std::uint32_t{static_cast<std::uint8_t>(limb)} << (8 * (i % 4)));
      rest = (rest - limb) >> 8;
    }
  }
  return limbs;
}

/// Sums of sixteen channels over limbs, rounded, 22 bits off.
CLIPLAB_AVX512 __m512i total(const __m512i (&sums)[kLimbs]) {
  const __m512i high = _mm512_add_epi32(sums[1], _mm512_slli_epi32(sums[2], 8));
  const __m512i sum =
      _mm512_add_epi32(_mm512_add_epi32(sums[0], _mm512_slli_epi32(high, 8)), _mm512_set1_epi32(kResizeHalf));
  return _mm512_srai_epi32(sum, kResizePrecision);
}

/// Bytes of four neighbouring pixels to their first channels, their second ones, ...; -1 writes 0.
template <int kChannels>
constexpr std::array<std::int8_t, 16> make_grouping() {
  std::array<std::int8_t, 16> mask{};
  for (int c = 0; c < 4; ++c)
    for (int k = 0; k < 4; ++k) mask[4 * c + k] = static_cast<std::int8_t>(c < kChannels ? k * kChannels + c : -1);
  return mask;
}

template <int kChannels>
CLIPLAB_AVX512 void horizontal_avx512(const PixelRows& in, int rows, const Kernel& kernel, std::uint8_t* out) {
  alignas(16) static constexpr auto kGrouping = make_grouping<kChannels>();
  const __m512i grouping = _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(kGrouping.data())));
  const Limbs limbs = limbs_of(kernel);
  const int width = static_cast<int>(kernel.taps.size());
  RowGroup group(in, static_cast<std::size_t>(kernel.end()) * kChannels);
  for (int y = 0; y < rows; y += kRows) {
    group.set(y, rows, out, static_cast<std::size_t>(width) * kChannels);
    for (int x = 0; x < width; ++x) {
      const Taps taps = kernel.taps[x];
      const std::size_t first = static_cast<std::size_t>(x) * kernel.stride / 4;
      __m512i sums[kLimbs] = {};  // a row in each quarter of a vector
      for (int j = 0; j < taps.count; j += 4) {
        const auto load = [&](int row) CLIPLAB_AVX512 {
          return _mm_loadu_si128(reinterpret_cast<const __m128i*>(
              group.source[row] + static_cast<std::size_t>(taps.first + j) * kChannels));
        };
        __m512i pixels = _mm512_castsi128_si512(load(0));
        pixels = _mm512_inserti32x4(pixels, load(1), 1);
        pixels = _mm512_inserti32x4(pixels, load(2), 2);
        pixels = _mm512_shuffle_epi8(_mm512_inserti32x4(pixels, load(3), 3), grouping);
        for (int l = 0; l < kLimbs; ++l)
          sums[l] = _mm512_dpbusd_epi32(sums[l], pixels, _mm512_set1_epi32(limbs.words[l][first + j / 4]));
      }
      const __m512i clipped = _mm512_max_epi32(total(sums), _mm512_setzero_si512());
      store_pixels<kChannels>(_mm512_cvtusepi32_epi8(clipped), group, x, x + 1 == width);
    }
  }
}

/// A row of the result from `from` on by the plain loop: what is left of a row behind its last whole vector.
void vertical_rest(const PixelRows& in, std::size_t from, std::size_t row_bytes, const Taps& taps,
                   const std::int32_t* w, std::uint8_t* out) {
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

CLIPLAB_AVX512 void vertical_avx512(const PixelRows& in, std::size_t row_bytes, const Kernel& kernel,
                                    std::uint8_t* out) {
  constexpr std::size_t kStep = 64;
  const Limbs limbs = limbs_of(kernel);
  for (std::size_t y = 0; y < kernel.taps.size(); ++y, out += row_bytes) {
    const Taps taps = kernel.taps[y];
    const std::size_t first = y * kernel.stride / 4;
    std::size_t x = 0;
    for (; x + kStep <= row_bytes; x += kStep) {
      __m512i sums[4][kLimbs] = {};
      for (int j = 0; j < taps.count; j += 4) {
        const auto load = [&](int tap) CLIPLAB_AVX512 {  // beyond the last one its weight is 0
          return _mm512_loadu_si512(in.row(taps.first + std::min(j + tap, taps.count - 1)) + x);
        };
        const __m512i a = load(0), b = load(1), c = load(2), d = load(3);
        const __m512i ab[2] = {_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b)};
        const __m512i cd[2] = {_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d)};
        const __m512i quarters[4] = {_mm512_unpacklo_epi16(ab[0], cd[0]), _mm512_unpackhi_epi16(ab[0], cd[0]),
                                     _mm512_unpacklo_epi16(ab[1], cd[1]), _mm512_unpackhi_epi16(ab[1], cd[1])};
        for (int l = 0; l < kLimbs; ++l) {
          const __m512i w = _mm512_set1_epi32(limbs.words[l][first + j / 4]);
          for (int q = 0; q < 4; ++q) sums[q][l] = _mm512_dpbusd_epi32(sums[q][l], quarters[q], w);
        }
      }
      const __m512i low = _mm512_packs_epi32(total(sums[0]), total(sums[1])),
                    high = _mm512_packs_epi32(total(sums[2]), total(sums[3]));
      _mm512_storeu_si512(out + x, _mm512_packus_epi16(low, high));  // unpack and pack undo each other's order
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
