// Checkpoint specifications: named sets, metadata, what wins over what. The configurations of releases are read in
// open_clip_config.cpp and hugging_face_config.cpp.
#include "model/files/checkpoint_spec.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/error.hpp"
#include "base/text.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

std::string text_of(bool quick_gelu) { return quick_gelu ? "quick_gelu" : "gelu"; }
std::string text_of(int value) { return std::to_string(value); }
std::string text_of(double value) { return fmt::format("{}", value); }
std::string text_of(const std::string& word) { return word; }
std::string text_of(const std::array<float, 3>& v) { return fmt::format("{}, {}, {}", v[0], v[1], v[2]); }

/// Calls visit(name, member of a, member of b) for each fact.
template <class A, class B, class Visit>
void for_each_fact(A& a, B& b, Visit visit) {
  visit("activation", a.quick_gelu, b.quick_gelu);
  visit("head width", a.vision_head_width, b.vision_head_width);
  visit("head width of the text tower", a.text_head_width, b.text_head_width);
  visit("vision_norm_eps", a.vision_norm_eps, b.vision_norm_eps);
  visit("text_norm_eps", a.text_norm_eps, b.text_norm_eps);
  visit("mean", a.mean, b.mean), visit("std", a.std, b.std);
  visit("resize_mode", a.resize_mode, b.resize_mode), visit("interpolation", a.interpolation, b.interpolation);
  visit("resize_to", a.resize_to, b.resize_to), visit("fill_color", a.fill_color, b.fill_color);
  visit("crop_rule", a.crop_rule, b.crop_rule), visit("convert_order", a.convert_order, b.convert_order);
  visit("text_clean", a.text_clean, b.text_clean);
}

}  // namespace

void CheckpointSpec::fill_from(const CheckpointSpec& weaker) {
  bool used = false;
  for_each_fact(*this, weaker, [&](const char*, auto& mine, const auto& theirs) {
    if (mine || !theirs) return;
    mine = theirs;
    used = true;
  });
  if (used) origins.insert(origins.end(), weaker.origins.begin(), weaker.origins.end());
  sizes.insert(sizes.end(), weaker.sizes.begin(), weaker.sizes.end());
}

std::vector<std::string> CheckpointSpec::differences(const CheckpointSpec& other) const {
  std::vector<std::string> found;
  for_each_fact(*this, other, [&](const char* name, const auto& mine, const auto& theirs) {
    if (mine && theirs && *mine != *theirs)
      found.push_back(fmt::format("{} ({}, here {})", name, text_of(*theirs), text_of(*mine)));
  });
  return found;
}

CheckpointSpec CheckpointSpec::without(const CheckpointSpec& other) const {
  CheckpointSpec rest = *this;
  for_each_fact(rest, other, [](const char*, auto& mine, const auto& theirs) {
    if (theirs) mine.reset();
  });
  return rest;
}

std::vector<std::string> CheckpointSpec::unknown() const {
  std::vector<std::string> names;
  if (!quick_gelu) names.emplace_back("activation (--model.activation)");
  if (!vision_head_width || !text_head_width) names.emplace_back("head width (--model.head_width)");
  if (!mean || !std) names.emplace_back("pixel statistics (--model.mean, --model.std)");
  if (!resize_mode || !interpolation) names.emplace_back("resize rule (--model.resize, --model.interpolation)");
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

CheckpointSpec clip_spec_beside(const fs::path& file, bool hugging_face) {
  const fs::path open_clip = file.parent_path() / "open_clip_config.json",
                 transformers = file.parent_path() / "config.json";
  const bool has_open_clip = fs::exists(open_clip), has_transformers = fs::exists(transformers);
  if (has_open_clip && !(hugging_face && has_transformers)) return spec_of_open_clip(open_clip);
  return has_transformers ? spec_of_hugging_face(transformers) : CheckpointSpec{};
}

std::map<std::string, std::string> to_metadata(const CheckpointSpec& spec) {
  std::map<std::string, std::string> metadata;
  const auto put = [&](const char* key, const auto& value) {
    if (value) metadata[key] = text_of(*value);
  };
  put("mean", spec.mean), put("std", spec.std);
  put("resize_mode", spec.resize_mode), put("interpolation", spec.interpolation);
  put("resize_to", spec.resize_to), put("fill_color", spec.fill_color);
  put("crop_rule", spec.crop_rule), put("convert_order", spec.convert_order), put("text_clean", spec.text_clean);
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
  const auto integer = [&](int low, int high) {
    return [&where, low, high](const std::string& text) {
      int value = 0;
      if (!parse_number(text, value) || value < low || value > high)
        fail(where, "metadata '" + text.substr(0, 40) + "'", fmt::format("an integer in [{}, {}]", low, high));
      return value;
    };
  };
  take("mean", spec.mean, channels), take("std", spec.std, channels);
  take("resize_mode", spec.resize_mode, word({"shortest", "longest", "squash"}));
  take("interpolation", spec.interpolation, word({"bicubic", "bilinear"}));
  take("resize_to", spec.resize_to, integer(1, 4096)), take("fill_color", spec.fill_color, integer(0, 255));
  take("crop_rule", spec.crop_rule, word({"even", "down"}));
  take("convert_order", spec.convert_order, word({"resize_first", "convert_first", "white_first"}));
  take("text_clean", spec.text_clean, word({"lower", "whitespace", "canonicalize"}));
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
