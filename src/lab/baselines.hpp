// The weights of the encoders that CLIP is compared with.
#pragma once

#include <filesystem>
#include <string>

namespace cliplab {

/// The weights of one of baseline_models(), downloaded when they are missing. Throws InputError.
std::filesystem::path obtain_baseline(const std::string& name);

}  // namespace cliplab
