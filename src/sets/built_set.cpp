// The table of built sets, and the strict reading of their manifests.
#include "sets/built_set.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<BuiltSet>& table() {
  static std::vector<BuiltSet> sets;
  return sets;
}

}  // namespace

void register_built_set(BuiltSet set) {
  const auto later = [](const BuiltSet& a, const BuiltSet& b) { return a.name < b.name; };
  table().insert(std::upper_bound(table().begin(), table().end(), set, later), std::move(set));
}

const std::vector<BuiltSet>& built_sets() { return table(); }

const BuiltSet* find_built_set(const std::string& name) {
  const auto at = std::find_if(table().begin(), table().end(), [&](const BuiltSet& set) { return set.name == name; });
  return at == table().end() ? nullptr : &*at;
}

fs::path built_folder(const std::string& name) { return project_root() / "data/corpora" / name; }

std::int64_t Manifest::bytes() const {
  std::int64_t sum = 0;
  for (const File& file : files) sum += file.bytes;
  return sum;
}

Manifest read_manifest(const fs::path& folder) {
  const fs::path file = folder / "manifest.json";
  const std::string command = "./cliplab data fetch " + folder.filename().string();
  if (!fs::exists(file)) fail(folder.string(), "the set is not built", "its files and their manifest", command);
  const json document = json::parse(read_file(file, 64 << 20), nullptr, false);
  const auto number = [](const json& object, const char* key) {
    return object.contains(key) && object[key].is_number_unsigned();
  };
  const auto text = [](const json& object, const char* key) {
    return object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : std::string();
  };
  Manifest manifest;
  bool valid = document.is_object() && number(document, "samples") && text(document, "id").size() == 64 &&
               number(document, "recipe") && document.contains("files") && document["files"].is_array();
  if (valid) {
    manifest.id = document["id"], manifest.recipe = document["recipe"], manifest.samples = document["samples"];
    for (const json& entry : document["files"]) {
      const std::string name = entry.is_object() ? text(entry, "file") : "";
      valid = valid && !name.empty() && name.find('/') == std::string::npos && number(entry, "bytes") &&
              !text(entry, "sha256").empty();
      if (valid) manifest.files.push_back({name, text(entry, "sha256"), entry["bytes"].get<std::int64_t>()});
    }
  }
  if (!valid)
    fail(file.string(), "not the manifest of a built set", "one that this version wrote",
         "delete the folder and run " + command);
  return manifest;
}

std::vector<std::string> manifest_problems(const fs::path& folder, const Manifest& manifest) {
  std::vector<std::string> problems;
  for (const Manifest::File& file : manifest.files) {
    const fs::path path = folder / file.name;
    std::error_code error;
    const auto bytes = static_cast<std::int64_t>(fs::file_size(path, error));
    if (error)
      problems.push_back(path.string() + ": missing");
    else if (bytes != file.bytes)
      problems.push_back(path.string() + ": another size than its manifest");
    else if (sha256_file(path) != file.sha256)
      problems.push_back(path.string() + ": another SHA-256 than its manifest");
  }
  return problems;
}

}  // namespace cliplab
