// ustar archives written with fixed owner and time, so that the same input gives the same bytes.
#include "corpora/shards.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "pixels/codecs.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t kSamplesPerShard = 2000;
constexpr std::size_t kNamedDrops = 200;
constexpr const char* kAdvice = "delete the folder and run ./cliplab data fetch again";

void append_member(std::string& tar, const std::string& name, const std::string& bytes) {
  char header[512] = {};
  std::snprintf(header, 100, "%s", name.c_str());
  std::snprintf(header + 100, 8, "%07o", 0644);
  std::snprintf(header + 108, 8, "%07o", 0);
  std::snprintf(header + 116, 8, "%07o", 0);
  std::snprintf(header + 124, 12, "%011llo", static_cast<unsigned long long>(bytes.size()));
  std::snprintf(header + 136, 12, "%011o", 0);
  header[156] = '0';
  std::memcpy(header + 257, "ustar\00000", 8);
  std::memset(header + 148, ' ', 8);
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(header + 148, 8, "%06o", sum);
  tar.append(header, sizeof header).append(bytes);
  tar.append((512 - bytes.size() % 512) % 512, '\0');
}

}  // namespace

ShardWriter::ShardWriter(fs::path folder, int recipe_version)
    : folder_(std::move(folder)), part_(part_path(folder_)), recipe_version_(recipe_version) {
  // Builders of one corpus hold its lock: any other .part folder is left over from a killed one.
  const std::string stale = folder_.filename().string() + ".part";
  fs::create_directories(folder_.parent_path());
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(folder_.parent_path()))
    if (entry.path().filename().string().starts_with(stale)) leftovers.push_back(entry.path());
  for (const fs::path& leftover : leftovers) fs::remove_all(leftover);
  fs::create_directories(part_);
}

ShardWriter::~ShardWriter() {
  std::error_code ignored;
  fs::remove_all(part_, ignored);  // nothing there after finish()
}

void ShardWriter::add(const ShardSample& sample) {
  if (sample.key.size() > 90) return drop(sample.key, "key too long for a tar header");
  if (!keys_.insert(sample.key).second) return drop(sample.key, "key used twice");
  append_member(shard_, sample.key + ".json", sample.meta.dump(-1, ' ', false, json::error_handler_t::replace));
  append_member(shard_, sample.key + ".png", sample.png);
  ++samples_;
  if (++in_shard_ == kSamplesPerShard) flush();
}

void ShardWriter::drop(const std::string& key, const std::string& reason) {
  counts_[reason] = counts_.value(reason, 0) + 1;
  if (dropped_[reason].size() < kNamedDrops) dropped_[reason].push_back(key);
}

void ShardWriter::flush() {
  if (in_shard_ == 0) return;
  shard_.append(1024, '\0');
  char name[32];
  std::snprintf(name, sizeof name, "%05d.tar", static_cast<int>(shards_.size()));
  write_file_atomically(part_ / name, shard_);
  shards_.push_back({{"file", name}, {"bytes", shard_.size()}, {"sha256", sha256_hex(shard_)}, {"samples", in_shard_}});
  shard_.clear();
  in_shard_ = 0;
}

void ShardWriter::finish(const json& packages) {
  flush();
  std::string identity = "recipe " + std::to_string(recipe_version_);
  for (const json& shard : shards_) identity += shard["sha256"].get<std::string>();
  const json manifest{{"id", sha256_hex(identity)}, {"recipe", recipe_version_}, {"samples", samples_},
                      {"shards", shards_},          {"packages", packages},      {"dropped", counts_},
                      {"dropped_names", dropped_}};
  write_file_atomically(part_ / "manifest.json", manifest.dump(1, ' ', false, json::error_handler_t::replace));
  fs::remove_all(folder_);
  fs::rename(part_, folder_);
}

fs::path corpus_folder(const std::string& corpus) { return project_root() / "data/corpora" / corpus; }

json read_corpus_manifest(const fs::path& folder) {
  const fs::path file = folder / "manifest.json";
  const std::string name = folder.filename();
  if (!fs::exists(file))
    fail(folder.string(), "the corpus is not there", "built shards", "./cliplab data fetch " + name);
  const json manifest = json::parse(read_file(file, 64 << 20), nullptr, false);
  const auto number = [](const json& object, const char* key) {
    return object.contains(key) && object[key].is_number_unsigned();
  };
  bool valid = manifest.is_object() && number(manifest, "samples") && manifest.contains("id") &&
               manifest["id"].is_string() && manifest["id"].get<std::string>().size() == 64 &&
               number(manifest, "recipe") && manifest.contains("shards") && manifest["shards"].is_array();
  if (valid)
    for (const json& shard : manifest["shards"])
      valid = valid && shard.is_object() && number(shard, "bytes") && shard.contains("file") &&
              shard["file"].is_string() && shard["file"].get<std::string>().find('/') == std::string::npos &&
              shard.contains("sha256") && shard["sha256"].is_string();
  if (!valid) fail(file.string(), "not a corpus manifest", "one that data fetch wrote", kAdvice);
  return manifest;
}

std::map<std::string, std::pair<std::int64_t, std::int64_t>> index_tar(std::string_view bytes,
                                                                       const std::string& where) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> members;
  std::size_t position = 0;
  while (position + 512 <= bytes.size() && bytes[position] != '\0') {
    const std::string_view header = bytes.substr(position, 512);
    unsigned sum = 0, stored = 0;
    for (std::size_t i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
    for (std::size_t i = 148; i < 156 && header[i] >= '0' && header[i] <= '7'; ++i)
      stored = stored * 8 + static_cast<unsigned>(header[i] - '0');
    if (sum != stored)
      fail(where, "a damaged tar header at byte " + std::to_string(position), "a whole shard", kAdvice);
    std::int64_t size = 0;
    for (std::size_t i = 124; i < 135 && header[i] >= '0' && header[i] <= '7'; ++i) size = size * 8 + (header[i] - '0');
    const std::string name(header.substr(0, std::min<std::size_t>(100, header.find('\0'))));
    position += 512;
    if (static_cast<std::size_t>(size) > bytes.size() - position)
      fail(where, "member " + name + " past the end", "a whole shard", kAdvice);
    if (!members.emplace(name, std::pair{static_cast<std::int64_t>(position), size}).second)
      fail(where, "member " + name + " twice", "once", kAdvice);
    position += (static_cast<std::size_t>(size) + 511) / 512 * 512;
    if (position > bytes.size()) fail(where, "member " + name + " past the end", "a whole shard", kAdvice);
  }
  return members;
}

ShardSet::Descriptors::~Descriptors() {
  for (const int descriptor : list) ::close(descriptor);
}

ShardSet::ShardSet(const fs::path& folder) : folder_(folder) {
  const json manifest = read_corpus_manifest(folder);
  id_ = manifest["id"];
  for (const json& shard : manifest["shards"]) {
    const fs::path file = folder / shard["file"].get<std::string>();
    const std::string bytes = read_file(file), where = file.string();
    if (bytes.size() != shard["bytes"].get<std::size_t>() || sha256_hex(bytes) != shard["sha256"].get<std::string>())
      fail(where, "another size or SHA-256 than its manifest", "a whole shard", kAdvice);
    const auto members = index_tar(bytes, where);
    for (const auto& [name, place] : members) {
      if (!name.ends_with(".json")) continue;
      const std::string key = name.substr(0, name.size() - 5);
      const auto picture = members.find(key + ".png");
      if (picture == members.end()) fail(where, "no picture for " + name, key + ".png", kAdvice);
      json meta = json::parse(bytes.begin() + place.first, bytes.begin() + place.first + place.second, nullptr, false);
      if (!meta.is_object()) fail(where, name + " that is not a JSON object", "one", kAdvice);
      entries_.push_back({key, std::move(meta), names_.size(), picture->second.first, picture->second.second});
    }
    names_.push_back(where);
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail(where, std::string("cannot be opened (") + std::strerror(errno) + ")", "a readable shard");
    descriptors_.list.push_back(descriptor);
  }
  if (entries_.size() != manifest["samples"].get<std::size_t>())
    fail(folder.string(), std::to_string(entries_.size()) + " samples",
         manifest["samples"].dump() + " as the manifest says", kAdvice);
}

Image ShardSet::image(std::int64_t i) const {
  const Entry& entry = entries_[i];
  std::string bytes(static_cast<std::size_t>(entry.bytes), '\0');
  const std::string where = names_[entry.shard] + ":" + entry.key + ".png";
  if (::pread(descriptors_.list[entry.shard], bytes.data(), bytes.size(), entry.offset) != entry.bytes)
    fail(where, "cannot be read", "its bytes", kAdvice);
  return decode_image(bytes, where, 1 << 24);
}

}  // namespace cliplab
