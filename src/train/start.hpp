// Training that starts from another model's weights, as the paper's ViT-L/14@336 does from ViT-L/14 (section 2.5).
#pragma once

#include <filesystem>

#include "model/towers/modules.hpp"

namespace cliplab {

/// Copies the weights of a CLIP file of any released form. Where the model sees another resolution the image's
/// positions are resized, bicubic with antialiasing, the class's own kept (open_clip `resize_pos_embed`). Throws
/// InputError naming file and what does not fit.
void start_from(const std::filesystem::path& file, Clip& model);

}  // namespace cliplab
