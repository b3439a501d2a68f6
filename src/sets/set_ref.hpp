// A data set as a config names it, parsed once. It answers all that a run asks before it reads pictures: whether the
// set exists and can be read, which splits it has, and the hash of its content.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "sets/dataset.hpp"
#include "sets/pairs.hpp"

namespace cliplab {

/// kBuilt: a recipe builds it from packages into data/corpora. kCatalogue: a set of data/datasets.json. kFolder: any
/// other folder under the data root. kShards: webdataset tar shards, a stream of pairs for training without an index.
enum class SetKind { kBuilt, kCatalogue, kFolder, kShards };

class SetRef {
 public:
  /// `text` is one of
  ///   NAME                    a built set, a set of the catalogue, or a folder under the data root (first match)
  ///   NAME/SPLIT              one split of it, by the folder's own name, as a test set ("pacs/sketch")
  ///   NAME:SOURCE+SOURCE[:N]  a part of a built set of pairs: these sources, and N of the training pairs
  ///   shards                  a path that begins with / ./ or ../, contains {, or ends in .tar (.tar.gz, ...)
  /// Throws InputError with the nearest names for an unknown name and for a part that is not well formed. A set that is
  /// known but absent parses.
  static SetRef parse(const std::string& text);

  const std::string& text() const { return text_; }
  SetKind kind() const { return kind_; }
  const std::string& name() const { return name_; }                     // without split or part
  const std::string& part() const { return part_; }                     // SPLIT of NAME/SPLIT, else empty
  const std::vector<std::string>& sources() const { return sources_; }  // of the part; empty: all
  std::int64_t pairs() const { return pairs_; }                         // of the training split, at most; 0: all
  /// Its name in tables: "Fashion-MNIST"; text() if the set has no title.
  std::string title() const;

  /// Why it cannot be read now, in one line; "" if it can. A built set is absent until fetch_corpus() has built it.
  std::string absence() const;
  /// True for captions instead of classes; for an absent set, as its recipe or the catalogue states.
  bool has_captions() const;
  /// Where it is. Throws InputError with absence() and with the steps that get it.
  std::filesystem::path folder() const;

  /// Those of train, validation and test that have samples. Never empty: throws InputError that names the parts when
  /// none of them has any, and InputError with absence() for an absent set (a built set declares its splits).
  std::vector<std::string> splits() const;
  bool has_split(const std::string& split) const;
  /// The folder's own names of its splits ("photo", "sketch"), sorted. Each can be asked for as NAME/PART.
  std::vector<std::string> parts() const;

  /// "name/split@hash", the id of what open_dataset() or open_pairs() gives, without decoding a picture. Throws
  /// InputError for an absent set and for a split without samples.
  std::string id(const std::string& split) const;

  bool operator==(const SetRef& other) const { return text_ == other.text_; }
  bool operator<(const SetRef& other) const { return text_ < other.text_; }

 private:
  SetRef() = default;
  void parse_sources(const std::string& text);

  std::string text_, name_, part_;
  std::vector<std::string> sources_;
  std::int64_t pairs_ = 0;
  SetKind kind_ = SetKind::kFolder;
};

/// Throws InputError when the set is absent, has captions, is damaged, or has no sample in `split`.
std::unique_ptr<Dataset> open_dataset(const SetRef& set, const std::string& split);
/// The same for sets with captions. `split` may also be one of the folder's own names. Shards have no index and do not
/// open here.
std::unique_ptr<PairCorpus> open_pairs(const SetRef& set, const std::string& split);

}  // namespace cliplab
