// Configurations of released models. They come from anybody: the size is bounded, and each value is checked
// when it is taken.
#pragma once

#include <array>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

namespace cliplab {

class JsonConfig {
 public:
  /// Throws InputError naming the file when it is not a JSON object, or larger than 1 MiB.
  explicit JsonConfig(const std::filesystem::path& file);

  /// Values of one JSON object by key. A key that is absent or null gives the fallback; a value of another kind or out
  /// of range throws InputError naming file, key and value.
  class Object {
   public:
    Object(const nlohmann::json& object, std::string where) : object_(object), where_(std::move(where)) {}

    [[noreturn]] void refuse(const std::string& key, const std::string& expected) const;
    bool has(const std::string& key) const { return object_.contains(key) && !object_[key].is_null(); }
    bool is_object(const std::string& key) const { return has(key) && object_[key].is_object(); }
    Object inner(const std::string& key) const;
    int integer(const std::string& key, int fallback, int low, int high) const;
    bool flag(const std::string& key, bool fallback) const;
    std::string text(const std::string& key, const std::string& fallback) const;
    /// One of `known`.
    std::string word(const std::string& key, const std::string& fallback,
                     std::initializer_list<const char*> known) const;
    std::array<float, 3> channels(const std::string& key) const;
    /// Refuses the model when one of these keys is set to something else than null or false.
    void refuse_any(std::initializer_list<const char*> keys) const;
    /// Refuses the model when this key has another value.
    void refuse_unless(const std::string& key, const nlohmann::json& value) const;

   private:
    const nlohmann::json& object_;
    std::string where_;
  };
  Object top() const { return {document_, where_}; }

 private:
  std::string where_;
  nlohmann::json document_;
};

}  // namespace cliplab
