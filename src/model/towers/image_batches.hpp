// Pictures of any size through a network in batches; what every image encoder of this layer does around its own forward
// pass.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <span>

#include "base/image.hpp"
#include "base/matrix.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {

/// [N, D] on any device in any type -> float32 rows.
Matrix to_matrix(const torch::Tensor& rows);

/// [N] RGB -> [N, width]: `forward` maps normalised pixels [B, 3, size, size] on `device` to [B, width].
Matrix encode_batches(std::span<const Image> images, const Preprocess& pixels, torch::Device device, int width,
                      const std::function<torch::Tensor(torch::Tensor)>& forward);

}  // namespace cliplab
