// Sizes of the models and what they cost. Table values: paper Tables 19, 20; openai/CLIP `build_model`.
#include "model/architecture.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"

namespace cliplab {
namespace {

Architecture vit(std::string name, int embed, int resolution, int width, int patch, int layers, int text_width,
                 int text_layers = 12) {
  Architecture a;
  a.name = std::move(name), a.family = "vit", a.embed_dim = embed, a.resolution = resolution;
  a.vision_width = width, a.patch = patch, a.vision_layers = {layers, 0, 0, 0};
  a.text_width = text_width, a.text_layers = text_layers;
  return a;
}

Architecture resnet(std::string name, int embed, int resolution, int width, std::array<int, 4> layers, int text_width,
                    int text_layers = 12) {
  Architecture a;
  a.name = std::move(name), a.family = "resnet", a.embed_dim = embed, a.resolution = resolution;
  a.vision_width = width, a.vision_layers = layers;
  a.text_width = text_width, a.text_layers = text_layers;
  return a;
}

/// Sizes for two CPU cores: short captions, narrow heads, exact GELU (one fused kernel forward and back).
Architecture small(Architecture a) {
  a.context_length = 32, a.head_width = a.text_head_width = 32, a.quick_gelu = false;
  return a;
}

std::vector<Architecture> make_table() {
  return {
      resnet("RN50", 1024, 224, 64, {3, 4, 6, 3}, 512),
      resnet("RN101", 512, 224, 64, {3, 4, 23, 3}, 512),
      resnet("RN50x4", 640, 288, 80, {4, 6, 10, 6}, 640),
      resnet("RN50x16", 768, 384, 96, {6, 8, 18, 8}, 768),
      resnet("RN50x64", 1024, 448, 128, {3, 15, 36, 10}, 1024),
      vit("ViT-B/32", 512, 224, 768, 32, 12, 512),
      vit("ViT-B/16", 512, 224, 768, 16, 12, 512),
      vit("ViT-L/14", 768, 224, 1024, 14, 24, 768),
      vit("ViT-L/14@336", 768, 336, 1024, 14, 24, 768),
      // For CPU runs. "test" sizes train in seconds; xs, s, m are the points of the small scaling study.
      small(vit("vit-test", 64, 32, 64, 8, 2, 64, 2)),
      small(resnet("rn-test", 64, 32, 8, {1, 1, 1, 1}, 64, 2)),
      small(vit("vit-xs", 128, 32, 96, 8, 3, 128, 2)),
      small(vit("vit-s", 128, 32, 128, 4, 4, 128, 3)),
      small(vit("vit-m", 192, 32, 192, 4, 6, 192, 3)),
      small(resnet("rn-xs", 128, 32, 16, {1, 1, 1, 1}, 128, 2)),
      small(resnet("rn-s", 192, 32, 32, {1, 1, 1, 1}, 128, 3)),
      small(resnet("rn-w", 1024, 32, 32, {1, 1, 1, 1}, 128, 3)),  // rn-s with as many features as RN50
      small(resnet("rn-p", 256, 64, 32, {1, 1, 1, 1}, 256, 3)),   // for photos
      small(resnet("rn-m", 256, 32, 48, {1, 2, 2, 1}, 192, 3)),
  };
}

/// Multiply-adds of `layers` transformer blocks of width d and hidden width h over T tokens: 4 d^2 + 2 d h a token (12
/// d^2 where h = 4 d), 2 T d a token for attention.
double transformer_macs(double layers, double d, double h, double T) {
  return layers * T * (4 * d * d + 2 * d * h + 2 * T * d);
}

double resnet_macs(const Architecture& a) {
  const double w = a.vision_width;
  double side = a.resolution / 2.0;
  double macs = side * side * (3 * 9 * w / 2 + w / 2 * 9 * w / 2 + w / 2 * 9 * w);  // three-layer stem
  side /= 2;
  double in = w;
  for (int stage = 0; stage < 4; ++stage) {
    const double planes = w * (1 << stage), out = 4 * planes;
    for (int block = 0; block < a.vision_layers[stage]; ++block) {
      const double out_side = block == 0 && stage > 0 ? side / 2 : side;
      macs += side * side * (in * planes + 9 * planes * planes) + out_side * out_side * planes * out;
      if (block == 0) macs += out_side * out_side * in * out;  // shortcut
      side = out_side, in = out;
    }
  }
  const double T = side * side + 1;  // attention pool: one query
  return macs + in * in * (2 * T + 1) + 2 * T * in + in * a.embed_dim;
}

std::int64_t transformer_parameters(std::int64_t layers, std::int64_t d, std::int64_t h) {
  return layers * (4 * d * d + 2 * d * h + 9 * d + h);
}

std::int64_t resnet_parameters(const Architecture& a) {
  const std::int64_t w = a.vision_width;
  std::int64_t count = 3 * 9 * (w / 2) + (w / 2) * 9 * (w / 2) + (w / 2) * 9 * w + 2 * (w / 2 + w / 2 + w);
  std::int64_t in = w;
  for (int stage = 0; stage < 4; ++stage) {
    const std::int64_t planes = w << stage, out = 4 * planes;
    for (int block = 0; block < a.vision_layers[stage]; ++block) {
      count += in * planes + 9 * planes * planes + planes * out + 2 * (planes + planes + out);
      if (block == 0) count += in * out + 2 * out;
      in = out;
    }
  }
  const std::int64_t grid = a.resolution / 32;
  return count + (grid * grid + 1) * in + 3 * (in * in + in) + in * a.embed_dim + a.embed_dim;
}

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

const std::vector<std::string>& objective_names() {
  static const std::vector<std::string> names{"contrastive", "bow_contrastive", "bow_prediction", "captioning"};
  return names;
}

std::span<const Architecture> architecture_table() {
  static const std::vector<Architecture> table = make_table();
  return table;
}

const Architecture& find_architecture(const std::string& name) {
  return find_named(architecture_table(), name, "train.arch");
}

void check_architecture(const Architecture& a, const std::string& where) {
  const int vision_dim = a.family == "vit" ? a.vision_width : 32 * a.vision_width;
  if (a.text_width % a.text_head_width || vision_dim % a.head_width)
    fail(where, "heads of width " + std::to_string(a.head_width) + " and " + std::to_string(a.text_head_width),
         "divisors of the towers' widths " + std::to_string(vision_dim) + " and " + std::to_string(a.text_width),
         "--model.head_width sets both");
  if (a.family == "vit" ? a.patch == 0 || a.resolution % a.patch : a.resolution % 32)
    fail(where, "resolution " + std::to_string(a.resolution), "a multiple of the patch (ResNet: of 32)");
}

std::string name_of_sizes(const Architecture& a) {
  const auto sizes = [](const Architecture& x) {
    auto metadata = to_metadata(x);
    metadata.erase("name");
    return metadata;
  };
  for (const Architecture& entry : architecture_table())
    if (sizes(entry) == sizes(a)) return entry.name;
  const std::string side = "@" + std::to_string(a.resolution);
  const auto layers = [&](int i) { return std::to_string(a.vision_layers[i]); };
  if (a.family == "vit")
    return "ViT " + std::to_string(a.vision_width) + "x" + layers(0) + "/" + std::to_string(a.patch) + side;
  return "ResNet " + layers(0) + "," + layers(1) + "," + layers(2) + "," + layers(3) + "x" +
         std::to_string(a.vision_width) + side;
}

double image_gflops(const Architecture& a) {
  if (a.family == "resnet") return resnet_macs(a) / 1e9;
  const double grid = a.resolution / a.patch, T = grid * grid + 1, d = a.vision_width;
  return (grid * grid * d * 3 * a.patch * a.patch + transformer_macs(a.vision_layers[0], d, a.vision_hidden(), T) +
          d * a.embed_dim) /
         1e9;
}

double text_gflops(const Architecture& a) {
  const double between = static_cast<double>(a.text_width) * a.embed_dim, words = a.vocab_size;
  if (a.objective == "bow_prediction") return words * a.embed_dim / 1e9;
  if (a.objective == "bow_contrastive") return between / 1e9;
  const double blocks = transformer_macs(a.text_layers, a.text_width, a.text_hidden(), a.context_length);
  return (blocks + between + (a.objective == "captioning" ? words * a.text_width * a.context_length : 0.0)) / 1e9;
}

std::int64_t parameter_count(const Architecture& a) {
  const std::int64_t d = a.text_width, w = a.vision_width;
  std::int64_t count = std::int64_t{a.vocab_size} * d + 2 * d + d * a.embed_dim;
  if (a.objective == "bow_prediction") count = std::int64_t{a.vocab_size} * (a.embed_dim + 1);
  if (a.has_text_transformer())
    count += a.context_length * d + transformer_parameters(a.text_layers, d, a.text_hidden());
  if (a.contrasts()) ++count;  // the temperature
  if (a.family == "resnet") return count + resnet_parameters(a);
  const std::int64_t grid = a.resolution / a.patch;
  return count + w * 3 * a.patch * a.patch + w + (grid * grid + 1) * w + 4 * w +
         transformer_parameters(a.vision_layers[0], w, a.vision_hidden()) + w * a.embed_dim;
}

std::map<std::string, std::string> to_metadata(const Architecture& a) {
  std::map<std::string, std::string> metadata{{"name", a.name}, {"family", a.family}};
  const auto put = [&](const char* key, int value) { metadata[key] = std::to_string(value); };
  put("embed_dim", a.embed_dim), put("resolution", a.resolution), put("vision_width", a.vision_width);
  put("patch", a.patch), put("text_width", a.text_width), put("text_layers", a.text_layers);
  put("context_length", a.context_length), put("head_width", a.head_width), put("text_head_width", a.text_head_width);
  put("vision_mlp", a.vision_mlp), put("text_mlp", a.text_mlp), put("quick_gelu", a.quick_gelu);
  put("vocab_size", a.vocab_size);
  if (a.objective != "contrastive") metadata["objective"] = a.objective;
  for (int i = 0; i < 4; ++i) metadata["vision_layers_" + std::to_string(i)] = std::to_string(a.vision_layers[i]);
  return metadata;
}

Architecture from_metadata(const std::map<std::string, std::string>& metadata, const std::string& where) {
  Architecture a;
  const auto text = [&](const std::string& key) {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string() : found->second;
  };
  a.name = text("name"), a.family = text("family");
  if (a.family != "vit" && a.family != "resnet")
    fail(where, "metadata family = '" + a.family.substr(0, 40) + "'", "vit or resnet", "train it, or convert it first");
  const auto get = [&](const std::string& key, int low, int high) {
    return parse_size(metadata, key, low, high, where);
  };
  a.embed_dim = get("embed_dim", 1, 8192), a.resolution = get("resolution", 8, 4096);
  a.vision_width = get("vision_width", 1, 8192), a.patch = get("patch", 0, 256);
  a.text_width = get("text_width", 1, 8192), a.text_layers = get("text_layers", 1, 256);
  a.context_length = get("context_length", 3, 4096), a.head_width = get("head_width", 1, 1024);
  // Absent in files from before other sizes than CLIP's were known.
  a.text_head_width = metadata.contains("text_head_width") ? get("text_head_width", 1, 1024) : a.head_width;
  if (metadata.contains("vision_mlp")) a.vision_mlp = get("vision_mlp", 0, 65536);
  if (metadata.contains("text_mlp")) a.text_mlp = get("text_mlp", 0, 65536);
  a.quick_gelu = get("quick_gelu", 0, 1) == 1, a.vocab_size = get("vocab_size", 3, 1 << 20);
  for (int i = 0; i < 4; ++i) a.vision_layers[i] = get("vision_layers_" + std::to_string(i), 0, 256);
  if (metadata.contains("objective")) {
    a.objective = text("objective");
    if (std::ranges::find(objective_names(), a.objective) == objective_names().end())
      fail(where, "metadata objective = '" + a.objective.substr(0, 40) + "'", joined(objective_names()));
  }
  check_architecture(a, where);
  return a;
}

}  // namespace cliplab
