// Facts of a model: named sets, configurations of releases, metadata. The configurations are JSON of strangers:
// bounded, each value checked; a key that changes the model and is not supported is refused by its name.
#include "model/files/facts.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kMaxJson = 1u << 20;

json read_json(const fs::path& file) {
  json value = json::parse(read_file(file, kMaxJson), nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) fail(file.string(), "no JSON object", "a model's configuration");
  return value;
}

/// Values of one JSON object by key, each checked when it is taken.
class Reader {
 public:
  Reader(const json& object, std::string where) : object_(object), where_(std::move(where)) {}

  [[noreturn]] void refuse(const std::string& key, const std::string& expected) const {
    fail(where_, key + " = " + object_.at(key).dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 80),
         expected);
  }
  bool has(const std::string& key) const { return object_.contains(key) && !object_[key].is_null(); }
  Reader inner(const std::string& key) const {
    static const json empty = json::object();
    if (!has(key)) return {empty, where_ + ": " + key};
    if (!object_[key].is_object()) refuse(key, "an object");
    return {object_[key], where_ + ": " + key};
  }
  int integer(const std::string& key, int fallback, int low, int high) const {
    if (!has(key)) return fallback;
    if (!object_[key].is_number_integer() || object_[key] < low || object_[key] > high)
      refuse(key, fmt::format("an integer in [{}, {}]", low, high));
    return object_[key];
  }
  bool flag(const std::string& key, bool fallback) const {
    if (!has(key)) return fallback;
    if (!object_[key].is_boolean()) refuse(key, "true or false");
    return object_[key];
  }
  std::string text(const std::string& key, const std::string& fallback) const {
    if (!has(key)) return fallback;
    if (!object_[key].is_string()) refuse(key, "text");
    return object_[key];
  }
  std::array<float, 3> channels(const std::string& key) const {
    std::array<float, 3> result{};
    const json& list = object_.at(key);
    if (!list.is_array() || list.size() != 3) refuse(key, "three numbers");
    for (int c = 0; c < 3; ++c) {
      if (!list[c].is_number()) refuse(key, "three numbers");
      result[c] = list[c].get<float>();
    }
    return result;
  }
  /// The model differs from CLIP's where one of these is set to something else than nothing or false.
  void refuse_any(std::initializer_list<const char*> keys) const {
    for (const char* key : keys)
      if (has(key) && object_[key] != json(false)) refuse(key, "a CLIP model as openai/CLIP has it (this key absent)");
  }
  void refuse_unless(const std::string& key, const json& value) const {
    if (has(key) && object_[key] != value) refuse(key, value.dump());
  }
  const std::string& where() const { return where_; }

 private:
  const json& object_;
  std::string where_;
};

void take_statistics(const Reader& reader, const char* mean, const char* std, ModelFacts& facts) {
  if (reader.has(mean)) facts.mean = reader.channels(mean);
  if (reader.has(std)) facts.std = reader.channels(std);
}

std::string checked_word(const Reader& reader, const std::string& key, const std::string& fallback,
                         std::initializer_list<const char*> known) {
  const std::string word = reader.text(key, fallback);
  for (const char* k : known)
    if (word == k) return word;
  reader.refuse(key, "one of " + joined(known));
}

/// open_clip's factory.py and model.py: CLIPVisionCfg, CLIPTextCfg, PreprocessCfg and their defaults.
ModelFacts facts_of_open_clip(const fs::path& file) {
  const json document = read_json(file);
  const Reader top(document, file.string()), model = top.inner("model_cfg");
  if (!top.has("model_cfg")) fail(file.string(), "no model_cfg", "open_clip's configuration");
  const Reader vision = model.inner("vision_cfg"), text = model.inner("text_cfg");
  model.refuse_any({"multimodal_cfg", "custom_text_tower"});
  vision.refuse_any({"timm_model_name", "attentional_pool", "no_ln_pre", "ls_init_value", "qk_norm",
                     "scaled_cosine_attn", "input_patchnorm", "global_average_pool", "final_ln_after_pool"});
  vision.refuse_unless("pool_type", "tok");
  text.refuse_any(
      {"hf_model_name", "hf_tokenizer_name", "no_causal_mask", "embed_cls", "ls_init_value", "proj_bias", "qk_norm"});
  text.refuse_unless("pool_type", "argmax");
  text.refuse_unless("proj_type", "linear");

  ModelFacts facts;
  facts.origins = {file.filename().string()};
  facts.quick_gelu = model.flag("quick_gelu", false);
  facts.vision_head_width = vision.integer("head_width", 64, 1, 1024);
  const int width = text.integer("width", 512, 1, 8192), heads = text.integer("heads", 8, 1, 1024);
  if (width % heads != 0) text.refuse("heads", fmt::format("a divisor of the width {}", width));
  facts.text_head_width = width / heads;
  const Reader pixels = top.inner("preprocess_cfg");
  facts.mean = Normalization{}.mean, facts.std = Normalization{}.std;  // PreprocessCfg's defaults
  take_statistics(pixels, "mean", "std", facts);
  facts.resize_mode = checked_word(pixels, "resize_mode", "shortest", {"shortest", "longest", "squash"});
  facts.interpolation = checked_word(pixels, "interpolation", "bicubic", {"bicubic", "bilinear"});
  return facts;
}

/// transformers' configuration_clip.py and its defaults.
ModelFacts facts_of_hugging_face(const fs::path& file) {
  const json document = read_json(file);
  const Reader top(document, file.string());
  top.refuse_unless("model_type", "clip");
  const Reader vision = top.inner("vision_config"), text = top.inner("text_config");
  ModelFacts facts;
  facts.origins = {file.filename().string()};
  const auto tower = [&](const Reader& reader, int default_width, int default_heads) {
    const std::string activation = checked_word(reader, "hidden_act", "quick_gelu", {"quick_gelu", "gelu"});
    const bool quick = activation == "quick_gelu";
    if (facts.quick_gelu && *facts.quick_gelu != quick) reader.refuse("hidden_act", "one activation for both towers");
    facts.quick_gelu = quick;
    reader.refuse_unless("layer_norm_eps", 1e-5);
    const int width = reader.integer("hidden_size", default_width, 1, 8192),
              heads = reader.integer("num_attention_heads", default_heads, 1, 1024);
    if (width % heads != 0) reader.refuse("num_attention_heads", fmt::format("a divisor of the width {}", width));
    return width / heads;
  };
  facts.vision_head_width = tower(vision, 768, 12);
  facts.text_head_width = tower(text, 512, 8);

  const fs::path beside = file.parent_path() / "preprocessor_config.json";
  if (!fs::exists(beside)) return facts;
  const json pixels_document = read_json(beside);
  const Reader pixels(pixels_document, beside.string());
  facts.origins.push_back("preprocessor_config.json");
  for (const char* key : {"do_resize", "do_center_crop", "do_normalize"}) pixels.refuse_unless(key, true);
  take_statistics(pixels, "image_mean", "image_std", facts);
  if (pixels.has("size") && pixels_document["size"].is_object() && !pixels.inner("size").has("shortest_edge"))
    pixels.refuse("size", "a shortest_edge");
  const int resample = pixels.integer("resample", 3, 0, 5);  // PIL.Image.Resampling
  if (resample != 2 && resample != 3) pixels.refuse("resample", "2 (bilinear) or 3 (bicubic)");
  facts.resize_mode = "shortest", facts.interpolation = resample == 3 ? "bicubic" : "bilinear";
  return facts;
}

std::string channels_text(const std::array<float, 3>& values) {
  return fmt::format("{}, {}, {}", values[0], values[1], values[2]);
}

}  // namespace

void ModelFacts::fill_from(const ModelFacts& weaker) {
  bool used = false;
  const auto fill = [&](auto& mine, const auto& theirs) {
    if (mine || !theirs) return;
    mine = theirs;
    used = true;
  };
  fill(quick_gelu, weaker.quick_gelu);
  fill(vision_head_width, weaker.vision_head_width), fill(text_head_width, weaker.text_head_width);
  fill(mean, weaker.mean), fill(std, weaker.std);
  fill(resize_mode, weaker.resize_mode), fill(interpolation, weaker.interpolation);
  if (used) origins.insert(origins.end(), weaker.origins.begin(), weaker.origins.end());
}

std::vector<std::string> ModelFacts::unknown() const {
  std::vector<std::string> names;
  if (!quick_gelu) names.push_back("activation (--model.activation)");
  if (!vision_head_width || !text_head_width) names.push_back("head width (--model.head_width)");
  if (!mean || !std) names.push_back("pixel statistics (--model.mean, --model.std)");
  if (!resize_mode || !interpolation) names.push_back("resize rule (--model.resize)");
  return names;
}

ModelFacts facts_like(const std::string& word) {
  if (word != "openai" && word != "open_clip") fail("model.like", "'" + word + "'", "openai or open_clip");
  ModelFacts facts;
  facts.quick_gelu = word == "openai";
  facts.vision_head_width = facts.text_head_width = 64;
  facts.mean = Normalization{}.mean, facts.std = Normalization{}.std;
  facts.resize_mode = "shortest", facts.interpolation = "bicubic";
  facts.origins = {"like " + word};
  return facts;
}

ModelFacts facts_beside(const fs::path& file) {
  const fs::path folder = file.parent_path();
  if (fs::exists(folder / "open_clip_config.json")) return facts_of_open_clip(folder / "open_clip_config.json");
  if (fs::exists(folder / "config.json")) return facts_of_hugging_face(folder / "config.json");
  return {};
}

std::map<std::string, std::string> to_metadata(const ModelFacts& facts) {
  std::map<std::string, std::string> metadata;
  if (facts.mean) metadata["mean"] = channels_text(*facts.mean);
  if (facts.std) metadata["std"] = channels_text(*facts.std);
  if (facts.resize_mode) metadata["resize_mode"] = *facts.resize_mode;
  if (facts.interpolation) metadata["interpolation"] = *facts.interpolation;
  return metadata;
}

ModelFacts facts_from_metadata(const std::map<std::string, std::string>& metadata, const std::string& where) {
  ModelFacts facts;
  const auto take = [&](const char* key, auto& target, auto parse) {
    if (const auto found = metadata.find(key); found != metadata.end()) target = parse(found->second);
  };
  const auto channels = [&](const std::string& text) { return parse_channels(text, where); };
  const auto word = [&](std::initializer_list<const char*> known) {
    return [&where, known](const std::string& text) {
      for (const char* k : known)
        if (text == k) return text;
      fail(where, "metadata '" + text.substr(0, 40) + "'", "one of " + joined(known));
    };
  };
  take("mean", facts.mean, channels), take("std", facts.std, channels);
  take("resize_mode", facts.resize_mode, word({"shortest", "longest", "squash"}));
  take("interpolation", facts.interpolation, word({"bicubic", "bilinear"}));
  facts.origins = {"its own metadata"};
  return facts;
}

std::array<float, 3> parse_channels(const std::string& text, const std::string& where) {
  std::array<float, 3> values{};
  const char *at = text.data(), *end = at + text.size();
  for (int c = 0; c < 3; ++c) {
    while (at < end && (*at == ' ' || (c > 0 && *at == ','))) ++at;
    const auto [rest, error] = std::from_chars(at, end, values[c]);
    if (error != std::errc{} || !std::isfinite(values[c]))
      fail(where, "'" + text.substr(0, 60) + "'", "three numbers, as 0.48, 0.46, 0.41");
    at = rest;
  }
  if (at != end) fail(where, "'" + text.substr(0, 60) + "'", "three numbers, as 0.48, 0.46, 0.41");
  return values;
}

}  // namespace cliplab
