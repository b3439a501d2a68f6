// Preprocessing on all threads, then the network; the larger the input, the fewer at a time.
#include "model/towers/image_batches.hpp"

#include <algorithm>

#include "base/parallel.hpp"
#include "kernels/normalize.hpp"

namespace cliplab {

using torch::Tensor;

Matrix to_matrix(const Tensor& rows) {
  const Tensor cpu = rows.to(torch::kCPU, torch::kFloat32).contiguous();
  return Eigen::Map<const Matrix>(cpu.data_ptr<float>(), cpu.size(0), cpu.size(1));
}

Matrix encode_batches(std::span<const Image> images, const Preprocess& preprocess, torch::Device device, int width,
                      const std::function<Tensor(Tensor)>& forward) {
  const c10::InferenceMode inference;
  const int side = preprocess.size;
  const NormalizeTable table = make_normalize_table(preprocess.normalization.mean, preprocess.normalization.std);
  const std::int64_t total = std::ssize(images), step = std::clamp<std::int64_t>(256 * 1024 / (side * side), 16, 256);
  Matrix features(total, width);
  for (std::int64_t begin = 0; begin < total; begin += step) {
    const std::int64_t count = std::min(step, total - begin);
    Tensor pixels = torch::empty({count, 3, side, side});
    float* out = pixels.data_ptr<float>();
    parallel_for(count, [&](std::int64_t i) {
      const Image image = preprocess_pixels(images[begin + i], preprocess);
      normalize_cpu(image.pixels.data(), 1, side, table, out + i * 3 * side * side);
    });
    features.middleRows(begin, count) = to_matrix(forward(pixels.to(device)));
  }
  return features;
}

}  // namespace cliplab
