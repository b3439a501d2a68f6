// From a folder's listing to data sets: split rules, class names joined to prompts, counts held against the table.
#include "sets/open_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <numeric>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "base/rng.hpp"
#include "base/text.hpp"
#include "pixels/preprocess.hpp"
#include "sets/listing.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

struct Found {
  std::string name;                 // as asked
  std::string part;                 // the one split of "pacs/sketch", else empty
  std::optional<PublishedSet> set;  // its entry in the table, if it has one
  fs::path folder;
};

Found find_set(const std::string& name) {
  const auto slash = name.find('/');
  Found found{name, slash == std::string::npos ? "" : name.substr(slash + 1), {}, {}};
  const std::string base = name.substr(0, slash);
  found.set = find_published_set(base);
  if (found.set) {
    found.folder = published_folder(*found.set);
    if (found.folder.empty())
      fail("data set " + base, "nothing of it in " + data_root().string(), "its folder there (--data-root)",
           found.set->get);
    return found;
  }
  found.folder = data_root() / base;
  if (base.empty() || base.starts_with('.') || !fs::is_directory(found.folder))
    fail("data set", "'" + name + "'",
         "one of " + joined(dataset_table(), ", ", &DatasetInfo::name) +
             ", drawings (pairs), a name of ./cliplab data list, or a folder in " + data_root().string());
  return found;
}

/// Read once a process: a compressed archive takes seconds.
struct Read {
  Listing listing;
  std::string id;
};
std::shared_ptr<const Read> read_once(const fs::path& folder) {
  static std::mutex mutex;
  static std::map<fs::path, std::shared_ptr<const Read>> known;
  const std::lock_guard lock(mutex);
  auto& read = known[fs::absolute(folder)];
  if (!read) {
    Read fresh{read_listing(folder), {}};
    fresh.id = content_id(fresh.listing).substr(0, 12);
    read = std::make_shared<const Read>(std::move(fresh));
  }
  return read;
}

void refuse_damage(const Found& found, const Listing& listing) {
  if (listing.problems.empty()) return;
  fail(listing.problems.front(), fmt::format("the first of {} problems", listing.problems.size()), "a whole copy",
       "./cliplab data verify " + found.name.substr(0, found.name.find('/')) + " lists them");
}

std::vector<std::size_t> rows_in(const Listing& listing, const std::vector<std::string>& sources) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < listing.items.size(); ++i)
    if (std::find(sources.begin(), sources.end(), listing.splits[listing.items[i].split]) != sources.end())
      rows.push_back(i);
  return rows;
}

/// Rows of the listing that make the split; empty when it has none.
std::vector<std::size_t> rows_of(const Found& found, const Listing& listing, const std::string& split) {
  if (!found.part.empty()) return split == "test" ? rows_in(listing, {found.part}) : std::vector<std::size_t>{};
  if (found.set && found.set->draw.contains(split) && listing.splits == std::vector<std::string>{"all"}) {
    // DEVIATION(A.1): the paper's samples of these sets are not published; ours are drawn with seed 0.
    std::vector<std::size_t> rows(listing.items.size());
    std::iota(rows.begin(), rows.end(), 0);
    Rng rng(0, 0xd2a3);
    rng.shuffle(rows);
    std::int64_t begin = 0;
    for (const char* other : {"train", "test"}) {  // in this order, so that they share nothing
      const auto count = found.set->draw.contains(other) ? found.set->draw.at(other) : 0;
      if (begin + count > std::ssize(rows)) return {};
      if (other == split) {
        std::vector<std::size_t> drawn(rows.begin() + begin, rows.begin() + begin + count);
        std::sort(drawn.begin(), drawn.end());
        return drawn;
      }
      begin += count;
    }
  }
  if (found.set && found.set->splits.contains(split))
    if (std::vector<std::size_t> rows = rows_in(listing, found.set->splits.at(split)); !rows.empty()) return rows;
  if (std::vector<std::size_t> rows = rows_in(listing, {split}); !rows.empty()) return rows;
  if (split == "test")
    for (const char* other : {"val", "valid", "validation", "dev", "all"})
      if (std::vector<std::size_t> rows = rows_in(listing, {other}); !rows.empty()) return rows;
  if (split == "validation")
    for (const char* other : {"val", "valid", "dev"})
      if (std::vector<std::size_t> rows = rows_in(listing, {other}); !rows.empty()) return rows;
  return {};
}

void count_classes(const Item& item, std::vector<std::int64_t>& of_class) {
  if (item.targets.empty() && item.label >= 0) ++of_class[item.label];
  for (std::size_t c = 0; c < item.targets.size(); ++c) of_class[c] += item.targets[c] > 0;
}

std::vector<std::string> splits_of(const Found& found, const Listing& listing) {
  std::vector<std::string> splits;
  for (const char* split : {"train", "test"})
    if (!rows_of(found, listing, split).empty()) splits.push_back(split);
  return splits;
}

/// The folder's own names of the splits that have samples, sorted.
std::vector<std::string> parts_of(const Listing& listing) {
  std::set<std::string> names;
  for (const Item& item : listing.items) names.insert(listing.splits[item.split]);
  return {names.begin(), names.end()};
}

[[noreturn]] void fail_without(const Found& found, const Listing& listing, const std::string& split) {
  const std::vector<std::string> names = parts_of(listing), splits = splits_of(found, listing);
  if (names.empty()) refuse_damage(found, listing);
  if (names.empty()) fail("data set " + found.name, "no sample", "at least one");
  const std::string parts = found.name.substr(0, found.name.find('/')) + "/" + joined(names, ", ../");
  fail("data set " + found.name, "no sample in split '" + split + "'",
       splits.empty() ? "the name of a part of it: " + parts : "one of " + joined(splits),
       splits.empty() ? "" : "parts of the folder by name: " + parts);
}

std::vector<std::size_t> need_rows(const Found& found, const Listing& listing, const std::string& split) {
  std::vector<std::size_t> rows = rows_of(found, listing, split);
  if (rows.empty()) fail_without(found, listing, split);
  return rows;
}

std::vector<std::string> synonyms(const std::string& name) {
  std::vector<std::string> names = split_columns(name, ',');
  for (std::string& synonym : names) synonym.erase(0, synonym.find_first_not_of(' '));
  return names;
}

class OpenSet : public Dataset {
 public:
  OpenSet(const Found& found, const std::string& split)
      : read_(read_once(found.folder)), id_(found.name + "/" + split + "@" + read_->id) {
    refuse_damage(found, read_->listing);
    if (read_->listing.has_captions())
      fail("data set " + found.name, "captions instead of classes", "a set with classes");
    rows_ = need_rows(found, read_->listing, split);
    for (const std::size_t row : rows_) {
      const Item& item = read_->listing.items[row];
      labels_.push_back(item.label);
      targets_.insert(targets_.end(), item.targets.begin(), item.targets.end());
      if (item.clip != 0) clips_.push_back(item.clip);
    }
    if (found.set) prompts_ = found.set->prompts;
  }
  std::string id() const override { return id_; }
  std::int64_t size() const override { return std::ssize(rows_); }
  Sample get(std::int64_t i) const override {
    // Palettes, CMYK and 16 bit keep what Pillow's order of conversion needs; alpha is dropped there as the reference
    // does.
    return {decode_item(read_->listing, read_->listing.items[rows_[i]]), labels_[i], {}};
  }
  std::string key(std::int64_t i) const override { return read_->listing.items[rows_[i]].key; }
  std::span<const int> labels() const override { return labels_; }
  std::span<const std::int8_t> targets() const override { return targets_; }
  std::span<const std::string> class_names() const override { return read_->listing.class_names; }
  std::span<const int> clips() const override { return clips_; }
  std::span<const std::vector<Subclass>> subclasses() const override { return read_->listing.subclasses; }
  Prompts own_prompts() const override {
    Prompts prompts;
    const fs::path wheels = project_root() / "data/prompts/wheels" / (prompts_ + ".json");
    if (read_->listing.templates.empty() && !prompts_.empty() && fs::exists(wheels)) {
      prompts = read_wheel_prompts(wheels, class_names());
    } else {
      for (const std::string& name : class_names())  // WordNet's "car, auto" of a video set are two names
        prompts.class_names.push_back(clips_.empty() ? std::vector{name} : synonyms(name));
      prompts.templates = read_->listing.templates;
    }
    if (prompts.templates.empty()) prompts.templates = {"a photo of a {}."};  // the paper's default, 3.1.4
    for (auto& names : prompts.class_names)
      for (std::string& name : names) std::replace(name.begin(), name.end(), '_', ' ');
    return prompts;
  }

 private:
  std::shared_ptr<const Read> read_;
  std::string id_, prompts_;
  std::vector<std::size_t> rows_;
  std::vector<int> labels_;
  std::vector<std::int8_t> targets_;
  std::vector<int> clips_;
};

class CaptionSet : public PairCorpus {
 public:
  CaptionSet(const Found& found, const std::string& split)
      : read_(read_once(found.folder)), name_(found.name), id_(found.name + "/" + split + "@" + read_->id) {
    refuse_damage(found, read_->listing);
    if (!read_->listing.has_captions())
      fail("data set " + found.name, "classes instead of captions", "a set with captions");
    rows_ = need_rows(found, read_->listing, split);
  }
  std::string id() const override { return id_; }
  std::int64_t size() const override { return std::ssize(rows_); }
  Pair get(std::int64_t i) const override {
    const Item& item = read_->listing.items[rows_[i]];
    return {decode_item(read_->listing, item), item.captions, item.key, name_};
  }
  std::string key(std::int64_t i) const override { return read_->listing.items[rows_[i]].key; }
  std::vector<std::string> captions(std::int64_t i) const override { return read_->listing.items[rows_[i]].captions; }

 private:
  std::shared_ptr<const Read> read_;
  std::string name_, id_;
  std::vector<std::size_t> rows_;
};

}  // namespace

DatasetInfo open_set_info(const std::string& name) {
  const Found found = find_set(name);
  const Listing& listing = read_once(found.folder)->listing;
  return {name,
          found.set ? found.set->title : name,
          listing.layout,
          found.set ? found.set->licence : "not stated",
          found.folder.string(),
          splits_of(found, listing),
          ""};
}

FolderSplits folder_splits(const std::string& name) {
  const Found found = find_set(name);
  const Listing& listing = read_once(found.folder)->listing;
  FolderSplits splits{splits_of(found, listing), parts_of(listing)};
  std::vector<std::size_t> held = rows_of(found, listing, "validation");
  for (const std::string& split : splits.canonical)
    for (const std::size_t row : rows_of(found, listing, split))
      if (std::binary_search(held.begin(), held.end(), row)) held.clear();
  if (!held.empty())
    splits.canonical.insert(std::find(splits.canonical.begin(), splits.canonical.end(), "test"), "validation");
  return splits;
}

std::vector<std::string> need_splits(const std::string& name) {
  const std::vector<std::string> splits = folder_splits(name).canonical;
  if (!splits.empty()) return splits;
  const Found found = find_set(name);
  fail_without(found, read_once(found.folder)->listing, "test");
}

std::string open_set_id(const std::string& name, const std::string& split) {
  const Found found = find_set(name);
  const auto read = read_once(found.folder);
  need_rows(found, read->listing, split);
  return name + "/" + split + "@" + read->id;
}

std::unique_ptr<Dataset> open_set(const std::string& name, const std::string& split) {
  return std::make_unique<OpenSet>(find_set(name), split);
}

std::unique_ptr<PairCorpus> open_caption_set(const std::string& name, const std::string& split) {
  return std::make_unique<CaptionSet>(find_set(name), split);
}

bool is_captioned(const std::string& name) {
  for (const DatasetInfo& info : dataset_table())
    if (info.name == name) return false;
  return is_corpus(name) || read_once(find_set(name).folder)->listing.has_captions();
}

std::string caption_set_id(const std::string& name, const std::string& split) { return open_set_id(name, split); }

std::vector<std::string> verify_set(const std::string& name, bool decode) {
  const Found found = find_set(name);
  const Listing listing = read_listing(found.folder);  // as it is now
  std::vector<std::string> problems = listing.problems;
  const std::string where = found.folder.string();
  if (found.set) {
    if (found.set->classes > 0 && !listing.has_captions() && std::ssize(listing.class_names) != found.set->classes)
      problems.push_back(
          fmt::format("{}: {} classes, expected {}", where, listing.class_names.size(), found.set->classes));
    for (const auto& [split, expected] : found.set->counts)
      if (const auto count = std::ssize(rows_of(found, listing, split)); count != expected)
        problems.push_back(fmt::format("{}: {} pictures in {}, expected {}", where, count, split, expected));
  }
  if (!listing.has_captions())
    for (const std::string& split : splits_of(found, listing)) {
      std::vector<std::int64_t> used(listing.class_names.size());
      for (const std::size_t row : rows_of(found, listing, split)) count_classes(listing.items[row], used);
      for (std::size_t c = 0; c < used.size(); ++c)
        if (used[c] == 0)
          problems.push_back(
              fmt::format("{}: class '{}' without a picture in {}", where, listing.class_names[c], split));
    }
  if (decode) {
    std::vector<std::string> bad(listing.items.size());
    parallel_for(std::ssize(listing.items), [&](std::int64_t i) {
      if (stop_requested()) throw Interrupted("stopped while decoding " + name);
      try {
        decode_item(listing, listing.items[i]);
      } catch (const InputError& error) {
        bad[i] = error.what();
      }
    });
    std::copy_if(bad.begin(), bad.end(), std::back_inserter(problems),
                 [](const std::string& problem) { return !problem.empty(); });
  }
  return problems;
}

std::string describe_copy(const std::string& name) {
  const Found found = find_set(name);
  const Listing& listing = read_once(found.folder)->listing;
  std::string text = fmt::format("{} ({})", found.folder.string(), listing.layout);
  for (std::size_t split = 0; split < listing.splits.size(); ++split) {
    std::vector<std::int64_t> of_class(listing.class_names.size());
    const auto mine = [&](const Item& item) { return item.split == static_cast<int>(split); };
    for (const Item& item : listing.items)
      if (mine(item)) count_classes(item, of_class);
    const auto [least, most] = std::minmax_element(of_class.begin(), of_class.end());
    text +=
        fmt::format(", {} {}", listing.splits[split], std::count_if(listing.items.begin(), listing.items.end(), mine));
    if (!listing.has_captions())
      text += *least == *most ? fmt::format(" ({} a class)", *most) : fmt::format(" ({} to {} a class)", *least, *most);
  }
  text += listing.has_captions() ? ", with captions" : fmt::format(", {} classes", listing.class_names.size());
  if (!listing.problems.empty()) text += fmt::format(", {} problems", listing.problems.size());
  return text;
}

}  // namespace cliplab
