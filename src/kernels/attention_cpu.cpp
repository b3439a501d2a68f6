// Four query rows at a time against all keys: 4 x 64 sums stay in registers (AVX-512: 16 of 32) while a key's or value's
// row passes. Vectors are the compiler's own, so that other processors take the same code in narrower pieces.
#include "kernels/attention.hpp"

#include <cstring>
#include <limits>
#include <vector>

#include "kernels/exp.hpp"

namespace cliplab {
namespace {

constexpr int kLanes = 16, kVectors = kHeadWidth / kLanes, kRows = 4;
constexpr float kScale = 0.125f;  // 1 / sqrt(64)

using Floats = float __attribute__((vector_size(kLanes * 4)));
using Bits = std::uint32_t __attribute__((vector_size(kLanes * 4)));
using Halves = std::uint16_t __attribute__((vector_size(kLanes * 2)));

Floats load(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof(values));
  return values;
}

Floats load(const std::uint16_t* from) {
  Halves halves;
  std::memcpy(&halves, from, sizeof(halves));
  return std::bit_cast<Floats>(__builtin_convertvector(halves, Bits) << 16);
}

void store(const Floats& values, float* to) { std::memcpy(to, &values, sizeof(values)); }

void store(const Floats& values, std::uint16_t* to) {
  const Bits bits = std::bit_cast<Bits>(values), rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  // Rounding may carry a NaN into another number.
  const Halves halves = __builtin_convertvector((bits & 0x7fffffff) > 0x7f800000 ? Bits{} + 0x7fc0 : rounded, Halves);
  std::memcpy(to, &halves, sizeof(halves));
}

/// Rows i and i + H of a 16 x 16 block exchange the lanes in which they differ from the transposed one by H.
template <int H>
inline void exchange(Floats (&rows)[kLanes]) {
  using Lanes = std::int32_t __attribute__((vector_size(kLanes * 4)));
  Lanes low{}, high{};
  for (int l = 0; l < kLanes; ++l) low[l] = l & H ? kLanes + l - H : l, high[l] = l & H ? kLanes + l : l + H;
  for (int i = 0; i < kLanes; ++i) {
    if (i & H) continue;
    const Floats upper = rows[i], lower = rows[i + H];
    rows[i] = __builtin_shuffle(upper, lower, low), rows[i + H] = __builtin_shuffle(upper, lower, high);
  }
}

/// keys [T, 64], a row every `stride` values -> [64, padded], its last columns 0.
template <class T>
void transpose(const T* keys, std::int64_t stride, std::int64_t tokens, std::int64_t padded, float* out) {
  for (std::int64_t t = 0; t < padded; t += kLanes)
    for (int c = 0; c < kHeadWidth; c += kLanes) {
      Floats rows[kLanes] = {};
      for (std::int64_t i = 0; i < std::min<std::int64_t>(kLanes, tokens - t); ++i) rows[i] = load(keys + (t + i) * stride + c);
      exchange<8>(rows), exchange<4>(rows), exchange<2>(rows), exchange<1>(rows);
      for (int l = 0; l < kLanes; ++l) store(rows[l], out + (c + l) * padded + t);
    }
}

/// sums[r][v] += left(r, k) * right[k * stride + 16 v ...], k below `terms`: a block of a matrix product, [4, 64].
template <class Left>
inline void multiply(const Left& left, const float* right, std::int64_t stride, std::int64_t terms, Floats (&sums)[kRows][kVectors]) {
  for (std::int64_t k = 0; k < terms; ++k, right += stride) {
    const Floats columns[kVectors] = {load(right), load(right + kLanes), load(right + 2 * kLanes), load(right + 3 * kLanes)};
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kVectors; ++v) sums[r][v] += left(r, k) * columns[v];
  }
}

/// scores [padded] -> exp(scores - the largest), 0 from `seen` on; returns the sum.
float exponentials(float* scores, std::int64_t seen, std::int64_t padded) {
  using Lanes = std::int32_t __attribute__((vector_size(kLanes * 4)));
  // Whole vectors only: a load that spans several narrower stores waits for all of them.
  const auto seen_lanes = [&](std::int64_t j) { return Lanes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} < static_cast<std::int32_t>(seen - j); };
  Floats largest = Floats{} - std::numeric_limits<float>::infinity(), sums{};
  for (std::int64_t j = 0; j < padded; j += kLanes) {
    const Floats others = seen_lanes(j) ? load(scores + j) : largest;
    largest = others > largest ? others : largest;
  }
  float top = largest[0], sum = 0;
  for (int i = 1; i < kLanes; ++i) top = std::max(top, largest[i]);
  for (std::int64_t j = 0; j < padded; ++j) scores[j] = exp_of(scores[j] - top);
  for (std::int64_t j = 0; j < padded; j += kLanes) {
    const Floats values = seen_lanes(j) ? load(scores + j) : Floats{};
    store(values, scores + j);
    sums += values;
  }
  for (int i = 0; i < kLanes; ++i) sum += sums[i];
  return sum;
}

template <class T>
void attend(const T* qkv, T* out, const AttentionShape& shape, std::int64_t begin, std::int64_t end) {
  const std::int64_t tokens = shape.tokens, width = shape.heads * kHeadWidth, stride = 3 * width;
  const std::int64_t padded = (tokens + kHeadWidth - 1) / kHeadWidth * kHeadWidth;
  std::vector<float> keys(kHeadWidth * padded), values(tokens * kHeadWidth), queries(kRows * kHeadWidth), scores(kRows * padded);
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t batch = i / shape.heads, head = i % shape.heads;
    const T *q = qkv + batch * tokens * stride + head * kHeadWidth, *k = q + width, *v = k + width;
    transpose(k, stride, tokens, padded, keys.data());
    for (std::int64_t t = 0; t < tokens; ++t)
      for (int c = 0; c < kHeadWidth; c += kLanes) store(load(v + t * stride + c), values.data() + t * kHeadWidth + c);
    for (std::int64_t row = 0; row < tokens; row += kRows) {
      const std::int64_t rows = std::min<std::int64_t>(kRows, tokens - row);
      for (std::int64_t r = 0; r < rows; ++r)
        for (int c = 0; c < kHeadWidth; c += kLanes) store(load(q + (row + r) * stride + c) * kScale, queries.data() + r * kHeadWidth + c);
      for (std::int64_t column = 0; column < padded; column += kHeadWidth) {
        Floats sums[kRows][kVectors] = {};
        multiply([&](int r, std::int64_t c) { return queries[r * kHeadWidth + c]; }, keys.data() + column, padded, kHeadWidth, sums);
        for (int r = 0; r < kRows; ++r)
          for (int c = 0; c < kVectors; ++c) store(sums[r][c], scores.data() + r * padded + column + c * kLanes);
      }
      float totals[kRows];
      for (std::int64_t r = 0; r < kRows; ++r)
        totals[r] = exponentials(scores.data() + r * padded, shape.causal ? std::min(tokens, row + r + 1) : tokens, padded);
      Floats sums[kRows][kVectors] = {};
      multiply([&](int r, std::int64_t t) { return scores[r * padded + t]; }, values.data(), kHeadWidth, tokens, sums);
      for (std::int64_t r = 0; r < rows; ++r)
        for (int c = 0; c < kVectors; ++c)
          store(sums[r][c] / totals[r], out + (batch * tokens + row + r) * width + head * kHeadWidth + c * kLanes);
    }
  }
}

}  // namespace

void attention_cpu(const float* qkv, float* out, const AttentionShape& shape, std::int64_t begin, std::int64_t end) { attend(qkv, out, shape, begin, end); }

void attention_cpu(const std::uint16_t* qkv, std::uint16_t* out, const AttentionShape& shape, std::int64_t begin, std::int64_t end) {
  attend(qkv, out, shape, begin, end);
}

}  // namespace cliplab
