// The registered recipes, and the lock that lets one process run a recipe.
#include "corpora/corpus.hpp"

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/progress.hpp"
#include "base/text.hpp"
#include "corpora/recipe.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

std::vector<Recipe>& recipes() {
  static std::vector<Recipe> all;
  return all;
}

/// On disk and built by this version of the recipe. A damaged manifest, or one of another program version, is not.
bool is_current(const Recipe& recipe, const std::string& set) try {
  return read_manifest(built_folder(set)).recipe == recipe.version;
} catch (const InputError&) {
  return false;
}

}  // namespace

RecipeRegistration::RecipeRegistration(Recipe recipe) {
  for (const BuiltSet& set : recipe.sets) register_built_set(set);
  recipes().push_back(std::move(recipe));
}

void fetch_corpus(const std::string& name) {
  const std::string set = name.substr(0, name.find(':'));
  const auto writes = [&](const Recipe& recipe) {
    return std::any_of(recipe.sets.begin(), recipe.sets.end(), [&](const BuiltSet& one) { return one.name == set; });
  };
  const auto recipe = std::find_if(recipes().begin(), recipes().end(), writes);
  if (recipe == recipes().end())
    fail("data set", "'" + name + "'", "one that is built: " + joined(built_sets(), ", ", &BuiltSet::name));
  if (is_current(*recipe, set)) return;
  const fs::path folder = built_folder(recipe->sets.front().name);
  fs::create_directories(folder.parent_path());
  const FileLock lock(folder.parent_path() / (".lock-" + folder.filename().string()));
  if (is_current(*recipe, set)) return;  // another process built it while this one waited
  say("builds " + joined(recipe->sets, ", ", &BuiltSet::name));
  recipe->build(recipe->version);
}

}  // namespace cliplab
