// Prompt files to names and sentences.
#include "sets/prompts.hpp"

#include <algorithm>
#include <cctype>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/prompt_template.hpp"
#include "base/text.hpp"
#include "sets/dataset.hpp"
#include "sets/published.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Letters and digits in lower case: "apple_pie" and "Apple pie" are one name.
std::string plain(const std::string& name) {
  std::string text;
  for (const unsigned char c : name)
    if (std::isalnum(c) || c >= 0x80) text += static_cast<char>(std::tolower(c));
  return text;
}

/// 17, or WordNet's n02084071: not a name.
bool is_number(const std::string& label) {
  const std::string digits = label.starts_with('n') && label.size() == 9 ? label.substr(1) : label;
  return digits.find_first_not_of("0123456789") == std::string::npos;
}

/// `given`: by label, instead of the label itself.
void set_own_names(Prompts& prompts, std::span<const std::string> labels,
                   const std::map<std::string, std::string>& given) {
  bool differ = false;
  for (std::size_t c = 0; c < labels.size(); ++c) {
    const auto known = given.find(labels[c]);
    std::string name = known == given.end() ? labels[c] : known->second;
    if (is_number(name)) return prompts.own_names.clear();
    std::replace(name.begin(), name.end(), '_', ' ');
    const auto& chosen = prompts.class_names[c];
    differ = differ || chosen.size() > 1 || plain(chosen[0]) != plain(name);
    prompts.own_names.push_back(std::move(name));
  }
  if (!differ) prompts.own_names.clear();
}

/// The fields "subsets" ({name: [templates]}) and "own_names" ({label: name}), both optional. Throws json::exception.
void read_more(Prompts& prompts, const json& document, std::span<const std::string> labels,
               const std::function<void(const std::string&)>& refuse) {
  for (const auto& [name, chosen] : document.value("subsets", std::map<std::string, std::vector<std::string>>{})) {
    for (const std::string& text : chosen) {
      const auto at =
          std::find(prompts.templates.begin(), prompts.templates.end(), canonical_template(text, "subset " + name));
      if (at == prompts.templates.end())
        refuse("in subset '" + name + "' the template '" + text + "' that is not among the templates");
      prompts.subsets[name].push_back(static_cast<int>(at - prompts.templates.begin()));
    }
    if (chosen.empty()) refuse("subset '" + name + "' without a template");
  }
  set_own_names(prompts, labels, document.value("own_names", std::map<std::string, std::string>{}));
}

/// Of a file of this project, where a template without a place for the class name is a slip.
void check_templates(Prompts& prompts, const std::string& where,
                     const std::function<void(const std::string&)>& refuse) {
  for (std::string& text : prompts.templates)
    if (text = canonical_template(text, where); !has_place(text)) refuse("a template without {}");
  if (prompts.templates.empty()) refuse("no template");
}

}  // namespace

namespace {

fs::path prompts_folder() { return project_root() / "data/prompts"; }

fs::path file_of_set(const std::string& set) { return prompts_folder() / (set.substr(0, set.find('/')) + ".json"); }

/// The prompts that a set has by default.
Prompts default_prompts(const Dataset& dataset, const std::string& name) {
  const fs::path file = file_of_set(name);
  if (!fs::exists(file))
    if (Prompts own = dataset.own_prompts(); !own.templates.empty()) return own;
  const json document = json::parse(read_file(file, 1 << 24), nullptr, false);
  const auto refuse = [&](const std::string& found) {
    fail(
        file.string(), found,
        R"({"classes": {name: [synonyms]} or "own", "templates": [...], and if you like "own_names": {name: text}, "subsets": {name: [templates]}})");
  };
  if (!document.is_object() || !document.contains("templates") || !document.contains("classes"))
    refuse("fields missing");
  const std::span<const std::string> labels = dataset.class_names();
  const json& classes = document["classes"];
  if (classes != "own" && !classes.is_object()) refuse("classes of another type");
  Prompts prompts;
  try {
    prompts.templates = document["templates"].get<std::vector<std::string>>();
    check_templates(prompts, file.string(), refuse);
    if (classes == "own") {
      for (const std::string& label : labels) prompts.class_names.push_back({label});
    } else {
      const std::set<std::string> known(labels.begin(), labels.end());
      for (const auto& [label, names] : classes.items())
        if (!known.contains(label)) refuse("class '" + label + "' that the data set does not have");
      for (const std::string& label : labels) {
        if (!classes.contains(label)) refuse("no entry for class '" + label + "'");
        prompts.class_names.push_back(classes[label].get<std::vector<std::string>>());
        if (prompts.class_names.back().empty()) refuse("class '" + label + "' without a name");
      }
    }
    read_more(prompts, document, labels, refuse);
  } catch (const json::exception&) {
    refuse("a field of another type");
  }
  return prompts;
}

/// Puts the templates and names of a named prompt set in place of the default ones.
void apply_named(Prompts& prompts, const json& document, const std::string& set, std::span<const std::string> labels,
                 const std::function<void(const std::string&)>& refuse) {
  json own = json::object();
  if (document.contains("sets") && document["sets"].contains(set)) own = document["sets"][set];
  prompts.templates = own.contains("templates") ? own["templates"].get<std::vector<std::string>>()
                                                : document.value("templates", std::vector<std::string>{});
  check_templates(prompts, "prompts of " + set, refuse);
  prompts.subsets.clear();
  if (!own.contains("classes")) return;
  const auto classes = own["classes"].get<std::map<std::string, std::vector<std::string>>>();
  prompts.own_names.clear();
  for (std::size_t c = 0; c < labels.size(); ++c) {
    const auto names = classes.find(labels[c]);
    if (names == classes.end() || names->second.empty()) refuse("no name for class '" + labels[c] + "' of " + set);
    prompts.class_names[c] = names->second;
  }
  if (classes.size() != labels.size()) refuse("names of classes that " + set + " does not have");
}

}  // namespace

Prompts load_prompts(const Dataset& dataset, const std::string& set, const std::string& named) {
  Prompts prompts = default_prompts(dataset, set);
  if (named.empty()) return prompts;
  const fs::path file = prompt_set_file(named);
  const auto refuse = [&](const std::string& found) {
    fail(file.string(), found,
         R"({"templates": [...], "sets": {name: {"templates": [...], "classes": {label: [names]}}}})");
  };
  const json document = json::parse(read_file(file, 1 << 24), nullptr, false);
  if (!document.is_object()) refuse("no JSON object");
  try {
    apply_named(prompts, document, set.substr(0, set.find('/')), dataset.class_names(), refuse);
  } catch (const json::exception&) {
    refuse("a field of another type");
  }
  return prompts;
}

fs::path prompt_set_file(const std::string& name) {
  const fs::path folder = prompts_folder() / "named";
  fs::path file = folder / (name + ".json");
  if (name.find('/') == std::string::npos && fs::is_regular_file(file)) return file;
  std::vector<std::string> names;
  if (fs::is_directory(folder))
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().extension() == ".json") names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  const std::string nearest = nearest_of(name, names);
  fail("prompts", "'" + name + "'", "a prompt set of data/prompts/named: " + joined(names),
       nearest.empty() ? "" : "did you mean '" + nearest + "'?");
}

std::vector<fs::path> prompt_files(const std::string& set) {
  if (const fs::path file = file_of_set(set); fs::exists(file)) return {file};
  if (const auto published = find_published_set(set.substr(0, set.find('/'))); published && !published->prompts.empty())
    if (const fs::path wheels = prompts_folder() / "wheels" / (published->prompts + ".json"); fs::exists(wheels))
      return {wheels};
  return {};
}

Prompts read_wheel_prompts(const fs::path& file, std::span<const std::string> class_names) {
  const json document = json::parse(read_file(file, 1 << 24), nullptr, false);
  const auto refuse = [&](const std::string& found) {
    fail(file.string(), found, "classes, ids and templates as data/set_up.py writes them",
         "run ./cliplab again after deleting it");
  };
  if (!document.is_object() || !document.contains("templates") || !document.contains("classes") ||
      !document.contains("ids"))
    refuse("fields missing");
  Prompts prompts;
  try {
    prompts.templates = document["templates"].get<std::vector<std::string>>();
    check_templates(prompts, file.string(), refuse);
    const auto ids = document["ids"].get<std::vector<std::string>>();
    std::map<std::string, std::string> by_name;
    for (const auto& [key, name] : document["classes"].get<std::map<std::string, std::string>>())
      by_name[plain(key)] = name;
    for (const std::string& class_name : class_names) {
      const bool number = !class_name.empty() && class_name.size() < 6 && is_number(class_name);
      if (const auto known = by_name.find(plain(class_name)); known != by_name.end())
        prompts.class_names.push_back({known->second});
      else if (number && std::stoul(class_name) < ids.size())
        prompts.class_names.push_back({ids[std::stoul(class_name)]});
      else if (by_name.empty())  // the wheels have no names for this set: its own
        prompts.class_names.push_back({class_name});
      else
        refuse("no name for class '" + class_name + "'");
    }
    read_more(prompts, document, class_names, refuse);
  } catch (const json::exception&) {
    refuse("a field of another type");
  }
  return prompts;
}

}  // namespace cliplab
