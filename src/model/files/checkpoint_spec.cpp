// Checkpoint specifications: named sets, the configurations of CLIP releases, metadata. A key that changes the model
// and is not supported is refused by its name.
#include "model/files/checkpoint_spec.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/files/json_config.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

void take_statistics(const JsonConfig::Object& reader, const char* mean, const char* std, CheckpointSpec& spec) {
  if (reader.has(mean)) spec.mean = reader.channels(mean);
  if (reader.has(std)) spec.std = reader.channels(std);
}

/// open_clip's factory.py and model.py: CLIPVisionCfg, CLIPTextCfg, PreprocessCfg and their defaults.
CheckpointSpec spec_of_open_clip(const fs::path& file) {
  const JsonConfig document(file);
  const JsonConfig::Object top = document.top(), model = top.inner("model_cfg");
  if (!top.has("model_cfg")) fail(file.string(), "no model_cfg", "open_clip's configuration");
  const JsonConfig::Object vision = model.inner("vision_cfg"), text = model.inner("text_cfg");
  model.refuse_any({"multimodal_cfg", "custom_text_tower"});
  vision.refuse_any({"timm_model_name", "attentional_pool", "no_ln_pre", "ls_init_value", "qk_norm",
                     "scaled_cosine_attn", "input_patchnorm", "global_average_pool", "final_ln_after_pool"});
  vision.refuse_unless("pool_type", "tok");
  text.refuse_any(
      {"hf_model_name", "hf_tokenizer_name", "no_causal_mask", "embed_cls", "ls_init_value", "proj_bias", "qk_norm"});
  text.refuse_unless("pool_type", "argmax");
  text.refuse_unless("proj_type", "linear");

  CheckpointSpec spec;
  spec.origins = {file.filename().string()};
  spec.quick_gelu = model.flag("quick_gelu", false);
  spec.vision_head_width = vision.integer("head_width", 64, 1, 1024);
  const int width = text.integer("width", 512, 1, 8192), heads = text.integer("heads", 8, 1, 1024);
  if (width % heads != 0) text.refuse("heads", fmt::format("a divisor of the width {}", width));
  spec.text_head_width = width / heads;
  const JsonConfig::Object pixels = top.inner("preprocess_cfg");
  spec.mean = Normalization{}.mean, spec.std = Normalization{}.std;  // PreprocessCfg's defaults
  take_statistics(pixels, "mean", "std", spec);
  spec.resize_mode = pixels.word("resize_mode", "shortest", {"shortest", "longest", "squash"});
  spec.interpolation = pixels.word("interpolation", "bicubic", {"bicubic", "bilinear"});
  return spec;
}

/// transformers' configuration_clip.py and its defaults.
CheckpointSpec spec_of_hugging_face(const fs::path& file) {
  const JsonConfig document(file);
  const JsonConfig::Object top = document.top();
  top.refuse_unless("model_type", "clip");
  const JsonConfig::Object vision = top.inner("vision_config"), text = top.inner("text_config");
  CheckpointSpec spec;
  spec.origins = {file.filename().string()};
  const auto tower = [&](const JsonConfig::Object& reader, int default_width, int default_heads) {
    const std::string activation = reader.word("hidden_act", "quick_gelu", {"quick_gelu", "gelu"});
    const bool quick = activation == "quick_gelu";
    if (spec.quick_gelu && *spec.quick_gelu != quick) reader.refuse("hidden_act", "one activation for both towers");
    spec.quick_gelu = quick;
    reader.refuse_unless("layer_norm_eps", 1e-5);
    const int width = reader.integer("hidden_size", default_width, 1, 8192),
              heads = reader.integer("num_attention_heads", default_heads, 1, 1024);
    if (width % heads != 0) reader.refuse("num_attention_heads", fmt::format("a divisor of the width {}", width));
    return width / heads;
  };
  spec.vision_head_width = tower(vision, 768, 12);
  spec.text_head_width = tower(text, 512, 8);

  const fs::path preprocessor = file.parent_path() / "preprocessor_config.json";
  if (!fs::exists(preprocessor)) return spec;
  const JsonConfig pixels_document(preprocessor);
  const JsonConfig::Object pixels = pixels_document.top();
  spec.origins.emplace_back("preprocessor_config.json");
  for (const char* key : {"do_resize", "do_center_crop", "do_normalize"}) pixels.refuse_unless(key, true);
  take_statistics(pixels, "image_mean", "image_std", spec);
  if (pixels.is_object("size") && !pixels.inner("size").has("shortest_edge")) pixels.refuse("size", "a shortest_edge");
  const int resample = pixels.integer("resample", 3, 0, 5);  // PIL.Image.Resampling
  if (resample != 2 && resample != 3) pixels.refuse("resample", "2 (bilinear) or 3 (bicubic)");
  spec.resize_mode = "shortest", spec.interpolation = resample == 3 ? "bicubic" : "bilinear";
  return spec;
}

std::string channels_text(const std::array<float, 3>& values) {
  return fmt::format("{}, {}, {}", values[0], values[1], values[2]);
}

}  // namespace

void CheckpointSpec::fill_from(const CheckpointSpec& weaker) {
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

std::vector<std::string> CheckpointSpec::unknown() const {
  std::vector<std::string> names;
  if (!quick_gelu) names.emplace_back("activation (--model.activation)");
  if (!vision_head_width || !text_head_width) names.emplace_back("head width (--model.head_width)");
  if (!mean || !std) names.emplace_back("pixel statistics (--model.mean, --model.std)");
  if (!resize_mode || !interpolation) names.emplace_back("resize rule (--model.resize)");
  return names;
}

CheckpointSpec spec_like(const std::string& word) {
  if (word != "openai" && word != "open_clip") fail("model.like", "'" + word + "'", "openai or open_clip");
  CheckpointSpec spec;
  spec.quick_gelu = word == "openai";
  spec.vision_head_width = spec.text_head_width = 64;
  spec.mean = Normalization{}.mean, spec.std = Normalization{}.std;
  spec.resize_mode = "shortest", spec.interpolation = "bicubic";
  spec.origins = {"like " + word};
  return spec;
}

CheckpointSpec clip_spec_beside(const fs::path& file) {
  const fs::path folder = file.parent_path();
  if (fs::exists(folder / "open_clip_config.json")) return spec_of_open_clip(folder / "open_clip_config.json");
  if (fs::exists(folder / "config.json")) return spec_of_hugging_face(folder / "config.json");
  return {};
}

std::map<std::string, std::string> to_metadata(const CheckpointSpec& spec) {
  std::map<std::string, std::string> metadata;
  if (spec.mean) metadata["mean"] = channels_text(*spec.mean);
  if (spec.std) metadata["std"] = channels_text(*spec.std);
  if (spec.resize_mode) metadata["resize_mode"] = *spec.resize_mode;
  if (spec.interpolation) metadata["interpolation"] = *spec.interpolation;
  return metadata;
}

CheckpointSpec spec_from_metadata(const std::map<std::string, std::string>& metadata, const std::string& where) {
  CheckpointSpec spec;
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
  take("mean", spec.mean, channels), take("std", spec.std, channels);
  take("resize_mode", spec.resize_mode, word({"shortest", "longest", "squash"}));
  take("interpolation", spec.interpolation, word({"bicubic", "bilinear"}));
  spec.origins = {"its own metadata"};
  return spec;
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
