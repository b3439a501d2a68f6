// Corpora on disk: tar shards of <key>.png + <key>.json, and a manifest.json that is written last: a folder
// without one does not exist for the program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/image.hpp"

namespace cliplab {

struct ShardSample {
  std::string key;      // [a-z0-9_.-], unique in the corpus
  std::string png;      // encoded image
  nlohmann::json meta;  // {"captions": [...], "source": ..., "licence": ..., and what data sets select by}
};

class ShardWriter {
 public:
  /// Builds in `folder`.part; finish() renames it. An older build of the same folder is replaced then.
  ShardWriter(std::filesystem::path folder, int recipe_version);
  ~ShardWriter();
  void add(const ShardSample& sample);
  /// Counted and named (the first 200 of each reason) in the manifest.
  void drop(const std::string& key, const std::string& reason);
  /// `packages`: name -> {version, sha256, licence}. Writes the manifest and makes the folder appear.
  void finish(const nlohmann::json& packages);

 private:
  void flush();
  std::filesystem::path folder_, part_;
  int recipe_version_;
  std::string shard_;
  std::int64_t in_shard_ = 0, samples_ = 0;
  std::set<std::string> keys_;
  nlohmann::json shards_ = nlohmann::json::array(), dropped_ = nlohmann::json::object(),
                 counts_ = nlohmann::json::object();
};

/// data/corpora/<corpus>, built or not.
std::filesystem::path corpus_folder(const std::string& corpus);
/// The manifest of a built corpus, checked for its fields. Throws InputError with the command that builds it.
nlohmann::json read_corpus_manifest(const std::filesystem::path& folder);

class ShardSet {
 public:
  /// Reads the index; shards must have the sizes and SHA-256 of the manifest. Throws InputError.
  explicit ShardSet(const std::filesystem::path& folder);
  ShardSet(const ShardSet&) = delete;
  ShardSet& operator=(const ShardSet&) = delete;

  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }
  const std::string& id() const { return id_; }
  const std::string& key(std::int64_t i) const { return entries_[i].key; }
  const nlohmann::json& meta(std::int64_t i) const { return entries_[i].meta; }
  /// Decoded picture, RGB or RGBA. Thread-safe. Throws InputError naming shard and member.
  Image image(std::int64_t i) const;

 private:
  struct Entry {
    std::string key;
    nlohmann::json meta;
    std::size_t shard = 0;
    std::int64_t offset = 0, bytes = 0;
  };
  std::filesystem::path folder_;
  std::string id_;
  struct Descriptors {  // closed even when the constructor throws
    ~Descriptors();
    std::vector<int> list;
  } descriptors_;
  std::vector<std::string> names_;
  std::vector<Entry> entries_;
};

/// Members of a tar file by name: where their bytes are. Throws InputError when a header is damaged or runs
/// past the end.
std::map<std::string, std::pair<std::int64_t, std::int64_t>> index_tar(std::string_view bytes,
                                                                       const std::string& where);

}  // namespace cliplab
