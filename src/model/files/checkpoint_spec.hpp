// Facts about a model that its tensors do not determine: activation, heads, pixel statistics, resize rule. It comes
// with the file (its own metadata, a configuration in its folder) or from the user; it is never guessed.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cliplab {

struct CheckpointSpec {
  std::optional<bool> quick_gelu;        // x * sigmoid(1.702 x), else exact GELU
  std::optional<int> vision_head_width;  // of a ResNet: of its attention pool
  std::optional<int> text_head_width;
  std::optional<std::array<float, 3>> mean, std;  // of pixels in [0, 1]
  std::optional<std::string> resize_mode;         // "shortest", "squash" or "longest", open_clip's words
  std::optional<std::string> interpolation;       // "bicubic" or "bilinear"
  std::vector<std::string> origins;               // "open_clip_config.json": sources of these values, strongest first

  /// Takes the values that are missing here from `weaker`.
  void fill_from(const CheckpointSpec& weaker);
  /// The values that are missing, in words for a message; empty when none is.
  std::vector<std::string> unknown() const;
};

/// The words of --model.like: "openai" (QuickGELU) or "open_clip" (exact GELU), both with heads 64 wide, OpenAI's pixel
/// statistics, the short side resized by bicubic interpolation. Throws InputError for another word.
CheckpointSpec spec_like(const std::string& word);

/// Of a CLIP model, from the configuration in the folder of the weights: open_clip_config.json (open_clip), or
/// config.json and preprocessor_config.json (Hugging Face CLIPModel). Without them: nothing. Throws InputError naming a
/// file that is damaged or describes a model of another kind (non-causal text tower, other LayerNorm, pooling ...).
CheckpointSpec clip_spec_beside(const std::filesystem::path& file);

std::map<std::string, std::string> to_metadata(const CheckpointSpec& spec);
CheckpointSpec spec_from_metadata(const std::map<std::string, std::string>& metadata, const std::string& where);

/// "0.48, 0.46, 0.41" -> three floats. Throws InputError naming `where`.
std::array<float, 3> parse_channels(const std::string& text, const std::string& where);

}  // namespace cliplab
