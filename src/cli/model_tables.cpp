// One line a model of the paper, one a hyper-parameter that all share.
#include "cli/model_tables.hpp"

#include <fmt/format.h>

#include "lab/run_options.hpp"
#include "model/paper_models.hpp"

namespace cliplab {
namespace {

/// "3-4-6-3" blocks a stage, or "12" layers.
std::string layers_of(const Architecture& a) {
  std::string text;
  for (const int layers : a.vision_layers)
    if (layers > 0) text += (text.empty() ? "" : "-") + std::to_string(layers);
  return text;
}

/// Of the configs that train as the paper does: those with the largest batch.
Options paper_recipe() {
  Options recipe = run_options();
  for (const std::string& name : list_configs())
    if (name.ends_with("/paper"))
      if (Options options = read_options(find_config(name), {});
          options.integer("train.batch") > recipe.integer("train.batch"))
        recipe = std::move(options);
  return recipe;
}

}  // namespace

void print_recipes() {
  const Options recipe = paper_recipe();
  constexpr const char* kRow = "{:<24}{}\n";
  fmt::print("Table 18: all models\n");
  fmt::print(kRow, "batch size", recipe.integer("train.batch"));
  fmt::print(kRow, "vocabulary size", Architecture{}.vocab_size);
  fmt::print(kRow, "training steps", recipe.integer("train.steps"));
  fmt::print(kRow, "maximum temperature", kMaxLogitScale);
  fmt::print(kRow, "weight decay", recipe.real("train.weight_decay"));
  fmt::print(kRow, "warm-up steps", recipe.integer("train.warmup"));
  fmt::print(
      "\nTables 18 to 20: each model; of ResNets layers are blocks a stage, width is that before attention pooling\n");
  fmt::print("{:<14}{:>8}{:>7}{:>7}{:>7}{:>7}{:>6}{:>12}{:>7}{:>7}{:>13}{:>7}{:>7}\n", "model", "rate", "beta1",
             "beta2", "eps", "embed", "side", "layers", "width", "heads", "text layers", "width", "heads");
  for (const PaperModel& model : paper_models()) {
    const Architecture& a = model.architecture;
    fmt::print("{:<14}{:>8g}{:>7}{:>7}{:>7g}{:>7}{:>6}{:>12}{:>7}{:>7}{:>13}{:>7}{:>7}\n", a.name, model.learning_rate,
               model.beta1, model.beta2, model.eps, a.embed_dim, a.resolution, layers_of(a), model.width,
               a.vision_heads(), a.text_layers, a.text_width, a.text_heads());
  }
}

}  // namespace cliplab
