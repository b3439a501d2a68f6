// Bytes to network input: [B, R, R, 3] uint8 -> [B, 3, R, R] float32 through a 3 x 256 table, which is
// exact (torchvision's ToTensor + Normalize divide twice) and the fastest way. CPU twin is the oracle.
#pragma once

#include <array>
#include <cstdint>

namespace cliplab {

/// table[c][v] = (v / 255 - mean[c]) / std[c], each operation in float32.
using NormalizeTable = std::array<std::array<float, 256>, 3>;
NormalizeTable make_normalize_table(const std::array<float, 3>& mean, const std::array<float, 3>& std);

/// pixels [count, side, side, 3], out [count, 3, side, side].
void normalize_cpu(const std::uint8_t* pixels, std::int64_t count, std::int64_t side, const NormalizeTable& table,
                   float* out);

#ifdef CLIPLAB_WITH_CUDA
/// The same on a CUDA stream (cudaStream_t as void*); all pointers on the device, table as 768 floats there.
/// Throws std::runtime_error with CUDA's message.
void normalize_cuda(const std::uint8_t* pixels, std::int64_t count, std::int64_t side, const float* table, float* out,
                    void* stream);
/// CUDA devices this process can use; 0 without a driver.
int cuda_device_count();
#endif

}  // namespace cliplab
