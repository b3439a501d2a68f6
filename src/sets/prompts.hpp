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

/// {} in a template stands for the class name.
struct Prompts {
  std::vector<std::vector<std::string>> class_names;  // [C][synonyms >= 1]
  std::vector<std::string> templates;                 // [P]
  /// [C] what the set's own labels say ("crane" for two classes of ImageNet, before names were chosen); empty where
  /// they are numbers or ids, or say what class_names does but for case and punctuation.
  std::vector<std::string> own_names;
  std::map<std::string, std::vector<int>> subsets;  // choices of the templates by name: "7" of ImageNet's 80
};

/// From data/prompts/<name>.json, else the data set's own. Class names are joined to the data set's classes by name,
/// not by position; a name without a partner is an InputError, as is a template without {}.
Prompts load_prompts(const Dataset& dataset, const std::string& name);

/// Names of the wheels for the classes of a set: by name, or where the list has "ids" by the number that a class is
/// called.
Prompts read_wheel_prompts(const std::filesystem::path& file, std::span<const std::string> class_names);

}  // namespace cliplab
