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

/// The list that a named prompt set has for a set of the catalogue; empty if there is none.
fs::path named_list(const json& document, const std::string& set) {
  if (!document.is_object() || !document.contains("lists")) return {};
  const auto entry = find_published_set(set);
  if (!entry || entry->prompts.empty()) return {};
  const fs::path list = prompts_folder() / document["lists"].get<std::string>() / (entry->prompts + ".json");
  return fs::exists(list) ? list : fs::path();
}

/// Puts the templates and names of a named prompt set in place of the default ones.
void apply_named(Prompts& prompts, const json& document, const std::string& set, std::span<const std::string> labels,
                 const std::function<void(const std::string&)>& refuse) {
  if (const fs::path list = named_list(document, set); !list.empty()) {
    Prompts listed = read_prompt_list(list, labels);
    if (listed.templates.empty()) {  // labels that only the paper's list knows, as Country211's codes: by its names
      std::vector<std::string> names;
      for (const auto& synonyms : prompts.class_names) names.push_back(synonyms.at(0));
      listed = read_prompt_list(list, names);
      listed.own_names = prompts.own_names;
    }
    if (!listed.templates.empty()) {
      prompts = std::move(listed);
      return;
    }
  }
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
    fail(
        file.string(), found,
        R"({"templates": [...], "sets": {name: {"templates": [...], "classes": {label: [names]}}}, "lists": a folder of lists})");
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

std::vector<fs::path> prompt_files(const std::string& set, const fs::path& named) {
  std::vector<fs::path> files;
  const std::string name = set.substr(0, set.find('/'));
  if (const fs::path file = file_of_set(set); fs::exists(file))
    files.push_back(file);
  else if (const auto published = find_published_set(name))
    if (const fs::path list = prompt_list_file(published->prompts); !list.empty()) files.push_back(list);
  if (named.empty()) return files;
  try {
    if (const fs::path list = named_list(json::parse(read_file(named, 1 << 24), nullptr, false), name); !list.empty())
      files.push_back(list);
  } catch (const json::exception&) {  // load_prompts() says what is wrong with it
  }
  return files;
}

namespace {

/// "/a/abbey" without its letter's folder: SUN397 sorts its classes into such.
std::string without_letter(const std::string& label) {
  return label.size() > 3 && label[0] == '/' && label[2] == '/' ? label.substr(3) : label;
}

/// A label with blanks for the characters that a list names; none: as it is.
std::string spaced(const std::string& label, const std::string& blanks) {
  if (blanks.empty()) return label;
  std::string name = without_letter(label);
  for (char& c : name)
    if (blanks.find(c) != std::string::npos) c = ' ';
  return name;
}

/// The classes of a list by all that a folder, a label file or another list may call them.
class KnownClasses {
 public:
  explicit KnownClasses(const json& document) {
    for (const auto& [key, names] : document["classes"].items()) {
      const std::size_t at = names_.size();
      names_.push_back(names.is_string() ? std::vector{names.get<std::string>()}
                                         : names.get<std::vector<std::string>>());
      by_key_[plain(key)] = at, keys_.push_back(key);
      for (const std::string& name : names_.back())
        if (auto& same = by_name_[plain(name)]; same.empty() || same.back() != at) same.push_back(at);
    }
    for (const auto& [label, key] : document.value("aliases", std::map<std::string, std::string>{}))
      by_key_.try_emplace(plain(label), by_key_.at(plain(key)));
    for (const std::string& id : document.value("ids", std::vector<std::string>{})) {  // keys, or names
      const auto key = by_key_.find(plain(id));
      by_number_.push_back(key != by_key_.end() ? static_cast<int>(key->second) : id.empty() ? -1 : add(id));
    }
  }
  bool has_none() const { return keys_.empty(); }
  const std::vector<std::string>& names(int at) const { return names_[at]; }
  /// Empty for the name of a number that stands for none of the list's classes.
  std::string key(int at) const { return at < std::ssize(keys_) ? keys_[at] : ""; }

  /// The place of the class that `label` calls by its key, by one of its names, as a path ("/a/abbey") or by its
  /// number. A name of several classes (ImageNet has two) is the first one's, then the next one's. -1: it calls none.
  int find(const std::string& label) {
    for (const std::string& text : {plain(label), plain(without_letter(label))}) {
      if (const auto key = by_key_.find(text); key != by_key_.end()) return static_cast<int>(key->second);
      if (const auto name = by_name_.find(text); name != by_name_.end()) {
        const std::size_t use = std::min(uses_[text]++, name->second.size() - 1);
        return static_cast<int>(name->second[use]);
      }
    }
    std::size_t number = 0;
    const bool is_short = !label.empty() && label.size() < 6 && is_number(label) && parse_number(label, number);
    return is_short && number < by_number_.size() ? by_number_[number] : -1;
  }

 private:
  int add(const std::string& name) {
    names_.push_back({name});
    return static_cast<int>(names_.size()) - 1;
  }
  std::vector<std::vector<std::string>> names_;  // of the classes, then of numbers that are none of them
  std::vector<std::string> keys_;
  std::vector<int> by_number_;
  std::map<std::string, std::size_t> by_key_, uses_;
  std::map<std::string, std::vector<std::size_t>> by_name_;
};

}  // namespace

Prompts read_prompt_list(const fs::path& file, std::span<const std::string> class_names) {
  const json document = json::parse(read_file(file, 1 << 24), nullptr, false);
  const auto refuse = [&](const std::string& found) {
    fail(file.string(), found,
         R"({"classes": {key: name or [names]}, "templates": [...], and if you like "ids", "aliases"})");
  };
  if (!document.is_object() || !document.contains("templates") || !document.contains("classes"))
    refuse("fields missing");
  Prompts prompts;
  try {
    prompts.templates = document["templates"].get<std::vector<std::string>>();
    check_templates(prompts, file.string(), refuse);
    KnownClasses known(document);
    const std::string blanks = document.value("blanks", "");
    std::vector<std::string> unknown;
    for (const std::string& label : class_names) {
      const int at = known.find(label);
      if (at < 0) unknown.push_back(label);
      prompts.class_names.push_back(at < 0 ? std::vector{spaced(label, blanks)} : known.names(at));
    }
    if (!known.has_none() && unknown.size() == class_names.size()) return {};
    if (!known.has_none() && !unknown.empty()) refuse("no name for class '" + unknown.front() + "'");
    read_more(prompts, document, class_names, refuse);
  } catch (const json::exception&) {
    refuse("a field of another type");
  } catch (const std::out_of_range&) {
    refuse("an alias of a class that is not there");
  }
  return prompts;
}

std::vector<std::string> keys_in_list(const fs::path& file, std::span<const std::string> class_names) {
  const json document = json::parse(read_file(file, 1 << 24), nullptr, false);
  std::vector<std::string> keys;
  try {
    KnownClasses known(document);
    for (const std::string& label : class_names) {
      const int at = known.find(label);
      keys.push_back(at < 0 ? "" : known.key(at));
    }
  } catch (const json::exception&) {
    fail(file.string(), "a field of another type", "a list of prompts");
  }
  return keys;
}

std::filesystem::path prompt_list_file(const std::string& list) {
  if (list.empty()) return {};
  for (const char* folder : {"paper", "wheels"})
    if (fs::path file = prompts_folder() / folder / (list + ".json"); fs::exists(file)) return file;
  return {};
}

}  // namespace cliplab
