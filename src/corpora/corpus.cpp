// The list of corpora, and reading pairs out of one.
#include "corpora/corpus.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/progress.hpp"
#include "base/text.hpp"
#include "corpora/recipes.hpp"
#include "corpora/shards.hpp"
#include "sets/listing.hpp"
#include "sets/loader.hpp"
#include "sets/open_set.hpp"
#include "sets/set_ref.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Recipe {
  const char* name;
  const char* description;
  void (*build)(const fs::path& folder);
  int version;
  std::vector<std::string> needs;  // corpora that must be there before
};

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> list{
      {"fashion_mnist", "Fashion-MNIST, 70,000 photos of clothes", build_fashion_mnist, kFashionMnistRecipe, {}},
      {"openmoji", "OpenMoji, never trained on", build_openmoji, kEmojiRecipe, {}},
      {"gemojione", "Gemojione, never trained on", build_gemojione, kEmojiRecipe, {}},
      {"tuxpaint", "Tux Paint stamps, photos and drawings, never trained on", build_tuxpaint, kTuxpaintRecipe, {}},
      {"drawings",
       "training pairs: Open Clip Art, Noto Emoji, Twemoji",
       build_drawings,
       kDrawingsRecipe,
       {"openmoji", "gemojione", "tuxpaint"}},
      {"emoji_people",
       "men and women of OpenMoji, never trained on",
       build_emoji_people,
       kEmojiStudiesRecipe,
       {"openmoji"}},
      {"emoji_flags",
       "flags of countries with their places, never trained on",
       build_emoji_flags,
       kEmojiStudiesRecipe,
       {"openmoji", "gemojione"}},
  };
  return list;
}

const Recipe& find_recipe(const std::string& name) { return find_named(recipes(), name, "corpus"); }

/// "drawings:noto+twemoji:3000" taken apart.
struct PartName {
  std::string corpus;
  std::vector<std::string> sources;  // empty: all
  std::int64_t pairs = 0;            // of the training split, at most; 0: all
};

PartName part_name(const std::string& name) {
  const std::vector<std::string> fields = split_columns(name, ':');
  PartName part{fields[0], {}, 0};
  const auto refuse = [&] { fail("corpus", "'" + name + "'", "NAME, NAME:SOURCE+SOURCE or NAME:SOURCE+SOURCE:PAIRS"); };
  if (fields.size() > 3) refuse();
  if (fields.size() > 1) part.sources = split_columns(fields[1], '+');
  if (std::find(part.sources.begin(), part.sources.end(), "") != part.sources.end() ||
      (fields.size() > 1 && part.sources.empty()))
    refuse();
  if (fields.size() > 2 && (!parse_number(fields[2], part.pairs) || part.pairs < 1)) refuse();
  return part;
}

/// On disk and built by this version of its recipe.
bool is_current(const Recipe& recipe, const fs::path& folder) {
  return fs::exists(folder / "manifest.json") && read_corpus_manifest(folder)["recipe"] == recipe.version;
}

std::string split_id(const std::string& name, const std::string& split) {
  return name + "/" + split + "@" +
         read_corpus_manifest(corpus_folder(part_name(name).corpus))["id"].get<std::string>().substr(0, 12);
}

class ShardedPairs : public PairCorpus {
 public:
  ShardedPairs(const std::string& name, const std::string& split)
      : set_(corpus_folder(part_name(name).corpus)), id_(split_id(name, split)) {
    const PartName part = part_name(name);
    std::set<std::string> sources;
    for (std::int64_t i = 0; i < set_.size(); ++i) {
      const json& meta = set_.meta(i);
      bool valid = meta.contains("captions") && meta["captions"].is_array() && !meta["captions"].empty() &&
                   meta.contains("split") && meta["split"].is_string() && meta.contains("source") &&
                   meta["source"].is_string();
      if (valid)
        for (const json& caption : meta["captions"]) valid = valid && caption.is_string();
      if (!valid)
        fail(id_, set_.key(i) + " without captions, split or source", "a corpus of pairs",
             "delete its folder and fetch it again");
      const std::string source = meta["source"];
      sources.insert(source);
      const bool wanted =
          part.sources.empty() || std::find(part.sources.begin(), part.sources.end(), source) != part.sources.end();
      if (meta["split"] == split && wanted) rows_.push_back(i);
    }
    for (const std::string& source : part.sources)
      if (!sources.contains(source)) fail("corpus " + name, "no source '" + source + "'", "one of " + joined(sources));
    if (rows_.empty()) fail(id_, "no pair in split '" + split + "'", "train or val");
    if (split == "train" && part.pairs > 0) keep(part.pairs);
  }
  std::string id() const override { return id_; }
  std::int64_t size() const override { return std::ssize(rows_); }
  Pair get(std::int64_t i) const override {
    const std::int64_t row = rows_[i];
    const json& meta = set_.meta(row);
    return {set_.image(row), meta["captions"].get<std::vector<std::string>>(), set_.key(row), meta["source"]};
  }
  std::string key(std::int64_t i) const override { return set_.key(rows_[i]); }

 private:
  /// `pairs` of the rows, in their order: those whose keys hash lowest, so that a smaller part is within a larger one.
  void keep(std::int64_t pairs) {
    if (pairs > size()) fail("corpus " + id_, std::to_string(size()) + " pairs", "at least " + std::to_string(pairs));
    std::vector<std::pair<double, std::int64_t>> shares;
    for (const std::int64_t row : rows_) shares.emplace_back(hash_share(set_.key(row)), row);
    std::sort(shares.begin(), shares.end());
    rows_.clear();
    for (std::int64_t i = 0; i < pairs; ++i) rows_.push_back(shares[i].second);
    std::sort(rows_.begin(), rows_.end());
  }

  ShardSet set_;
  std::string id_;
  std::vector<std::int64_t> rows_;
};

}  // namespace

std::unique_ptr<PairCorpus> open_pair_corpus(const std::string& name, const std::string& split) {
  if (!is_corpus(name)) return open_caption_set(name, split);
  return std::make_unique<ShardedPairs>(name, split);
}

std::vector<std::string> corpus_splits(const std::string& name) {
  const ShardSet set(corpus_folder(part_name(name).corpus));
  std::set<std::string, std::greater<>> splits;  // "val" before "train"
  for (std::int64_t i = 0; i < set.size(); ++i) splits.insert(set.meta(i).value("split", "train"));
  return {splits.begin(), splits.end()};
}

bool is_shards(const std::string& corpus) { return SetRef::parse(corpus).kind() == SetKind::kShards; }

void check_part_name(const std::string& name) { part_name(name); }

std::string shards_id(const std::string& pattern) {
  std::string text;
  for (const fs::path& shard : expand_shards(pattern))
    text += shard.filename().string() + " " + std::to_string(fs::file_size(shard)) + "\n";
  return "shards@" + sha256_hex(text);
}

std::string pair_corpus_id(const std::string& name, const std::string& split) {
  if (is_shards(name)) return shards_id(name);
  if (!is_corpus(name)) return caption_set_id(name, split);
  return split_id(name, split);
}

bool is_corpus(const std::string& name) {
  const std::string whole = name.substr(0, name.find(':'));
  return std::any_of(recipes().begin(), recipes().end(), [&](const Recipe& recipe) { return recipe.name == whole; });
}

std::vector<CorpusStatus> list_corpora() {
  std::vector<CorpusStatus> list;
  for (const Recipe& recipe : recipes()) {
    CorpusStatus status{recipe.name, recipe.description, false, 0, 0, {}};
    const fs::path folder = corpus_folder(recipe.name);
    if (fs::exists(folder / "manifest.json")) try {
        const json manifest = read_corpus_manifest(folder);
        status.present = true, status.samples = manifest["samples"], status.id = manifest["id"];
        for (const json& shard : manifest["shards"]) status.bytes += shard["bytes"].get<std::int64_t>();
      } catch (const InputError& error) {
        status.description += std::string(" (damaged: ") + error.what() + ")";
      }
    list.push_back(status);
  }
  return list;
}

void fetch_corpus(const std::string& part) {
  const std::string name = part_name(part).corpus;
  const Recipe& recipe = find_recipe(name);
  const fs::path folder = corpus_folder(name);
  if (is_current(recipe, folder)) return;
  for (const std::string& needed : recipe.needs) fetch_corpus(needed);
  fs::create_directories(folder.parent_path());
  const FileLock lock(folder.parent_path() / (".lock-" + name));
  if (is_current(recipe, folder)) return;  // another process built it while this one waited
  say("builds the corpus " + name);
  recipe.build(folder);
}

std::vector<std::string> verify_corpus(const std::string& part) {
  const std::string name = part_name(part).corpus;
  find_recipe(name);
  const fs::path folder = corpus_folder(name);
  std::vector<std::string> problems;
  const json manifest = read_corpus_manifest(folder);  // not in the loop's head: it would be gone after the first look
  for (const json& shard : manifest["shards"]) {
    const fs::path file = folder / shard["file"].get<std::string>();
    if (!fs::exists(file))
      problems.push_back(file.string() + ": missing");
    else if (fs::file_size(file) != shard["bytes"].get<std::uintmax_t>())
      problems.push_back(file.string() + ": another size than its manifest");
    else if (sha256_file(file) != shard["sha256"].get<std::string>())
      problems.push_back(file.string() + ": another SHA-256 than its manifest");
  }
  if (!problems.empty() || name == "fashion_mnist") return problems;
  try {
    const ShardSet set(folder);
    for (std::int64_t i = 0; i < set.size(); ++i) try {
        set.image(i);
      } catch (const InputError& error) {
        problems.push_back(error.what());
      }
  } catch (const InputError& error) {
    problems.push_back(error.what());
  }
  return problems;
}

}  // namespace cliplab
