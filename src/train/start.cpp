// Only positions may have another shape; load_state names the rest.
#include "train/start.hpp"

#include <torch/torch.h>

#include <cmath>

#include "model/files/clip_state.hpp"
#include "model/files/weights.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

/// [1 + g g, d] -> [1 + side side, d]; undefined when it is no square grid behind a class's row.
Tensor resized(const Tensor& positions, std::int64_t side) {
  const auto grid = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(positions.size(0) - 1))));
  if (grid < 1 || grid * grid + 1 != positions.size(0)) return {};
  const Tensor image =
      positions.slice(0, 1).reshape({1, grid, grid, -1}).permute({0, 3, 1, 2}).contiguous();  // [1,d,g,g]
  const Tensor larger = at::_upsample_bicubic2d_aa(image, {side, side}, /*align_corners=*/false);
  return torch::cat({positions.slice(0, 0, 1), larger.permute({0, 2, 3, 1}).reshape({side * side, -1})}).contiguous();
}

}  // namespace

void start_from(const std::filesystem::path& file, Clip& model) {
  const torch::NoGradGuard no_grad;
  ClipState given = read_clip(file);
  std::map<std::string, Tensor> state = named_state(*model), kept;
  for (const char* name : {"visual.positional_embedding", "visual.attnpool.positional_embedding"}) {
    const auto from = given.tensors.find(name);
    const auto to = state.find(name);
    if (from == given.tensors.end() || to == state.end() || from->second.shape.size() != 2 ||
        from->second.shape[0] == to->second.size(0))
      continue;
    const auto side = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(to->second.size(0) - 1))));
    kept[name] = resized(tensor_of(from->second).to(torch::kFloat32), side);
    if (kept[name].defined()) from->second = bytes_of(kept[name]);
  }
  load_state(given.tensors, "", state, file.string());
}

}  // namespace cliplab
