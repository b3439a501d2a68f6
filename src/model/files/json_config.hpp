// Configurations of released models. They come from anybody: size and depth are bounded, each value is checked when it
// is taken, and a key that nobody knows is refused by its name.
#pragma once

#include <array>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace cliplab {

class JsonConfig {
 public:
  /// Throws InputError naming the file when it is not a JSON object, larger than `max_bytes`, or nested over 64 deep.
  explicit JsonConfig(const std::filesystem::path& file, std::size_t max_bytes = 1u << 20);

  /// Values of one JSON object by key. A key that is absent or null gives the fallback; a value of another kind or out
  /// of range throws InputError naming file, key and value.
  class Object {
   public:
    Object(const nlohmann::json& object, std::string where) : object_(object), where_(std::move(where)) {}

    [[noreturn]] void refuse(const std::string& key, const std::string& expected) const;
    bool has(const std::string& key) const { return object_.contains(key) && !object_[key].is_null(); }
    bool is_object(const std::string& key) const { return has(key) && object_[key].is_object(); }
    bool is_array(const std::string& key) const { return has(key) && object_[key].is_array(); }
    bool is_integer(const std::string& key) const { return has(key) && object_[key].is_number_integer(); }
    Object inner(const std::string& key) const;
    int integer(const std::string& key, int fallback, int low, int high) const;
    double real(const std::string& key, double fallback, double low, double high) const;
    bool flag(const std::string& key, bool fallback) const;
    std::string text(const std::string& key, const std::string& fallback) const;
    /// One of `known`.
    std::string word(const std::string& key, const std::string& fallback,
                     std::initializer_list<const char*> known) const;
    /// Three numbers, or one for all three channels.
    std::array<float, 3> channels(const std::string& key) const;
    /// The side of a square: an integer, or two equal ones in a list.
    int side(const std::string& key) const;
    const std::string& where() const { return where_; }
    const nlohmann::json& object() const { return object_; }

    /// Refuses the model when one of these keys is set to something else than null, false, "" or {}.
    void refuse_any(std::initializer_list<const char*> keys) const;
    /// Refuses the model when this key has another value.
    void refuse_unless(const std::string& key, const nlohmann::json& value) const;
    /// Refuses the model when one of these keys (words between blanks) is null.
    void refuse_nulls(std::initializer_list<std::string_view> words) const;
    /// Refuses the model when it has a key that is in none of these lists (words between blanks). A null changes
    /// nothing.
    void refuse_others(std::initializer_list<std::string_view> known) const;

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
