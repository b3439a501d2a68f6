// Sets that a recipe (src/corpora) builds from packages: data/corpora/<name>/ is an ordinary folder with a
// manifest.json, written last. A folder without a manifest does not exist for the program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace cliplab {

/// Facts about a built set that are known before it is built.
struct BuiltSet {
  std::string name, title;  // "fashion_mnist", "Fashion-MNIST"
  std::string description;  // one sentence: what the pictures and the classes or captions are
  std::string licence;
  std::string packages;             // that it comes from
  std::vector<std::string> splits;  // of train, validation and test
  bool captions = false;            // instead of classes
};

/// Recipes call it before main().
void register_built_set(BuiltSet set);
/// All of them by name.
const std::vector<BuiltSet>& built_sets();
const BuiltSet* find_built_set(const std::string& name);  // nullptr: no recipe builds it

/// data/corpora/<name>, built or not.
std::filesystem::path built_folder(const std::string& name);

struct Manifest {
  struct File {
    std::string name, sha256;
    std::int64_t bytes = 0;
  };
  std::string id;  // hash of the recipe's version and the files
  std::int64_t recipe = 0, samples = 0;
  std::vector<File> files;

  std::int64_t bytes() const;
};
/// Checked for its fields. Throws InputError with the command that builds the set.
Manifest read_manifest(const std::filesystem::path& folder);

/// Files that differ from the manifest, a line each.
std::vector<std::string> manifest_problems(const std::filesystem::path& folder, const Manifest& manifest);

}  // namespace cliplab
