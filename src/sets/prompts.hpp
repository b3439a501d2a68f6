// What classes are called and in which sentences (paper 3.1.4): data/prompts/<name>.json, or
// data/prompts/wheels/<name>.json that set-up copies out of pinned wheels.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace cliplab {

class Dataset;

/// {} in a template stands for the class name (base/prompt_template.hpp).
struct Prompts {
  std::vector<std::vector<std::string>> class_names;  // [C][synonyms >= 1]
  std::vector<std::string> templates;                 // [P]
  /// [C] what the set's own labels say ("crane" for two classes of ImageNet, before names were chosen); empty where
  /// they are numbers or ids, or say what class_names does but for case and punctuation.
  std::vector<std::string> own_names;
  std::map<std::string, std::vector<int>> subsets;  // choices of the templates by name: "7" of ImageNet's 80
};

/// Class names and templates of `set`: those of data/prompts/<name>.json, else the data set's own. Class names are
/// joined to the data set's classes by name, not by position. `named`: a prompt set (prompt_set_file) whose templates,
/// and class names where it has some for this set, are taken instead; "": none. Throws InputError for a name without a
/// partner and for a template without {}.
Prompts load_prompts(const Dataset& dataset, const std::string& set, const std::string& named = {});

/// The file of a named prompt set, data/prompts/named/<name>.json: {"templates": [...]} for every data set, and under
/// "sets" those of one data set: {"cifar10": {"templates": [...], "classes": {label: [names]}}}, both optional. Throws
/// InputError with the nearest name for an unknown one.
std::filesystem::path prompt_set_file(const std::string& name);

/// The files that decide the prompts of a set by default: their content is part of a run's key.
std::vector<std::filesystem::path> prompt_files(const std::string& set);

/// The wheels' names for the classes of a set: matched by name, or by number where the list has "ids" and a class is
/// called by a number.
Prompts read_wheel_prompts(const std::filesystem::path& file, std::span<const std::string> class_names);

}  // namespace cliplab
