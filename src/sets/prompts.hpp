// What classes are called and in which sentences (paper 3.1.4): data/prompts/<name>.json, or
// data/prompts/paper/<name>.json, the paper's list; data/prompts/wheels/ has clip-benchmark's (--prompts
// clip-benchmark).
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
/// "sets" those of one data set: {"cifar10": {"templates": [...], "classes": {label: [names]}}}, both optional;
/// "lists": a folder of data/prompts whose lists (read_prompt_list) hold for the sets of the catalogue that have one.
/// Throws InputError with the nearest name for an unknown one.
std::filesystem::path prompt_set_file(const std::string& name);

/// The files that decide the prompts of a set by default, and with `named` (prompt_set_file; empty: none) the list that
/// it takes for the set: their content is part of a run's key.
std::vector<std::filesystem::path> prompt_files(const std::string& set, const std::filesystem::path& named = {});

/// A list of prompts (data/prompts/paper, data/prompts/wheels) for classes that a set calls by the list's keys, by one
/// of its names, by an alias, or by number ("ids"): joined by these, never by position. A list without names leaves the
/// set its own, with blanks for the characters in its "blanks". Without templates if the set shares no class with the
/// list: then it is another set of that name. Throws InputError where it shares some and lacks others.
Prompts read_prompt_list(const std::filesystem::path& file, std::span<const std::string> class_names);

/// The key of each class in a list ("n01440764" of ImageNet), "" for one that it does not have: two sets that call one
/// class differently meet in it.
std::vector<std::string> keys_in_list(const std::filesystem::path& file, std::span<const std::string> class_names);

/// The file of a list: the paper's, else the wheels'; empty if there is none.
std::filesystem::path prompt_list_file(const std::string& list);

}  // namespace cliplab
