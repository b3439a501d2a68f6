// Writes a built set as an ordinary folder: labels.tsv with classes.txt, or captions.tsv; the pictures in images.tar;
// manifest.json last. The folder appears whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "acquire/packages.hpp"

namespace cliplab {

/// The folder of a built set while it is written: `folder`.part until finish() renames it over an older one.
class SetFolder {
 public:
  SetFolder(const std::string& set, int recipe_version);
  ~SetFolder();
  SetFolder(const SetFolder&) = delete;
  SetFolder& operator=(const SetFolder&) = delete;

  const std::filesystem::path& path() const { return part_; }
  void write(const std::string& file, const std::string& bytes);
  /// Counted and named (the first 200 of each reason) in the manifest.
  void drop(const std::string& key, const std::string& reason);
  /// Writes the manifest with the hash of every file, and makes the folder appear.
  void finish(std::int64_t samples, const std::vector<Package>& packages);

 private:
  std::filesystem::path folder_, part_;
  int recipe_version_;
  nlohmann::json dropped_ = nlohmann::json::object(), counts_ = nlohmann::json::object();
};

struct BuiltPicture {
  std::string key;  // [a-z0-9_.-], unique in the set
  std::string png;  // encoded picture
  std::string split;
  std::string class_name{};             // of a set with classes
  std::string source{};                 // of a set of pairs: the folder in images.tar, "noto"
  std::vector<std::string> captions{};  // of a set of pairs: one or more
};

class SetWriter {
 public:
  SetWriter(const std::string& set, int recipe_version) : folder_(set, recipe_version) {}
  void add(BuiltPicture picture) { pictures_.push_back(std::move(picture)); }
  void drop(const std::string& key, const std::string& reason) { folder_.drop(key, reason); }
  void finish(const std::vector<Package>& packages);

 private:
  SetFolder folder_;
  std::vector<BuiltPicture> pictures_;
};

}  // namespace cliplab
