// Softmax attention of a transformer block in evaluation, read from the stacked projection and written where the output
// projection wants it: no copy into heads and back. For the 50 to 577 tokens of CLIP's towers.
#pragma once

#include <cstdint>

namespace cliplab {

constexpr int kHeadWidth = 64;  // of every head in the paper's models

struct AttentionShape {
  std::int64_t batch = 0, tokens = 0, heads = 0;
  bool causal = false;  // token t sees tokens 0..t
};

/// qkv [B, T, 3, H, 64] -> out [B, T, H, 64], softmax(q k^T / 8) v; heads [begin, end) of the B * H, for callers with threads.
/// Sums are float32.
void attention_cpu(const float* qkv, float* out, const AttentionShape& shape, std::int64_t begin, std::int64_t end);
/// The same on the bits of bfloat16 values; rounded to nearest once, at the end.
void attention_cpu(const std::uint16_t* qkv, std::uint16_t* out, const AttentionShape& shape, std::int64_t begin, std::int64_t end);

}  // namespace cliplab
