// CPU twin of the normalisation kernel.
#include "kernels/normalize.hpp"

namespace cliplab {

NormalizeTable make_normalize_table(const std::array<float, 3>& mean, const std::array<float, 3>& std) {
  NormalizeTable table;
  for (int c = 0; c < 3; ++c)
    for (int v = 0; v < 256; ++v) table[c][v] = (static_cast<float>(v) / 255.0f - mean[c]) / std[c];
  return table;
}

void normalize_cpu(const std::uint8_t* pixels, std::int64_t count, std::int64_t side, const NormalizeTable& table,
                   float* out) {
  const std::int64_t area = side * side;
  for (std::int64_t n = 0; n < count; ++n) {
    const std::uint8_t* in = pixels + n * area * 3;
    float* planes = out + n * area * 3;
    for (std::int64_t i = 0; i < area; ++i)
      for (int c = 0; c < 3; ++c) planes[c * area + i] = table[c][in[3 * i + c]];
  }
}

}  // namespace cliplab
