// Where a training keeps its files; for the files of this layer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "train/train.hpp"

namespace cliplab {

/// The steps after which a model is kept: steps / 2, steps / 4, ..., the earliest first.
std::vector<std::int64_t> snapshot_steps(const TrainConfig& config);
std::filesystem::path snapshot_file(const std::filesystem::path& folder, std::int64_t step);

}  // namespace cliplab
