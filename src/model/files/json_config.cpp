// Checked access to the JSON configurations of released models.
#include "model/files/json_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "model/files/bounded_json.hpp"

namespace cliplab {

using nlohmann::json;

namespace {

bool lists(std::string_view words, const std::string& key) {
  if (key.empty() || key.find(' ') != std::string::npos) return false;
  for (std::size_t at = words.find(key); at != std::string_view::npos; at = words.find(key, at + 1)) {
    const std::size_t end = at + key.size();
    if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' ')) return true;
  }
  return false;
}

}  // namespace

JsonConfig::JsonConfig(const std::filesystem::path& file, std::size_t max_bytes)
    : where_(file.string()), document_(parse_bounded_json(read_file(file, max_bytes))) {
  if (!document_.is_object()) fail(where_, "no JSON object", "a model's configuration");
}

void JsonConfig::Object::refuse(const std::string& key, const std::string& expected) const {
  if (!object_.contains(key)) fail(where_, "no " + key, expected);  // its default does not fit
  fail(where_, key + " = " + object_[key].dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 80), expected);
}

JsonConfig::Object JsonConfig::Object::inner(const std::string& key) const {
  static const json kEmpty = json::object();
  if (!has(key)) return {kEmpty, where_ + ": " + key};
  if (!object_[key].is_object()) refuse(key, "an object");
  return {object_[key], where_ + ": " + key};
}

int JsonConfig::Object::integer(const std::string& key, int fallback, int low, int high) const {
  if (!has(key)) return fallback;
  if (!object_[key].is_number_integer() || object_[key] < low || object_[key] > high)
    refuse(key, fmt::format("an integer in [{}, {}]", low, high));
  return object_[key];
}

double JsonConfig::Object::real(const std::string& key, double fallback, double low, double high) const {
  if (!has(key)) return fallback;
  const double value = object_[key].is_number() ? object_[key].get<double>() : std::nan("");
  if (!(value >= low && value <= high)) refuse(key, fmt::format("a number in [{}, {}]", low, high));
  return value;
}

bool JsonConfig::Object::flag(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!object_[key].is_boolean()) refuse(key, "true or false");
  return object_[key];
}

std::string JsonConfig::Object::text(const std::string& key, const std::string& fallback) const {
  if (!has(key)) return fallback;
  if (!object_[key].is_string()) refuse(key, "text");
  return object_[key];
}

std::string JsonConfig::Object::word(const std::string& key, const std::string& fallback,
                                     std::initializer_list<const char*> known) const {
  std::string found = text(key, fallback);
  for (const char* k : known)
    if (found == k) return found;
  refuse(key, "one of " + joined(known));
}

std::array<float, 3> JsonConfig::Object::channels(const std::string& key) const {
  std::array<float, 3> result{};
  const json& value = object_.at(key);
  if (!value.is_number() && !(value.is_array() && value.size() == 3)) refuse(key, "three numbers");
  for (int c = 0; c < 3; ++c) {
    const json& number = value.is_array() ? value[c] : value;
    if (!number.is_number()) refuse(key, "three numbers");
    result[c] = number.get<float>();
  }
  return result;
}

int JsonConfig::Object::side(const std::string& key) const {
  const json& value = object_.at(key);
  const bool is_square = value.is_array() && value.size() == 2 && value[0] == value[1];
  const json& side = is_square ? value[0] : value;
  if (!side.is_number_integer() || side < 1 || side > 4096) refuse(key, "the side of a square, 1 to 4096");
  return side;
}

void JsonConfig::Object::refuse_any(std::initializer_list<const char*> keys) const {
  for (const char* key : keys)
    if (has(key) && object_[key] != json(false) && object_[key] != json("") && object_[key] != json::object())
      refuse(key, "a CLIP model as openai/CLIP has it (this key absent)");
}

void JsonConfig::Object::refuse_unless(const std::string& key, const json& value) const {
  if (has(key) && object_[key] != value) refuse(key, value.dump());
}

void JsonConfig::Object::refuse_nulls(std::initializer_list<std::string_view> words) const {
  for (const auto& [key, value] : object_.items())
    if (value.is_null() && std::ranges::any_of(words, [&, &name = key](auto known) { return lists(known, name); }))
      refuse(key, "a value, or the key left out");
}

void JsonConfig::Object::refuse_others(std::initializer_list<std::string_view> known) const {
  for (const auto& [key, value] : object_.items())
    if (!value.is_null() && std::ranges::none_of(known, [&, &name = key](auto words) { return lists(words, name); }))
      refuse(key, "a key whose effect is known here");
}

}  // namespace cliplab
