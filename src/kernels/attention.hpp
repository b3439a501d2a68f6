// Softmax attention of a transformer block and its gradient, read from the stacked projection and written where the
// output projection wants it: no copy into heads and back. For the 10 to 577 tokens of CLIP's towers.
#pragma once

#include <cstdint>

namespace cliplab {

struct AttentionShape {
  std::int64_t batch = 0, tokens = 0, heads = 0;
  bool causal = false;           // token t sees tokens 0..t
  std::int64_t head_width = 64;  // W
};

/// Is there a kernel for heads of this width? (64: the paper's models; 32: those for two CPU cores.)
inline bool has_attention_kernel(std::int64_t head_width) { return head_width == 64 || head_width == 32; }

/// qkv [B, T, 3, H, W] -> out [B, T, H, W], softmax(q k^T / sqrt(W)) v; heads [begin, end) of the B * H, for callers
/// with threads: a head's values do not depend on the split. Sums are float32. log_sums [B, H, T], where given: ln of
/// the softmax's denominator, for the way back.
void attention_cpu(const float* qkv, float* out, float* log_sums, const AttentionShape& shape, std::int64_t begin,
                   std::int64_t end);
/// The same on the bits of bfloat16 values; rounded to nearest once, at the end.
void attention_cpu(const std::uint16_t* qkv, std::uint16_t* out, float* log_sums, const AttentionShape& shape,
                   std::int64_t begin, std::int64_t end);

/// The gradient dqkv [B, T, 3, H, W] from the output's, dout [B, T, H, W]; `out` and `log_sums` as the way there gave
/// them.
void attention_backward_cpu(const float* qkv, const float* out, const float* log_sums, const float* dout, float* dqkv,
                            const AttentionShape& shape, std::int64_t begin, std::int64_t end);
void attention_backward_cpu(const std::uint16_t* qkv, const std::uint16_t* out, const float* log_sums,
                            const std::uint16_t* dout, std::uint16_t* dqkv, const AttentionShape& shape,
                            std::int64_t begin, std::int64_t end);

}  // namespace cliplab
