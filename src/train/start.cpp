// Only positions may have another shape; load_state names the rest.
#include "train/start.hpp"

#include <torch/torch.h>

#include <cmath>

#include "model/family.hpp"
#include "model/files/clip_state.hpp"
#include "model/files/weights.hpp"

namespace cliplab {
namespace {

using torch::Tensor;

/// Positions [extra + g * g, d] -> [rows, d], where `extra` (0, or 1 for a class token) is the same; undefined when
/// either is not a square grid.
Tensor resized(const Tensor& positions, std::int64_t rows) {
  const auto side_of = [](std::int64_t count) {
    return static_cast<std::int64_t>(std::sqrt(static_cast<double>(count)));
  };
  const std::int64_t grid = side_of(positions.size(0)), side = side_of(rows), extra = positions.size(0) - grid * grid;
  if (grid < 1 || extra > 1 || rows - side * side != extra) return {};
  const Tensor image =
      positions.slice(0, extra).reshape({1, grid, grid, -1}).permute({0, 3, 1, 2}).contiguous();  // [1,d,g,g]
  const Tensor other = at::_upsample_bicubic2d_aa(image, {side, side}, /*align_corners=*/false);
  return torch::cat({positions.slice(0, 0, extra), other.permute({0, 2, 3, 1}).reshape({side * side, -1})})
      .contiguous();
}

}  // namespace

void start_from(const std::filesystem::path& file, Clip& model) {
  const torch::NoGradGuard no_grad;
  ClipState given = read_clip(file);
  fold_layer_scale(given, file.string());
  std::map<std::string, Tensor> state = named_state(*model);
  const std::string name = find_family(model->architecture().family).image_positions();
  const auto from = given.tensors.find(name);
  const auto to = state.find(name);
  Tensor positions;  // while its bytes are in `given`
  if (from != given.tensors.end() && to != state.end() && from->second.shape.size() == 2 &&
      from->second.shape[0] != to->second.size(0)) {
    positions = resized(tensor_of(from->second).to(torch::kFloat32), to->second.size(0));
    if (positions.defined()) from->second = bytes_of(positions);
  }
  load_state(given.tensors, "", state, file.string());
}

}  // namespace cliplab
