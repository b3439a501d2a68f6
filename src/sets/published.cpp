// Strict reading of data/datasets.json.
#include "sets/published.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path& chosen_root() {
  static fs::path root;
  return root;
}

/// Reads the fields of one set and refuses those that it does not know.
class Fields {
 public:
  Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) refuse("no object");
  }
  [[noreturn]] void refuse(const std::string& found) const {
    fail(where_, found, "the fields of src/sets/published.hpp");
  }

  template <class T>
  void take(const char* key, T& value, bool needed = false) {
    known_.insert(key);
    if (!object_.contains(key)) {
      if (needed) refuse(std::string("no '") + key + "'");
      return;
    }
    try {
      value = object_[key].get<T>();
    } catch (const json::exception&) {
      refuse(std::string("'") + key + "' of another type");
    }
  }
  void finish() const {
    for (const auto& [key, value] : object_.items())
      if (!known_.contains(key)) refuse("the unknown field '" + key + "'");
  }

 private:
  const json& object_;
  std::string where_;
  std::set<std::string> known_;
};

Download read_download(const json& object, const std::string& where) {
  Download download;
  Fields fields(object, where + ": downloads");
  fields.take("url", download.url, true), fields.take("bytes", download.bytes, true),
      fields.take("sha256", download.sha256, true), fields.take("strip", download.strip);
  fields.finish();
  const std::string file = download.file();
  if ((!download.url.starts_with("https://") && !download.url.starts_with("http://")) || file.empty() ||
      file.starts_with('.'))
    fields.refuse("the address '" + download.url + "'");
  if (download.sha256.size() != 64 || download.sha256.find_first_not_of("0123456789abcdef") != std::string::npos)
    fields.refuse("the sha256 '" + download.sha256 + "'");
  if (download.bytes < 1 || download.strip < 0) fields.refuse("bytes under 1 or strip under 0");
  return download;
}

PublishedSet read_set(const json& object, const std::string& where) {
  PublishedSet set;
  Fields fields(object, where);
  fields.take("name", set.name, true), fields.take("title", set.title, true), fields.take("group", set.group, true);
  fields.take("task", set.task, true), fields.take("source", set.source, true), fields.take("get", set.get, true);
  fields.take("licence", set.licence, true), fields.take("metric", set.metric, true),
      fields.take("comparable", set.comparable, true);
  fields.take("folders", set.folders), fields.take("classes", set.classes), fields.take("counts", set.counts);
  fields.take("counts_from", set.counts_from, object.is_object() && object.contains("counts")),
      fields.take("splits", set.splits), fields.take("draw", set.draw), fields.take("draw_a_class", set.draw_a_class),
      fields.take("sample", set.sample), fields.take("split_rule", set.split_rule);
  fields.take("prompts", set.prompts), fields.take("paper", set.paper),
      fields.take("contradictions", set.contradictions);
  json downloads = json::array();
  fields.take("downloads", downloads);
  fields.finish();
  if (!downloads.is_array()) fields.refuse("downloads that are no list");
  std::set<std::string> files;
  for (const json& entry : downloads)
    if (!files.insert(set.downloads.emplace_back(read_download(entry, where)).file()).second)
      fields.refuse("two downloads of one name");
  if (set.name.empty() || set.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
    fields.refuse("the name '" + set.name + "'");
  if (!std::set<std::string>{"Table 9", "shift", "retrieval", "special"}.contains(set.group))
    fields.refuse("the group '" + set.group + "'");
  if (!std::set<std::string>{"classes", "captions", "none"}.contains(set.task))
    fields.refuse("the task '" + set.task + "'");
  if (set.comparable != "exact" && !set.comparable.starts_with("approximate: ") && !set.comparable.starts_with("no: "))
    fields.refuse("comparable '" + set.comparable + "'");
  for (const auto* numbers : {&set.counts, &set.draw, &set.sample})
    for (const auto& [split, count] : *numbers)
      if ((split != "train" && split != "test") || count < 1)
        fields.refuse("a count of " + std::to_string(count) + " for '" + split + "'");
  for (const auto& [split, sources] : set.splits)
    if ((split != "train" && split != "test") || sources.empty()) fields.refuse("a rule for the split '" + split + "'");
  for (const auto& [split, count] : set.sample)
    if (!set.splits.contains(split)) fields.refuse("a sample of '" + split + "', which has no rule");
  if (set.draw_a_class < 0 || (set.draw_a_class > 0 && set.draw.empty()))
    fields.refuse(std::to_string(set.draw_a_class) + " a class drawn");
  for (const std::string& folder : set.folders)
    if (folder.empty() || folder.starts_with('/') || folder.find("..") != std::string::npos)
      fields.refuse("the folder '" + folder + "'");
  if (set.classes < 0) fields.refuse("a negative number of classes");
  return set;
}

/// Section 3.2's 12 data sets of Kornblith et al. 2019, by data/datasets.json's names.
const std::vector<std::string> kKornblith12{"food101", "cifar10", "cifar100",      "birdsnap",
                                            "sun397",  "cars",    "fgvc_aircraft", "voc2007",
                                            "dtd",     "pets",    "caltech101",    "flowers102"};

}  // namespace

std::vector<PublishedSet> read_published_sets() {
  const fs::path file = project_root() / "data/datasets.json";
  const json document = json::parse(read_file(file, 1 << 24), nullptr, false);
  if (!document.is_object() || !document.contains("sets") || !document["sets"].is_array())
    fail(file.string(), "not JSON with a list of sets", "{\"sets\": [...]}");
  std::vector<PublishedSet> sets;
  std::set<std::string> names;
  for (const json& object : document["sets"]) {
    const std::string where = file.string() + ": set " + std::to_string(sets.size() + 1);
    sets.push_back(read_set(object, where));
    if (!names.insert(sets.back().name).second)
      fail(where, "the name '" + sets.back().name + "' a second time", "each once");
  }
  return sets;
}

std::vector<std::pair<std::string, std::vector<std::size_t>>> suites_of(const std::vector<std::string>& datasets) {
  std::vector<std::string> table9;
  for (const PublishedSet& set : read_published_sets())
    if (set.group == "Table 9") table9.push_back(set.name);
  std::vector<std::pair<std::string, std::vector<std::size_t>>> suites;
  for (const auto* names : std::initializer_list<const std::vector<std::string>*>{&kKornblith12, &table9, &datasets}) {
    std::vector<std::size_t> places;
    for (const std::string& name : *names)
      if (const auto at = std::find(datasets.begin(), datasets.end(), name); at != datasets.end())
        places.push_back(static_cast<std::size_t>(at - datasets.begin()));
    const std::string title = fmt::format("{} data sets", names->size());
    if (places.size() == names->size() && (suites.empty() || suites.back().first != title))
      suites.emplace_back(title, places);
  }
  return suites;
}

std::optional<PublishedSet> find_published_set(const std::string& name) {
  for (PublishedSet& set : read_published_sets())
    if (set.name == name) return std::move(set);
  return std::nullopt;
}

fs::path data_root() {
  if (!chosen_root().empty()) return chosen_root();
  if (const char* folder = std::getenv("CLIPLAB_DATA_ROOT"); folder != nullptr && *folder != '\0') return folder;
  return project_root() / "data/sets";
}

void use_data_root(const fs::path& folder) {
  if (!folder.empty() && !fs::is_directory(folder))
    fail("data-root", "'" + folder.string() + "'", "an existing folder");
  chosen_root() = folder;
}

fs::path published_folder(const PublishedSet& set) {
  const fs::path root = data_root();
  if (fs::is_directory(root / set.name)) return root / set.name;
  for (const std::string& folder : set.folders)
    if (fs::is_directory(root / folder)) return root / folder;
  return {};
}

}  // namespace cliplab
