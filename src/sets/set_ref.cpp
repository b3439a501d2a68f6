// From a name to a kind and a folder. What the folder holds comes from set_reader.
#include "sets/set_ref.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "sets/built_set.hpp"
#include "sets/loader.hpp"
#include "sets/published.hpp"
#include "sets/set_reader.hpp"
#include "sets/shard_samples.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

bool names_shards(const std::string& text) {
  return text.starts_with('/') || text.starts_with("./") || text.starts_with("../") ||
         text.find('{') != std::string::npos || is_shard_name(text);
}

[[noreturn]] void refuse_unknown(const std::string& text, const std::string& name) {
  std::vector<std::string> known;
  for (const BuiltSet& set : built_sets()) known.push_back(set.name);
  for (const PublishedSet& set : read_published_sets()) known.push_back(set.name);
  if (fs::is_directory(data_root()))
    for (const auto& entry : fs::directory_iterator(data_root()))
      if (const std::string folder = entry.path().filename(); entry.is_directory() && !folder.starts_with('.'))
        known.push_back(folder);
  std::sort(known.begin(), known.end());
  const std::string nearest = nearest_of(name, known);
  fail("data set", "'" + text + "'",
       "a name of ./cliplab data list, or a folder in " + data_root().string() +
           (text.find('/') == std::string::npos ? "" : " (shards: a path that begins with / or ./)"),
       nearest.empty() ? "" : "did you mean '" + nearest + "'?");
}

/// Of shards only their names and sizes: they may be gigabytes.
std::string shards_id(const std::string& pattern) {
  std::string text;
  for (const fs::path& shard : expand_shards(pattern))
    text += shard.filename().string() + " " + std::to_string(fs::file_size(shard)) + "\n";
  return "shards@" + sha256_hex(text);
}

}  // namespace

void SetRef::parse_sources(const std::string& text) {
  const auto refuse = [&] {
    fail("data set", "'" + text_ + "'", "NAME, NAME:SOURCE+SOURCE or NAME:SOURCE+SOURCE:PAIRS");
  };
  const std::vector<std::string> fields = split_columns(text, ':');
  if (fields.size() > 2) refuse();
  sources_ = split_columns(fields[0], '+');
  if (std::find(sources_.begin(), sources_.end(), "") != sources_.end()) refuse();
  if (fields.size() == 2 && (!parse_number(fields[1], pairs_) || pairs_ < 1)) refuse();
}

SetRef SetRef::parse(const std::string& text) {
  SetRef set;
  set.text_ = set.name_ = text;
  if (names_shards(text)) {
    set.kind_ = SetKind::kShards;
    return set;
  }
  if (const auto slash = text.find('/'); slash != std::string::npos) {
    set.name_ = text.substr(0, slash), set.part_ = text.substr(slash + 1);
    if (set.part_.empty()) fail("data set", "'" + text + "'", "NAME or NAME/SPLIT");
  }
  const auto colon = set.name_.find(':');
  if (const BuiltSet* built = find_built_set(set.name_.substr(0, colon)); built != nullptr) {
    if (colon != std::string::npos) {
      if (!built->captions || !set.part_.empty())
        fail("data set", "'" + text + "'", "sources after ':' for a set of pairs, and no split");
      set.parse_sources(set.name_.substr(colon + 1));
    }
    set.name_ = built->name;
    set.kind_ = SetKind::kBuilt;
  } else if (find_published_set(set.name_)) {
    set.kind_ = SetKind::kCatalogue;
  } else if (!set.name_.empty() && !set.name_.starts_with('.') && fs::is_directory(data_root() / set.name_)) {
    set.kind_ = SetKind::kFolder;
  } else {
    refuse_unknown(text, set.name_);
  }
  return set;
}

std::string SetRef::title() const {
  if (kind_ == SetKind::kBuilt && text_ == name_) return find_built_set(name_)->title;
  if (kind_ == SetKind::kCatalogue) return find_published_set(name_)->title;
  return text_;
}

fs::path SetRef::folder() const {
  if (kind_ == SetKind::kBuilt) {
    read_manifest(built_folder(name_));
    return built_folder(name_);
  }
  if (kind_ == SetKind::kFolder) return data_root() / name_;
  if (kind_ == SetKind::kShards) fail("data set " + text_, "shards", "a set in a folder of its own");
  const auto entry = find_published_set(name_);
  fs::path folder = published_folder(*entry);
  if (folder.empty())
    fail("data set " + name_, "nothing of it in " + data_root().string(), "its folder there (--data-root)", entry->get);
  return folder;
}

std::string SetRef::absence() const {
  try {
    if (kind_ == SetKind::kShards)
      need_captions(expand_shards(text_));
    else if (kind_ == SetKind::kBuilt)
      folder();
    else
      read_set(*this);
    return {};
  } catch (const InputError& error) {
    return error.what();
  }
}

bool SetRef::has_captions() const {
  if (kind_ == SetKind::kShards) return true;
  if (kind_ == SetKind::kBuilt) return find_built_set(name_)->captions;
  if (const auto entry = find_published_set(name_); entry && published_folder(*entry).empty())
    return entry->task == "captions";
  return read_set(*this)->listing.has_captions();
}

std::vector<std::string> SetRef::splits() const {
  if (kind_ == SetKind::kShards) return {"train"};
  if (kind_ == SetKind::kBuilt && part_.empty()) return find_built_set(name_)->splits;
  const auto read = read_set(*this);
  std::vector<std::string> splits = splits_of(*this, read->listing);
  if (splits.empty()) need_rows(*this, read->listing, "test");  // throws
  return splits;
}

bool SetRef::has_split(const std::string& split) const {
  const std::vector<std::string> all = splits();
  return std::find(all.begin(), all.end(), split) != all.end();
}

std::vector<std::string> SetRef::parts() const {
  return kind_ == SetKind::kShards ? std::vector<std::string>{} : parts_of(read_set(*this)->listing);
}

std::string SetRef::id(const std::string& split) const {
  if (kind_ == SetKind::kShards) return shards_id(text_);
  const std::string id = text_ + "/" + split + "@";
  // The manifest of a built set answers in milliseconds; only parts with a number of pairs and unknown splits need the
  // listing.
  if (kind_ == SetKind::kBuilt && sources_.empty() && part_.empty() && has_split(split))
    return id + read_manifest(folder()).id.substr(0, 12);
  const auto read = read_set(*this);
  need_rows(*this, read->listing, split);
  return id + read->hash;
}

}  // namespace cliplab
