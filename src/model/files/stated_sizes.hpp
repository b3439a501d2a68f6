// Sizes that a configuration states. clip_state.cpp checks that the tensors have them.
#pragma once

#include <string>

#include "model/files/checkpoint_spec.hpp"
#include "model/files/json_config.hpp"

namespace cliplab {

inline void state_size(CheckpointSpec& spec, const JsonConfig::Object& config, const std::string& key,
                       const std::string& size, int value) {
  spec.sizes.push_back({config.where(), key, size, value});
}

/// An integer, if the key is there.
inline void state_integer(CheckpointSpec& spec, const JsonConfig::Object& config, const std::string& key,
                          const std::string& size) {
  if (config.has(key)) state_size(spec, config, key, size, config.integer(key, 0, 1, 1 << 20));
}

/// The side of a square, if the key is there.
inline void state_side(CheckpointSpec& spec, const JsonConfig::Object& config, const std::string& key,
                       const std::string& size) {
  if (config.has(key)) state_size(spec, config, key, size, config.side(key));
}

}  // namespace cliplab
