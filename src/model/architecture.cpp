// Sizes of models: the table of all families, and the metadata of files. Costs and checks ask the family.
#include "model/architecture.hpp"

#include <fmt/format.h>

#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/family.hpp"
#include "model/objective.hpp"
#include "model/paper_models.hpp"

namespace cliplab {
namespace {

const std::string kSetting = "family.";  // before the family's own settings in the metadata

int parse_size(const std::map<std::string, std::string>& metadata, const std::string& key, int low, int high,
               const std::string& where) {
  const auto found = metadata.find(key);
  if (found == metadata.end())
    fail(where, "no '" + key + "' in its metadata", "a file written by cliplab", "train it, or convert it first");
  int value = 0;
  const std::string& text = found->second;
  if (!parse_number(text, value) || value < low || value > high)
    fail(where, "metadata " + key + " = '" + text.substr(0, 40) + "'",
         "an integer in [" + std::to_string(low) + ", " + std::to_string(high) + "]");
  return value;
}

}  // namespace

int Architecture::vision_heads() const { return find_family(family).attention_width(*this) / head_width; }
bool Architecture::contrasts() const { return find_model_objective(objective).contrasts(); }
int Architecture::trunk_dim() const { return find_family(family).trunk_dim(*this); }

std::span<const Architecture> architecture_table() {
  static const std::vector<Architecture> kTable = [] {
    std::vector<Architecture> all;
    for (const auto& family : model_families())
      for (const NamedSize& size : family->named_sizes()) all.push_back(size.architecture);
    return all;
  }();
  return kTable;
}

const Architecture& find_architecture(const std::string& name) {
  return find_named(architecture_table(), name, "train.arch");
}

std::vector<PaperModel> paper_models() {
  std::vector<PaperModel> models;
  for (const auto& family : model_families())
    for (const NamedSize& size : family->named_sizes()) {
      const AdamWMoments moments = family->adamw_moments();
      if (size.paper_learning_rate > 0)
        models.push_back({size.architecture, family->attention_width(size.architecture), size.paper_learning_rate,
                          moments.beta1, moments.beta2, moments.eps});
    }
  return models;
}

void check_architecture(const Architecture& a, const std::string& where) {
  const ModelFamily& family = find_family(a.family, where);
  const int width = family.attention_width(a);
  if (a.text_width % a.text_head_width || width % a.head_width)
    fail(where, "heads of width " + std::to_string(a.head_width) + " and " + std::to_string(a.text_head_width),
         "divisors of the towers' widths " + std::to_string(width) + " and " + std::to_string(a.text_width),
         "--model.head_width sets both");
  family.check(a, where);
}

std::string name_of_sizes(const Architecture& a) {
  const auto sizes = [](const Architecture& x) {
    auto metadata = to_metadata(x);
    metadata.erase("name");
    return metadata;
  };
  for (const Architecture& entry : architecture_table())
    if (sizes(entry) == sizes(a)) return entry.name;
  return find_family(a.family).describe(a);
}

double image_gflops(const Architecture& a) { return find_family(a.family).image_macs(a) / 1e9; }

double text_gflops(const Architecture& a) { return find_model_objective(a.objective).text_macs(a) / 1e9; }

std::int64_t parameter_count(const Architecture& a) {
  const ModelObjective& objective = find_model_objective(a.objective);
  return find_family(a.family).image_parameters(a) + objective.text_parameters(a) +
         (objective.contrasts() ? 1 : 0);  // the temperature
}

std::map<std::string, std::string> to_metadata(const Architecture& a) {
  std::map<std::string, std::string> metadata{{"name", a.name}, {"family", a.family}};
  const auto put = [&](const char* key, int value) { metadata[key] = std::to_string(value); };
  put("embed_dim", a.embed_dim), put("resolution", a.resolution), put("vision_width", a.vision_width);
  put("patch", a.patch), put("text_width", a.text_width), put("text_layers", a.text_layers);
  put("context_length", a.context_length), put("head_width", a.head_width), put("text_head_width", a.text_head_width);
  put("vision_mlp", a.vision_mlp), put("text_mlp", a.text_mlp), put("quick_gelu", a.quick_gelu);
  put("vocab_size", a.vocab_size);
  // Where it is PyTorch's it is not written: files of other versions are read, and names of sizes found.
  if (a.vision_norm_eps != 1e-5) metadata["vision_norm_eps"] = fmt::format("{}", a.vision_norm_eps);
  if (a.text_norm_eps != 1e-5) metadata["text_norm_eps"] = fmt::format("{}", a.text_norm_eps);
  if (a.objective != "contrastive") metadata["objective"] = a.objective;
  for (int i = 0; i < 4; ++i) metadata["vision_layers_" + std::to_string(i)] = std::to_string(a.vision_layers[i]);
  for (const auto& [key, value] : a.settings) metadata[kSetting + key] = value;
  return metadata;
}

Architecture from_metadata(const std::map<std::string, std::string>& metadata, const std::string& where) {
  Architecture a;
  const auto text = [&](const std::string& key) {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string() : found->second;
  };
  a.name = text("name"), a.family = text("family");
  find_family(a.family, where + ": metadata");
  const auto get = [&](const std::string& key, int low, int high) {
    return parse_size(metadata, key, low, high, where);
  };
  a.embed_dim = get("embed_dim", 1, 8192), a.resolution = get("resolution", 8, 4096);
  a.vision_width = get("vision_width", 1, 8192), a.patch = get("patch", 0, 256);
  a.text_width = get("text_width", 1, 8192), a.text_layers = get("text_layers", 1, 256);
  a.context_length = get("context_length", 3, 4096), a.head_width = get("head_width", 1, 1024);
  // Files of older versions lack these three.
  a.text_head_width = metadata.contains("text_head_width") ? get("text_head_width", 1, 1024) : a.head_width;
  if (metadata.contains("vision_mlp")) a.vision_mlp = get("vision_mlp", 0, 65536);
  if (metadata.contains("text_mlp")) a.text_mlp = get("text_mlp", 0, 65536);
  a.quick_gelu = get("quick_gelu", 0, 1) == 1, a.vocab_size = get("vocab_size", 3, 1 << 20);
  for (const auto& [key, eps] : {std::pair{"vision_norm_eps", &a.vision_norm_eps}, {"text_norm_eps", &a.text_norm_eps}})
    if (metadata.contains(key) && !(parse_number(text(key), *eps) && *eps >= 0 && *eps <= 1))
      fail(where, "metadata " + std::string(key) + " = '" + text(key).substr(0, 40) + "'", "a number in [0, 1]");
  for (int i = 0; i < 4; ++i) a.vision_layers[i] = get("vision_layers_" + std::to_string(i), 0, 256);
  if (metadata.contains("objective")) {
    a.objective = text("objective");
    find_model_objective(a.objective, where + ": metadata objective");
  }
  for (const auto& [key, value] : metadata)
    if (key.starts_with(kSetting)) a.settings[key.substr(kSetting.size())] = value;
  check_architecture(a, where);
  return a;
}

}  // namespace cliplab
