// Data sets and sets of pairs over the listing of a folder: labels to classes, class names to prompts.
#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "sets/built_set.hpp"
#include "sets/published.hpp"
#include "sets/set_reader.hpp"
#include "sets/set_ref.hpp"
#include "sets/split_names.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

/// The listing of a set that is whole, with classes or with captions as the caller needs it.
std::shared_ptr<const ReadSet> read_whole(const SetRef& set, bool captions) {
  if (set.kind() == SetKind::kShards)
    fail("data set " + set.text(), "shards, a stream of pairs for training", "a set with an index",
         "put them into a folder of the data root");
  if (set.kind() == SetKind::kBuilt)
    if (const auto problems = manifest_problems(set.folder(), read_manifest(set.folder())); !problems.empty())
      fail(problems.front(), std::to_string(problems.size()) + " damaged files", "the files that the recipe wrote",
           "delete the folder and run ./cliplab data fetch " + set.name());
  auto read = read_set(set);
  refuse_damage(set, read->listing);
  if (read->listing.has_captions() && !captions)
    fail("data set " + set.text(), "captions instead of classes", "a set with classes");
  if (!read->listing.has_captions() && captions)
    fail("data set " + set.text(), "classes instead of captions", "a set with captions");
  return read;
}

std::vector<std::string> synonyms(const std::string& name) {
  std::vector<std::string> names = split_columns(name, ',');
  for (std::string& synonym : names) synonym.erase(0, synonym.find_first_not_of(' '));
  return names;
}

class ListedDataset : public Dataset {
 public:
  ListedDataset(const SetRef& set, const std::string& split)
      : read_(read_whole(set, false)), id_(set.text() + "/" + split + "@" + read_->hash) {
    rows_ = need_rows(set, read_->listing, split);
    truth_.num_classes = static_cast<int>(read_->listing.class_names.size());
    for (const std::size_t row : rows_) {
      const Item& item = read_->listing.items[row];
      truth_.labels.push_back(item.label);
      truth_.targets.insert(truth_.targets.end(), item.targets.begin(), item.targets.end());
      if (item.clip != 0) truth_.clips.push_back(item.clip);
      rounds_.resize(item.rounds.size());
      for (std::size_t r = 0; r < item.rounds.size(); ++r) rounds_[r].push_back(item.rounds[r]);
      if (split == "train") validation_.push_back(split_role(read_->listing.splits[item.split]) == "validation");
    }
    const auto held = std::ranges::count(validation_, 1);
    if (held == 0 || held == std::ssize(validation_)) validation_.clear();
    has_own_prompts_ = set.kind() != SetKind::kBuilt;
    if (const auto entry = find_published_set(set.name())) list_ = entry->prompts;
  }
  std::string id() const override { return id_; }
  std::int64_t size() const override { return std::ssize(rows_); }
  Sample get(std::int64_t i) const override {
    // Palettes, CMYK and 16 bit keep what Pillow's order of conversion needs; alpha is dropped there as the reference
    // does.
    return {decode_item(read_->listing, read_->listing.items[rows_[i]]), truth_.labels[i]};
  }
  std::string key(std::int64_t i) const override { return read_->listing.items[rows_[i]].key; }
  const Truth& truth() const override { return truth_; }
  std::span<const char> validation() const override { return validation_; }
  std::span<const std::vector<RoundRole>> rounds() const override { return rounds_; }
  std::span<const std::string> class_names() const override { return read_->listing.class_names; }
  std::span<const std::vector<Subclass>> subclasses() const override { return read_->listing.subclasses; }
  Prompts own_prompts() const override {
    Prompts prompts;
    if (!has_own_prompts_) return prompts;
    if (const fs::path list = prompt_list_file(list_); !list.empty()) prompts = read_prompt_list(list, class_names());
    if (prompts.templates.empty()) {
      for (const std::string& name : class_names())  // WordNet's "car, auto" of a video set are two names
        prompts.class_names.push_back(truth_.has_clips() ? synonyms(name) : std::vector{name});
      prompts.templates = read_->listing.templates;
      for (std::size_t c = 0; c < read_->listing.prompt_names.size(); ++c)
        prompts.class_names[c] = {read_->listing.prompt_names[c]};
    }
    if (prompts.templates.empty()) prompts.templates = {"a photo of a {}."};  // the paper's default, 3.1.4
    const std::vector<std::string>& verbatim = read_->listing.prompt_names;
    for (std::size_t c = 0; c < prompts.class_names.size(); ++c)
      for (std::string& name : prompts.class_names[c])
        if (verbatim.empty() || name != verbatim[c]) std::replace(name.begin(), name.end(), '_', ' ');
    return prompts;
  }

 private:
  std::shared_ptr<const ReadSet> read_;
  std::string id_;
  std::string list_;             // of prompts (prompt_list_file), or empty
  bool has_own_prompts_ = true;  // a built set's prompts are a file of data/prompts
  std::vector<std::size_t> rows_;
  Truth truth_;
  std::vector<char> validation_;
  std::vector<std::vector<RoundRole>> rounds_;
};

class ListedPairs : public PairCorpus {
 public:
  ListedPairs(const SetRef& set, const std::string& split)
      : read_(read_whole(set, true)),
        id_(set.text() + "/" + split + "@" + read_->hash),
        rows_(need_rows(set, read_->listing, split)) {}
  std::string id() const override { return id_; }
  std::int64_t size() const override { return std::ssize(rows_); }
  Pair get(std::int64_t i) const override {
    const Item& item = read_->listing.items[rows_[i]];
    return {decode_item(read_->listing, item), item.captions, item.key};
  }
  std::string key(std::int64_t i) const override { return read_->listing.items[rows_[i]].key; }
  std::vector<std::string> captions(std::int64_t i) const override { return read_->listing.items[rows_[i]].captions; }

 private:
  std::shared_ptr<const ReadSet> read_;
  std::string id_;
  std::vector<std::size_t> rows_;
};

}  // namespace

std::unique_ptr<Dataset> open_dataset(const SetRef& set, const std::string& split) {
  return std::make_unique<ListedDataset>(set, split);
}

std::unique_ptr<PairCorpus> open_pairs(const SetRef& set, const std::string& split) {
  return std::make_unique<ListedPairs>(set, split);
}

}  // namespace cliplab
