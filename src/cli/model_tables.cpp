// One line a model of the paper, one a hyper-parameter that all share.
#include "cli/model_tables.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lab/run_options.hpp"
#include "model/family.hpp"

namespace cliplab {
namespace {

/// "3-4-6-3" blocks a stage, or "12" layers.
std::string layers_of(const Architecture& a) {
  std::string text;
  for (const int layers : a.vision_layers)
    if (layers > 0) text += (text.empty() ? "" : "-") + std::to_string(layers);
  return text;
}

void print_family(const ModelFamily& family, const std::string& title) {
  fmt::print("\n{}\n{:<14}{:>8}{:>7}{:>6}{:>12}{:>7}{:>7}{:>13}{:>7}{:>7}\n", title, "model", "rate", "embed", "side",
             "layers", "width", "heads", "text layers", "width", "heads");
  for (const NamedSize& size : family.named_sizes()) {
    const Architecture& a = size.architecture;
    if (size.paper_learning_rate <= 0) continue;
    fmt::print("{:<14}{:>8g}{:>7}{:>6}{:>12}{:>7}{:>7}{:>13}{:>7}{:>7}\n", a.name, size.paper_learning_rate,
               a.embed_dim, a.resolution, layers_of(a), family.attention_width(a), a.vision_heads(), a.text_layers,
               a.text_width, a.text_heads());
  }
}

}  // namespace

void print_recipes() {
  const Options recipe = read_options(find_config("zero_shot_vs_probe/paper"), {});
  const auto moments = [](const std::string& family) { return find_family(family).adamw_moments(); };
  const AdamWMoments resnet = moments("resnet"), vit = moments("vit");
  constexpr const char* kRow = "{:<36}{}\n";
  fmt::print("Table 18: all models\n");
  fmt::print(kRow, "batch size", recipe.integer("train.batch"));
  fmt::print(kRow, "vocabulary size", Architecture{}.vocab_size);
  fmt::print(kRow, "training steps", recipe.integer("train.steps"));
  fmt::print(kRow, "maximum temperature", kMaxLogitScale);
  fmt::print(kRow, "weight decay", recipe.real("train.weight_decay"));
  fmt::print(kRow, "warm-up steps", recipe.integer("train.warmup"));
  fmt::print("{:<36}{} (ResNet), {} (ViT)\n", "Adam beta1", resnet.beta1, vit.beta1);
  fmt::print("{:<36}{} (ResNet), {} (ViT)\n", "Adam beta2", resnet.beta2, vit.beta2);
  fmt::print("{:<36}{:g} (ResNet), {:g} (ViT)\n", "Adam epsilon", resnet.eps, vit.eps);
  print_family(find_family("resnet"), "Table 19: ResNets; layers are blocks a stage, width is that of the last");
  print_family(find_family("vit"), "Table 20: ViTs");
}

}  // namespace cliplab
