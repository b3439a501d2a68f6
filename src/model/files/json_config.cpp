// Checked access to the JSON configurations of released models.
#include "model/files/json_config.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace cliplab {

using nlohmann::json;

namespace {

constexpr std::size_t kMaxBytes = 1u << 20;

}  // namespace

JsonConfig::JsonConfig(const std::filesystem::path& file)
    : where_(file.string()), document_(json::parse(read_file(file, kMaxBytes), nullptr, /*allow_exceptions=*/false)) {
  if (!document_.is_object()) fail(where_, "no JSON object", "a model's configuration");
}

void JsonConfig::Object::refuse(const std::string& key, const std::string& expected) const {
  fail(where_, key + " = " + object_.at(key).dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 80),
       expected);
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
  const json& list = object_.at(key);
  if (!list.is_array() || list.size() != 3) refuse(key, "three numbers");
  for (int c = 0; c < 3; ++c) {
    if (!list[c].is_number()) refuse(key, "three numbers");
    result[c] = list[c].get<float>();
  }
  return result;
}

void JsonConfig::Object::refuse_any(std::initializer_list<const char*> keys) const {
  for (const char* key : keys)
    if (has(key) && object_[key] != json(false)) refuse(key, "a CLIP model as openai/CLIP has it (this key absent)");
}

void JsonConfig::Object::refuse_unless(const std::string& key, const json& value) const {
  if (has(key) && object_[key] != value) refuse(key, value.dump());
}

}  // namespace cliplab
