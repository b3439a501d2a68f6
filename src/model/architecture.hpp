// The sizes of a model. Its family (model/family.hpp) and, for the text side, its training objective
// (model/objective.hpp) define what they mean and derive costs, checks and towers from them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace cliplab {

struct Architecture {
  std::string name;    // "ViT-B/32"
  std::string family;  // a ModelFamily's name: "vit"
  int embed_dim = 0;   // joint space
  int resolution = 0;  // input side, pixels
  int vision_width = 0;
  int patch = 0;                       // of a ViT
  std::array<int, 4> vision_layers{};  // ResNet: blocks a stage; ViT: {layers, 0, 0, 0}
  int text_width = 0;
  int text_layers = 0;
  int context_length = 77;  // tokens
  int head_width = 64;      // image tower (ResNet: attention pool)
  int text_head_width = 64;
  int vision_mlp = 0, text_mlp = 0;                     // hidden width of the blocks; 0: four times the tower's
  bool quick_gelu = true;                               // x * sigmoid(1.702 x), else exact GELU
  double vision_norm_eps = 1e-5, text_norm_eps = 1e-5;  // of LayerNorm
  int vocab_size = 49408;
  std::string objective = "contrastive";        // what the text side is trained for: one of objective_names()
  std::map<std::string, std::string> settings;  // of this family alone, by its own names

  int vision_heads() const;
  int text_heads() const { return text_width / text_head_width; }
  int vision_hidden() const { return vision_mlp > 0 ? vision_mlp : 4 * vision_width; }
  int text_hidden() const { return text_mlp > 0 ? text_mlp : 4 * text_width; }
  /// True if the model has a text tower into the joint space; otherwise it scores texts given a picture.
  bool contrasts() const;
  /// Width of the features that a linear probe sees (Space::kTrunk).
  int trunk_dim() const;
};

/// The bound of the logit scale in training (section 2.5, Table 18).
inline constexpr double kMaxLogitScale = 100;

/// The training objectives of this program, in order of their names.
std::vector<std::string> objective_names();

/// The named sizes of all families: the paper's nine (Tables 19 and 20) and those that two CPU cores can train.
std::span<const Architecture> architecture_table();
/// Throws InputError with the known names for an unknown one.
const Architecture& find_architecture(const std::string& name);

/// Throws InputError naming `where` when sizes do not fit each other: heads, patches, layers.
void check_architecture(const Architecture& architecture, const std::string& where);

/// The name of the table's entry with these sizes, else one made of them: "ViT 512x6/16@128", "ResNet 1,1,2,1x32@64".
std::string name_of_sizes(const Architecture& architecture);

/// Multiply-adds of one forward pass in 1e9, as the paper's Fig 9 counts GFLOPs: convolutions, matrix products and
/// attention; element-wise work is left out.
double image_gflops(const Architecture& architecture);
double text_gflops(const Architecture& architecture);

/// Learned values of both towers, the temperature included.
std::int64_t parameter_count(const Architecture& architecture);

/// The sizes as text for a file's metadata, and back. Throws InputError naming `where` when one is missing or absurd.
std::map<std::string, std::string> to_metadata(const Architecture& architecture);
Architecture from_metadata(const std::map<std::string, std::string>& metadata, const std::string& where);

}  // namespace cliplab
