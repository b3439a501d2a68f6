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

/// What the values of a key stand for. From these declarations alone a run knows what it touches.
enum class Role {
  kTrainAndTest,   // data sets with classes, of which a train and a test split are read
  kTest,           // data sets with classes, of which the test split is read
  kShift,          // "source>shift": both splits of the source, the test split of the shift
  kPairs,          // sets of pictures with captions
  kTrainingPairs,  // the same or webdataset shards, to train on
  kReference,      // one of the sets that another key lists
  kFile,           // files whose content decides numbers
};

/// How a study reads the sets of a key.
struct SetRules {
  std::string fallback{};                 // key whose list is taken if this one is empty
  std::vector<std::string> split_keys{};  // kPairs: the keys that name the splits that are read
  bool one_label = false;                 // sets with several labels a picture, or with frames of clips, do not fit
  std::string untrainable_of{};           // also takes the sets of this key that have no train split
  std::string of{};                       // kReference: the key that lists the candidates
  bool when_training = false;             // read only by a run that trains its models
  bool is_model = false;                  // kFile: a model, which may be a folder, with the configurations next to it
};

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

  /// A list of data sets in `role`; the plan of a run looks them up, fetches them and hashes them.
  void add_sets(const std::string& key, const List& default_value, Role role, const std::string& help,
                const SetRules& rules = {});
  /// One set out of the list that `rules.of` names.
  void add_reference(const std::string& key, const std::string& default_value, const std::string& of,
                     const std::string& help);
  /// A file, or none (empty): its content is part of the run's key.
  void add_file(const std::string& key, const std::string& help, const SetRules& rules = {});
  /// The same for a list of files.
  void add_files(const std::string& key, const std::string& help, const SetRules& rules = {});

  /// Keys that are declared until the next call belong to `study` and have to start with "<study>."; "" ends that.
  void begin_study(const std::string& study) { study_ = study; }

  /// A key whose values stand for something outside the configuration.
  struct Declared {
    std::string key, study;
    Role role = Role::kFile;
    SetRules rules;
  };
  const std::vector<Declared>& declared() const { return declared_; }

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

  /// The items of a list, or the one value of a text that is not empty.
  List values(const std::string& key) const;

  bool has(const std::string& key) const { return entries_.contains(key); }
  /// Gives a key another value, as the command line would. Throws InputError.
  void assign(const std::string& key, const std::string& value) { set("option", key, value); }
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
  std::vector<Declared> declared_;
  std::string study_;  // whose keys are being declared
};

}  // namespace cliplab
