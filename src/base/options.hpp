// Typed, documented, ranged configuration keys: one declaration serves the config file, the command line,
// `describe` and the record of the run. Strict: unknown, duplicate, mistyped or out-of-range stops with
// file, key, value, allowed range and the nearest known key. Parsing is Boost.Program_options.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace cliplab {

class Options {
 public:
  using List = std::vector<std::string>;

  // Declarations. A key is "section.name" (or "name" for the top section). Each help text names the unit.
  // Declaring a key twice is a programming error (std::logic_error).
  void add_flag(const std::string& key, bool default_value, const std::string& help);
  void add_integer(const std::string& key, std::int64_t default_value, std::int64_t min, std::int64_t max,
                   const std::string& help);
  void add_real(const std::string& key, double default_value, double min, double max, const std::string& help);
  /// `allowed` empty: any text.
  void add_text(const std::string& key, const std::string& default_value, const std::string& help,
                const List& allowed = {});
  /// Comma-separated; spaces around items are dropped; an empty value is the empty list; items may not repeat.
  void add_list(const std::string& key, const List& default_value, const std::string& help, const List& allowed = {});

  /// INI file: `key = value`, `[section]`, `#` comments. Throws InputError.
  void parse_file(const std::filesystem::path& path);
  /// `--key value` or `--key=value`, full key names only; overrides the file. Throws InputError.
  void parse_arguments(std::span<const std::string> arguments);

  // Values. Asking for an undeclared key or the wrong type is a programming error (std::logic_error).
  bool flag(const std::string& key) const;
  std::int64_t integer(const std::string& key) const;
  double real(const std::string& key) const;
  const std::string& text(const std::string& key) const;
  const List& list(const std::string& key) const;

  bool has(const std::string& key) const { return entries_.contains(key); }
  /// Every key with its value, a line each, sorted: "train.lr = 0.0005\n"; equal runs give equal text.
  /// With `section` only the keys that start with "section.".
  std::string resolved(const std::string& section = {}) const;
  /// For people: a line a key with default, range and help, grouped by section.
  std::string help() const;

 private:
  using Value = std::variant<bool, std::int64_t, double, std::string, List>;
  struct Entry {
    Value value, default_value;
    double min = 0, max = 0;
    List allowed;
    std::string help;
  };
  void declare(const std::string& key, Entry entry);
  void set(const std::string& where, const std::string& key, const std::string& text);
  const Entry& entry(const std::string& key) const;
  std::string nearest(const std::string& key) const;

  std::map<std::string, Entry> entries_;
};

}  // namespace cliplab
