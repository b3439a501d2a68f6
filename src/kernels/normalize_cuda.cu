// CUDA normalisation kernel; a thread a pixel, the table in shared memory.
#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

#include "kernels/normalize.hpp"

namespace cliplab {
namespace {

__global__ void normalize_kernel(const std::uint8_t* __restrict__ pixels, std::int64_t total, std::int64_t area,
                                 const float* __restrict__ table, float* __restrict__ out) {
  __shared__ float shared[768];
  for (int i = threadIdx.x; i < 768; i += blockDim.x) shared[i] = table[i];
  __syncthreads();
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < total; i += stride) {
    const std::int64_t n = i / area, p = i % area;
    for (int c = 0; c < 3; ++c) out[(n * 3 + c) * area + p] = shared[c * 256 + pixels[3 * i + c]];
  }
}

}  // namespace

void normalize_cuda(const std::uint8_t* pixels, std::int64_t count, std::int64_t side, const float* table, float* out,
                    void* stream) {
  const std::int64_t area = side * side, total = count * area;
  if (total == 0) return;
  const std::int64_t blocks = (total + 255) / 256;
  normalize_kernel<<<static_cast<unsigned>(blocks < 65535 ? blocks : 65535), 256, 0,
                     static_cast<cudaStream_t>(stream)>>>(pixels, total, area, table, out);
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess)
    throw std::runtime_error(std::string("normalize_cuda: ") + cudaGetErrorString(error));
}

int cuda_device_count() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

}  // namespace cliplab
