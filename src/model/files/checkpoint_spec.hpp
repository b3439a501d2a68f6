// Facts about a model that its tensors do not determine: activation, heads, LayerNorm's epsilon, pixel statistics, the
// rules of resizing and of cleaning captions. A fact comes with the file (its own metadata, a configuration in its
// folder) or from the user; it is never guessed.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cliplab {

/// A size that a configuration states; the tensors must agree.
struct StatedSize {
  std::string where, key;  // "config.json: text_config", "hidden_size"
  std::string size;        // a key of to_metadata(Architecture), or one of those that check_stated_sizes adds
  int value = 0;
};

struct CheckpointSpec {
  std::optional<bool> quick_gelu;        // x * sigmoid(1.702 x), else exact GELU
  std::optional<int> vision_head_width;  // of a ResNet: of its attention pool
  std::optional<int> text_head_width;
  std::optional<std::array<float, 3>> mean, std;  // of pixels in [0, 1]
  std::optional<std::string> resize_mode;         // "shortest", "squash" or "longest", open_clip's words
  std::optional<std::string> interpolation;       // "bicubic" or "bilinear"
  // Not stated: as openai/CLIP has them.
  std::optional<double> vision_norm_eps, text_norm_eps;  // LayerNorm's; else 1e-5
  std::optional<int> resize_to;                          // side of the resize before the crop; else the input's
  std::optional<int> fill_color;                         // around a picture resized by its long side; else 0
  std::optional<std::string> crop_rule;      // where the middle is cut out of an odd rest: "even" (default), "down"
  std::optional<std::string> convert_order;  // "resize_first" (default), "convert_first", "white_first"
  std::optional<std::string> text_clean;     // open_clip's words: "lower" (default), "whitespace", "canonicalize"

  std::vector<std::string> origins;  // "open_clip_config.json": sources of these values, strongest first
  std::vector<StatedSize> sizes;
  // From the user alone:
  std::string like;   // "openai" or "open_clip": whose values fill what nothing else states
  std::string entry;  // which part of the file is the model: "ema"; empty: the one that there is

  /// Takes the values that are missing here from `weaker`.
  void fill_from(const CheckpointSpec& weaker);
  /// Facts that both state differently, "activation (quick_gelu, here gelu)"; the second is this one's.
  std::vector<std::string> differences(const CheckpointSpec& other) const;
  /// These facts but those that `other` states too.
  CheckpointSpec without(const CheckpointSpec& other) const;
  /// The values that are missing, in words for a message; empty when none is.
  std::vector<std::string> unknown() const;
};

/// The words of --model.like: "openai" (QuickGELU) or "open_clip" (exact GELU), both with heads 64 wide, OpenAI's pixel
/// statistics, the short side resized by bicubic interpolation. Throws InputError for another word.
CheckpointSpec spec_like(const std::string& word);

/// Of a CLIP model, from the configuration in the folder of the weights: open_clip_config.json (open_clip), or
/// config.json with processor_config.json or preprocessor_config.json (Hugging Face CLIPModel), which counts first for
/// weights with `hugging_face` names. Without them: nothing. Throws InputError naming a file that is damaged, describes
/// a model of another kind, or has a key whose effect is not known here.
CheckpointSpec clip_spec_beside(const std::filesystem::path& file, bool hugging_face);
CheckpointSpec spec_of_open_clip(const std::filesystem::path& file);
CheckpointSpec spec_of_hugging_face(const std::filesystem::path& file);

std::map<std::string, std::string> to_metadata(const CheckpointSpec& spec);
CheckpointSpec spec_from_metadata(const std::map<std::string, std::string>& metadata, const std::string& where);

/// "0.48, 0.46, 0.41" -> three floats. Throws InputError naming `where`.
std::array<float, 3> parse_channels(const std::string& text, const std::string& where);

}  // namespace cliplab
