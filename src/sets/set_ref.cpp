// Names to kinds. What a set holds is asked of the layer that reads it.
#include "sets/set_ref.hpp"

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/text.hpp"
#include "corpora/corpus.hpp"
#include "corpora/shards.hpp"
#include "sets/loader.hpp"
#include "sets/open_set.hpp"
#include "sets/published.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

bool names_shards(const std::string& text) {
  return text.starts_with('/') || text.starts_with("./") || text.starts_with("../") ||
         text.find('{') != std::string::npos || text.ends_with(".tar");
}

const DatasetInfo* find_built(const std::string& name) {
  for (const DatasetInfo& info : dataset_table())
    if (info.name == name) return &info;
  return nullptr;
}

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  for (const DatasetInfo& info : dataset_table()) names.push_back(info.name);
  for (const CorpusStatus& corpus : list_corpora()) names.push_back(corpus.name);
  for (const PublishedSet& set : read_published_sets()) names.push_back(set.name);
  if (fs::is_directory(data_root()))
    for (const auto& entry : fs::directory_iterator(data_root()))
      if (const std::string name = entry.path().filename(); entry.is_directory() && !name.starts_with('.'))
        names.push_back(name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

[[noreturn]] void refuse_unknown(const std::string& text, const std::string& name) {
  const std::string nearest = nearest_of(name, known_names());
  fail("data set", "'" + text + "'",
       "a name of ./cliplab data list, or a folder in " + data_root().string() +
           (text.find('/') == std::string::npos ? "" : " (shards: a path that begins with / or ./)"),
       nearest.empty() ? "" : "did you mean '" + nearest + "'?");
}

}  // namespace

SetRef SetRef::parse(const std::string& text) {
  SetRef set;
  set.text_ = set.name_ = text;
  if (names_shards(text)) {
    set.kind_ = SetKind::kShards;
    return set;
  }
  if (const auto slash = text.find('/'); slash != std::string::npos)
    set.name_ = text.substr(0, slash), set.part_ = text.substr(slash + 1);
  const bool cut = set.name_.find(':') != std::string::npos;
  if (cut) set.name_ = set.name_.substr(0, set.name_.find(':'));
  const bool built = find_built(set.name_) != nullptr || is_corpus(set.name_);
  if (built)
    set.kind_ = SetKind::kBuilt;
  else if (find_published_set(set.name_))
    set.kind_ = SetKind::kCatalogue;
  else if (!set.name_.empty() && !set.name_.starts_with('.') && fs::is_directory(data_root() / set.name_))
    set.kind_ = SetKind::kFolder;
  else
    refuse_unknown(text, set.name_);
  if (cut && (!built || find_built(set.name_) != nullptr || !set.part_.empty()))
    fail("data set", "'" + text + "'", "a part in the form NAME:SOURCE+SOURCE:PAIRS of a built set of pairs alone");
  if (cut) check_part_name(text);
  if ((built || cut) && text.find('/') != std::string::npos)
    fail("data set", "'" + text + "'", "the name alone", "the splits of a built set are asked for by the study");
  if (text.ends_with('/')) fail("data set", "'" + text + "'", "NAME or NAME/SPLIT");
  return set;
}

std::string SetRef::title() const {
  if (const DatasetInfo* info = find_built(text_)) return info->title;
  if (const auto set = kind_ == SetKind::kCatalogue ? find_published_set(name_) : std::nullopt) return set->title;
  return text_;
}

std::string SetRef::absence() const {
  try {
    if (kind_ == SetKind::kShards)
      expand_shards(text_);
    else if (kind_ == SetKind::kBuilt)
      read_corpus_manifest(corpus_folder(find_built(name_) ? find_built(name_)->corpus : name_));
    else
      folder_splits(text_);
    return {};
  } catch (const InputError& error) {
    return error.what();
  }
}

bool SetRef::has_captions() const {
  if (kind_ == SetKind::kShards) return true;
  if (kind_ == SetKind::kBuilt) return find_built(name_) == nullptr;
  if (const auto set = find_published_set(name_); set && published_folder(*set).empty()) return set->task == "captions";
  return is_captioned(text_);
}

std::vector<std::string> SetRef::splits() const {
  if (kind_ == SetKind::kShards) return {"train"};
  if (const DatasetInfo* info = kind_ == SetKind::kBuilt ? find_built(name_) : nullptr) return info->splits;
  if (kind_ != SetKind::kBuilt) return need_splits(text_);
  if (name_ == "drawings") return {"train", "validation"};
  if (name_ == "emoji_people") return {"test"};
  return {"train", "test"};
}

bool SetRef::has_split(const std::string& split) const {
  const std::vector<std::string> all = splits();
  return std::find(all.begin(), all.end(), split) != all.end();
}

std::vector<std::string> SetRef::parts() const {
  if (kind_ == SetKind::kShards) return {};
  if (kind_ != SetKind::kBuilt) return folder_splits(text_).parts;
  std::vector<std::string> names = find_built(name_) ? find_built(name_)->splits : corpus_splits(name_);
  std::sort(names.begin(), names.end());
  return names;
}

std::string SetRef::id(const std::string& split) const {
  if (kind_ == SetKind::kShards) return shards_id(text_);
  return has_captions() ? pair_corpus_id(text_, split) : dataset_id(text_, split);
}

std::unique_ptr<Dataset> open_dataset(const SetRef& set, const std::string& split) {
  if (set.kind() == SetKind::kShards || set.has_captions())
    fail("data set " + set.text(), "captions instead of classes", "a set with classes");
  return open_dataset(set.text(), split);
}

std::unique_ptr<PairCorpus> open_pairs(const SetRef& set, const std::string& split) {
  if (set.kind() == SetKind::kShards)
    fail("data set " + set.text(), "shards, a stream of pairs for training", "a set that has an index",
         "put them into a folder of the data root");
  return open_pair_corpus(set.text(), set.kind() == SetKind::kBuilt && split == "validation" ? "val" : split);
}

}  // namespace cliplab
