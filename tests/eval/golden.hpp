// The golden file of the eval layer, made by tests/golden/make_eval_goldens.py; read once.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>

namespace cliplab {

inline const nlohmann::json& golden() {
  static const nlohmann::json document =
      nlohmann::json::parse(std::ifstream(CLIPLAB_SOURCE_DIR "/tests/golden/eval.json"));
  return document;
}

}  // namespace cliplab
