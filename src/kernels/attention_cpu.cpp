// Four rows at a time against up to 64 columns: 4 x 64 sums stay in registers (AVX-512: 16 of 32) while the rows of the
// other factor pass. Vectors are the compiler's own, so that other processors take the same code in narrower pieces.
#include "kernels/attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/exp.hpp"

namespace cliplab {
namespace {

constexpr int kLanes = 16, kRows = 4;
constexpr std::int64_t kTile = 64;  // queries whose weights are kept at a time on the way back

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

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

/// from [T, W], a row every `stride` values -> [W, padded], its last columns 0.
template <int W, class T>
void load_transposed(const T* from, std::int64_t stride, std::int64_t tokens, std::int64_t padded, float* out) {
  for (std::int64_t t = 0; t < padded; t += kLanes)
    for (int c = 0; c < W; c += kLanes) {
      Floats rows[kLanes] = {};
      for (std::int64_t i = 0; i < std::min<std::int64_t>(kLanes, tokens - t); ++i)
        rows[i] = load(from + (t + i) * stride + c);
      exchange<8>(rows), exchange<4>(rows), exchange<2>(rows), exchange<1>(rows);
      for (int l = 0; l < kLanes; ++l) store(rows[l], out + (c + l) * padded + t);
    }
}

/// from [T, W], a row every `stride` values -> factor times it, [padded, W], its last rows 0.
template <int W, class T>
void load_rows(const T* from, std::int64_t stride, std::int64_t tokens, std::int64_t padded, float factor, float* out) {
  for (std::int64_t t = 0; t < padded; ++t)
    for (int c = 0; c < W; c += kLanes)
      store(t < tokens ? load(from + t * stride + c) * factor : Floats{}, out + t * W + c);
}

template <int V, class Left, class Emit>
inline void multiply(const Left& left, const float* right, std::int64_t stride, std::int64_t terms, std::int64_t column,
                     const Emit& emit) {
  Floats sums[kRows][V] = {};
  right += column;
  for (std::int64_t k = 0; k < terms; ++k, right += stride) {
    Floats columns[V];
    for (int v = 0; v < V; ++v) columns[v] = load(right + v * kLanes);
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < V; ++v) sums[r][v] += left(r, k) * columns[v];
  }
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < V; ++v) emit(r, column + v * kLanes, sums[r][v]);
}

/// emit(r, j, sums of left(r, k) * right[k * stride + j ...] over k below `terms`) for 4 rows r and all j below
/// `columns`, a multiple of 16: four rows of a matrix product.
template <class Left, class Emit>
inline void multiply(const Left& left, const float* right, std::int64_t stride, std::int64_t terms,
                     std::int64_t columns, const Emit& emit) {
  std::int64_t j = 0;
  for (; j + 4 * kLanes <= columns; j += 4 * kLanes) multiply<4>(left, right, stride, terms, j, emit);
  if (columns - j == 3 * kLanes) multiply<3>(left, right, stride, terms, j, emit);
  if (columns - j == 2 * kLanes) multiply<2>(left, right, stride, terms, j, emit);
  if (columns - j == kLanes) multiply<1>(left, right, stride, terms, j, emit);
}

/// Whole vectors only: a load that spans several narrower stores waits for all of them.
inline auto seen_lanes(std::int64_t seen, std::int64_t j) {
  using Lanes = std::int32_t __attribute__((vector_size(kLanes * 4)));
  return Lanes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} < static_cast<std::int32_t>(seen - j);
}

/// scores [padded] -> exp(scores - top), 0 from `seen` on; returns the sum.
float exponentials(float* scores, float top, std::int64_t seen, std::int64_t padded) {
  Floats sums{};
  float sum = 0;
  for (std::int64_t j = 0; j < padded; ++j) scores[j] = exp_of(scores[j] - top);
  for (std::int64_t j = 0; j < padded; j += kLanes) {
    const Floats values = seen_lanes(seen, j) ? load(scores + j) : Floats{};
    store(values, scores + j);
    sums += values;
  }
  for (int i = 0; i < kLanes; ++i) sum += sums[i];
  return sum;
}

float largest_of(const float* scores, std::int64_t seen, std::int64_t padded) {
  Floats largest = Floats{} - std::numeric_limits<float>::infinity();
  for (std::int64_t j = 0; j < padded; j += kLanes) {
    const Floats others = seen_lanes(seen, j) ? load(scores + j) : largest;
    largest = others > largest ? others : largest;
  }
  float top = largest[0];
  for (int i = 1; i < kLanes; ++i) top = std::max(top, largest[i]);
  return top;
}

/// Where a head's values lie. Rows of a token are `stride` apart in qkv, `width` in out.
struct Head {
  std::int64_t tokens, width, stride, in, out, sums;
  bool causal;

  Head(const AttentionShape& s, std::int64_t i)
      : tokens(s.tokens), width(s.heads * s.head_width), stride(3 * width), causal(s.causal) {
    const std::int64_t batch = i / s.heads, head = i % s.heads;
    in = batch * tokens * stride + head * s.head_width, out = batch * tokens * width + head * s.head_width,
    sums = i * tokens;
  }
  /// Tokens that query t sees.
  std::int64_t seen(std::int64_t t) const { return causal ? std::min(tokens, t + 1) : tokens; }
};

template <int W, class T>
void attend(const T* qkv, T* out, float* log_sums, const AttentionShape& shape, std::int64_t begin, std::int64_t end) {
  const std::int64_t padded = round_up(shape.tokens, kLanes);
  const float scale = 1 / std::sqrt(static_cast<float>(W));
  std::vector<float> keys(W * padded), values(padded * W), queries(padded * W), scores(kRows * padded);
  for (std::int64_t i = begin; i < end; ++i) {
    const Head head(shape, i);
    const T* q = qkv + head.in;
    load_rows<W>(q, head.stride, head.tokens, padded, scale, queries.data());
    load_transposed<W>(q + head.width, head.stride, head.tokens, padded, keys.data());
    load_rows<W>(q + 2 * head.width, head.stride, head.tokens, padded, 1, values.data());
    for (std::int64_t row = 0; row < head.tokens; row += kRows) {
      const std::int64_t rows = std::min<std::int64_t>(kRows, head.tokens - row), seen = head.seen(row + kRows - 1),
                         columns = round_up(seen, kLanes);
      multiply([&](int r, std::int64_t c) { return queries[(row + r) * W + c]; }, keys.data(), padded, W, columns,
               [&](int r, std::int64_t j, const Floats& sums) { store(sums, scores.data() + r * padded + j); });
      float totals[kRows];
      for (std::int64_t r = 0; r < kRows; ++r) {
        float* const own = scores.data() + r * padded;
        const float top = largest_of(own, head.seen(row + r), columns);
        totals[r] = exponentials(own, top, head.seen(row + r), columns);
        if (log_sums && r < rows) log_sums[head.sums + row + r] = top + std::log(totals[r]);
      }
      multiply([&](int r, std::int64_t t) { return scores[r * padded + t]; }, values.data(), W, seen, W,
               [&](int r, std::int64_t c, const Floats& sums) {
                 if (r < rows) store(sums / totals[r], out + head.out + (row + r) * head.width + c);
               });
    }
  }
}

/// With weights P = exp(s - log_sums), s = q k^T / sqrt(W): dv = P^T dout, dP = dout v^T, ds = P (dP - (dout . out of
/// the row)), dq = ds k / sqrt(W), dk = ds^T q / sqrt(W) (Dao et al. 2022, algorithm 4).
template <int W, class T>
void attend_backward(const T* qkv, const T* out, const float* log_sums, const T* dout, T* dqkv,
                     const AttentionShape& shape, std::int64_t begin, std::int64_t end) {
  const std::int64_t padded = round_up(shape.tokens, kLanes), size = padded * W;
  const float scale = 1 / std::sqrt(static_cast<float>(W));
  std::vector<float> queries(size), keys(size), keys_across(size), values_across(size), ups(size), dkeys(size),
      dvalues(size);
  std::vector<float> weights(std::min(padded, kTile) * padded), dscores(weights.size());
  for (std::int64_t i = begin; i < end; ++i) {
    const Head head(shape, i);
    const T *q = qkv + head.in, *y = out + head.out;
    T* const dq = dqkv + head.in;
    load_rows<W>(q, head.stride, head.tokens, padded, scale, queries.data());
    load_rows<W>(q + head.width, head.stride, head.tokens, padded, 1, keys.data());
    load_transposed<W>(q + head.width, head.stride, head.tokens, padded, keys_across.data());
    load_transposed<W>(q + 2 * head.width, head.stride, head.tokens, padded, values_across.data());
    load_rows<W>(dout + head.out, head.width, head.tokens, padded, 1, ups.data());
    std::fill(dkeys.begin(), dkeys.end(), 0.0f), std::fill(dvalues.begin(), dvalues.end(), 0.0f);
    for (std::int64_t first = 0; first < head.tokens; first += kTile) {
      const std::int64_t last = std::min(head.tokens, first + kTile);
      for (std::int64_t row = first; row < last; row += kRows) {
        const std::int64_t rows = std::min<std::int64_t>(kRows, last - row), seen = head.seen(row + kRows - 1),
                           columns = round_up(seen, kLanes);
        float *const p = weights.data() + (row - first) * padded, *const ds = dscores.data() + (row - first) * padded;
        multiply([&](int r, std::int64_t c) { return queries[(row + r) * W + c]; }, keys_across.data(), padded, W,
                 columns, [&](int r, std::int64_t j, const Floats& sums) { store(sums, p + r * padded + j); });
        float means[kRows] = {};  // of dP under the weights
        for (std::int64_t r = 0; r < rows; ++r) {
          exponentials(p + r * padded, log_sums[head.sums + row + r], head.seen(row + r), columns);
          Floats sums{};
          for (int c = 0; c < W; c += kLanes)
            sums += load(ups.data() + (row + r) * W + c) * load(y + (row + r) * head.width + c);
          for (int l = 0; l < kLanes; ++l) means[r] += sums[l];
        }
        multiply([&](int r, std::int64_t c) { return ups[(row + r) * W + c]; }, values_across.data(), padded, W,
                 columns,
                 [&](int r, std::int64_t j, const Floats& sums) {
                   store(load(p + r * padded + j) * (sums - means[r]), ds + r * padded + j);
                 });
        multiply([&](int r, std::int64_t t) { return ds[r * padded + t]; }, keys.data(), W, seen, W,
                 [&](int r, std::int64_t c, const Floats& sums) {
                   if (r < rows) store(sums * scale, dq + (row + r) * head.stride + c);
                 });
      }
      for (std::int64_t token = 0; token < head.seen(last - 1); token += kRows) {
        const std::int64_t from =
            head.causal ? std::max(first, token) : first;  // the first query of the tile that sees it
        const auto add = [&](const std::vector<float>& left, const std::vector<float>& right, std::vector<float>& to) {
          const float* const column = left.data() + (from - first) * padded + token;
          multiply([&](int r, std::int64_t k) { return column[k * padded + r]; }, right.data() + from * W, W,
                   last - from, W,
                   [&](int r, std::int64_t c, const Floats& sums) {
                     float* const own = to.data() + (token + r) * W + c;
                     store(load(own) + sums, own);
                   });
        };
        add(weights, ups, dvalues), add(dscores, queries, dkeys);
      }
    }
    for (std::int64_t t = 0; t < head.tokens; ++t)
      for (int c = 0; c < W; c += kLanes) {
        store(load(dkeys.data() + t * W + c), dq + head.width + t * head.stride + c);
        store(load(dvalues.data() + t * W + c), dq + 2 * head.width + t * head.stride + c);
      }
  }
}

template <class Call>
void with_width(const AttentionShape& shape, const Call& call) {
  if (shape.head_width == 64) call.template operator()<64>();
  if (shape.head_width == 32) call.template operator()<32>();
}

}  // namespace

void attention_cpu(const float* qkv, float* out, float* log_sums, const AttentionShape& shape, std::int64_t begin,
                   std::int64_t end) {
  with_width(shape, [&]<int W>() { attend<W>(qkv, out, log_sums, shape, begin, end); });
}

void attention_cpu(const std::uint16_t* qkv, std::uint16_t* out, float* log_sums, const AttentionShape& shape,
                   std::int64_t begin, std::int64_t end) {
  with_width(shape, [&]<int W>() { attend<W>(qkv, out, log_sums, shape, begin, end); });
}

void attention_backward_cpu(const float* qkv, const float* out, const float* log_sums, const float* dout, float* dqkv,
                            const AttentionShape& shape, std::int64_t begin, std::int64_t end) {
  with_width(shape, [&]<int W>() { attend_backward<W>(qkv, out, log_sums, dout, dqkv, shape, begin, end); });
}

void attention_backward_cpu(const std::uint16_t* qkv, const std::uint16_t* out, const float* log_sums,
                            const std::uint16_t* dout, std::uint16_t* dqkv, const AttentionShape& shape,
                            std::int64_t begin, std::int64_t end) {
  with_width(shape, [&]<int W>() { attend_backward<W>(qkv, out, log_sums, dout, dqkv, shape, begin, end); });
}

}  // namespace cliplab
