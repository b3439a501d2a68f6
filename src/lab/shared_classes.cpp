// Names first to the keys of a list, then to places.
#include "lab/shared_classes.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "eval/scores.hpp"
#include "sets/published.hpp"

namespace cliplab {
namespace {

/// What sets of one list of the catalogue (ImageNet's and its shifts') call their classes, each as the list's key: a
/// folder may be n01440764, 0 or tench. Other sets: their own names.
std::vector<std::string> common_names(Lab& lab, const std::string& name, const std::string& list) {
  const auto names = lab.dataset(name, "test").class_names();
  std::vector<std::string> common(names.begin(), names.end());
  if (list.empty()) return common;
  const auto keys = keys_in_list(prompt_list_file(list), names);
  for (std::size_t c = 0; c < keys.size(); ++c)
    if (!keys[c].empty()) common[c] = keys[c];
  return common;
}

/// ObjectNet names ImageNet's classes by their numbers, the video sets by WordNet's ids.
void in_keys_of(const std::string& list, std::vector<Subclass>& below) {
  if (list.empty()) return;
  std::vector<std::string> ids;
  for (const Subclass& subclass : below) ids.push_back(subclass.id);
  const auto keys = keys_in_list(prompt_list_file(list), ids);
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (!keys[i].empty()) below[i].id = keys[i];
}

std::string list_of(const std::string& set) {
  const auto entry = find_published_set(set.substr(0, set.find('/')));
  return entry && !prompt_list_file(entry->prompts).empty() ? entry->prompts : "";
}

}  // namespace

SharedClasses shared_classes(Lab& lab, const std::string& source, const std::string& shift) {
  const Dataset& set = lab.dataset(shift, "test");
  const std::string list = list_of(source);
  const std::vector<std::string> names = common_names(lab, source, list),
                                 own = common_names(lab, shift, list_of(shift) == list ? list : "");
  const auto given = lab.dataset(source, "test").class_names();
  SharedClasses shared;
  shared.num_classes = static_cast<int>(set.class_names().size());
  for (int c = 0; c < shared.num_classes; ++c) {
    std::vector<Subclass> below =
        set.subclasses().empty() ? std::vector<Subclass>{{own[c], set.class_names()[c]}} : set.subclasses()[c];
    in_keys_of(list, below);
    for (const Subclass& subclass : below) {
      auto at = std::find(names.begin(), names.end(), subclass.id);
      if (at == names.end())
        at = names.begin() + (std::find(given.begin(), given.end(), subclass.name) - given.begin());
      if (at == names.end())
        fail(source + ">" + shift, "class '" + subclass.id + "' of " + shift, "a class of " + source,
             "give both sets the same names (ImageNet's: its WordNet ids)");
      shared.columns.push_back(static_cast<int>(at - names.begin())), shared.owner.push_back(c);
    }
  }
  return shared;
}

Matrix on_shared(const Matrix& logits, const SharedClasses& shared) {
  return best_of_columns(columns_of(logits, shared.columns), shared.owner, shared.num_classes);
}

}  // namespace cliplab
