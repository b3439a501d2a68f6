// Normalisation: the CPU twin against the definition, CUDA against the CPU twin where there is a device.
#include "kernels/normalize.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.hpp"
#include "pixels/preprocess.hpp"
#ifdef CLIPLAB_WITH_CUDA
#include <cuda_runtime.h>
#endif

namespace cliplab {
namespace {

struct Case {
  std::int64_t count, side;
};
class Normalize : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    Rng rng(3);
    pixels_.resize(GetParam().count * GetParam().side * GetParam().side * 3);
    for (auto& value : pixels_) value = static_cast<std::uint8_t>(rng.next());
    table_ = make_normalize_table(Normalization{}.mean, Normalization{}.std);
    expected_.resize(pixels_.size());
    normalize_cpu(pixels_.data(), GetParam().count, GetParam().side, table_, expected_.data());
  }
  std::vector<std::uint8_t> pixels_;
  NormalizeTable table_;
  std::vector<float> expected_;
};

TEST_P(Normalize, CpuIsTorchvisionsArithmeticBitForBit) {
  const auto [count, side] = GetParam();
  const std::int64_t area = side * side;
  for (std::int64_t n = 0; n < count; ++n)
    for (std::int64_t i = 0; i < area; ++i)
      for (int c = 0; c < 3; ++c) {
        // ToTensor: float32 / 255; Normalize: subtract, divide, each rounded to float32.
        const float unit = static_cast<float>(pixels_[(n * area + i) * 3 + c]) / 255.0f;
        const float centred = unit - Normalization{}.mean[c];
        ASSERT_EQ(expected_[(n * 3 + c) * area + i], centred / Normalization{}.std[c]);
      }
}

TEST_P(Normalize, CudaEqualsItsCpuTwin) {
#ifdef CLIPLAB_WITH_CUDA
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device on this machine";
  std::uint8_t* pixels = nullptr;
  float *table = nullptr, *out = nullptr;
  ASSERT_EQ(cudaMalloc(&pixels, pixels_.size()), cudaSuccess);
  ASSERT_EQ(cudaMalloc(&table, sizeof table_), cudaSuccess);
  ASSERT_EQ(cudaMalloc(&out, expected_.size() * 4), cudaSuccess);
  cudaMemcpy(pixels, pixels_.data(), pixels_.size(), cudaMemcpyHostToDevice);
  cudaMemcpy(table, table_.data(), sizeof table_, cudaMemcpyHostToDevice);
  normalize_cuda(pixels, GetParam().count, GetParam().side, table, out, nullptr);
  std::vector<float> result(expected_.size());
  ASSERT_EQ(cudaMemcpy(result.data(), out, result.size() * 4, cudaMemcpyDeviceToHost), cudaSuccess);
  cudaFree(pixels), cudaFree(table), cudaFree(out);
  EXPECT_EQ(result, expected_);
#else
  GTEST_SKIP() << "built without CUDA";
#endif
}

INSTANTIATE_TEST_SUITE_P(Sizes, Normalize, ::testing::Values(Case{1, 1}, Case{3, 32}, Case{2, 224}));

}  // namespace
}  // namespace cliplab
