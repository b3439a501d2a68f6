// What families share that read CLIP's released files: OpenAI's names for all tensors, and sizes from shapes. Sources:
// openai/CLIP `build_model`, open_clip `convert_to_custom_text_state_dict`, transformers
// `convert_clip_original_pytorch_to_hf.py`.
#pragma once

#include <string>

#include "model/architecture.hpp"
#include "model/files/clip_state.hpp"

namespace cliplab {

inline constexpr const char* kHuggingFaceNames = "Hugging Face";  // ClipState::naming

/// Renames the tensors of openai/CLIP, open_clip (custom text) and Hugging Face CLIPModel to OpenAI's names, says which
/// naming it was, and moves the names of entries that are not weights to `ignored`.
void use_openai_names(ClipState& state, const std::string& where);

/// Sizes that the shapes of tensors imply. Throws InputError naming the file and the tensor.
class TensorSizes {
 public:
  TensorSizes(const StateDict& tensors, const std::string& where) : tensors_(tensors), where_(where) {}

  /// shape[dimension] of a tensor of `rank` dimensions.
  int at(const std::string& name, std::size_t rank, std::size_t dimension) const;
  /// Number of distinct numbers behind a prefix; they must be 0, 1, 2, ...
  int count(const std::string& prefix) const;
  /// G of positions [1 + G * G, d]: the class token's row, then a square grid.
  int grid_behind_class(const std::string& name) const;

 private:
  const StateDict& tensors_;
  const std::string& where_;
};

/// Sizes of CLIP's text transformer and of the joint space; the tensors have OpenAI's names.
Architecture clip_text_sizes(const TensorSizes& tensors);
/// Architecture::vision_mlp and text_mlp: 0 where the hidden width is four times the tower's.
inline int hidden_width(int hidden, int width) { return hidden == 4 * width ? 0 : hidden; }
/// Throws InputError when a tower has no block.
void check_has_blocks(const Architecture& a, const std::string& where);

/// The same sizes for two CPU cores: short captions, narrow heads, exact GELU (one fused kernel forward and back).
Architecture for_small_runs(Architecture a);

/// "its 12 tensors begin with ...", for messages.
std::string first_names(const StateDict& tensors);

}  // namespace cliplab
