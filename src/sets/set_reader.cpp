// Which samples of a folder a split consists of, by the catalogue's rule or by the folder's own names.
#include "sets/set_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>
#include <set>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/progress.hpp"
#include "base/rng.hpp"
#include "base/text.hpp"
#include "sets/built_set.hpp"
#include "sets/published.hpp"
#include "sets/split_names.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<std::size_t>;

/// Rows of the folder's splits `names`, each of them by its own name or, where the folder has no split of that name, by
/// another of the same role ("Testing" for "test").
Rows rows_in(const Listing& listing, const std::vector<std::string>& names) {
  std::vector<bool> wanted(listing.splits.size());
  for (const std::string& name : names) {
    const bool exact = std::find(listing.splits.begin(), listing.splits.end(), name) != listing.splits.end();
    for (std::size_t s = 0; s < wanted.size(); ++s)
      if (exact ? listing.splits[s] == name : same_split(listing.splits[s], name)) wanted[s] = true;
  }
  Rows rows;
  for (std::size_t i = 0; i < listing.items.size(); ++i)
    if (wanted[listing.items[i].split]) rows.push_back(i);
  return rows;
}

/// DEVIATION(A.1): the paper's samples of some sets are not published; ours are drawn with seed 0.
Rows shuffled(Rows rows) {
  Rng rng(0, 0xd2a3);
  rng.shuffle(rows);
  return rows;
}

Rows all_of(const Listing& listing) {
  Rows rows(listing.items.size());
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

/// `count` of them from `begin` on, in the listing's order.
Rows taken(const Rows& rows, std::int64_t begin, std::int64_t count) {
  Rows part(rows.begin() + begin, rows.begin() + begin + count);
  std::sort(part.begin(), part.end());
  return part;
}

/// "train" first, so that the two share nothing; empty where the folder has too few.
Rows drawn_rows(const std::map<std::string, std::int64_t>& draw, const Listing& listing, const std::string& split) {
  const auto count_of = [&](const std::string& name) { return draw.contains(name) ? draw.at(name) : 0; };
  const Rows rows = shuffled(all_of(listing));
  const std::int64_t begin = split == "test" ? count_of("train") : 0, count = count_of(split);
  return begin + count > std::ssize(rows) ? Rows{} : taken(rows, begin, count);
}

/// So many of each class to train, the rest to test.
Rows drawn_by_class(std::int64_t a_class, const Listing& listing, const std::string& split) {
  std::vector<std::int64_t> counts(listing.class_names.size());
  Rows rows;
  for (const std::size_t row : shuffled(all_of(listing)))
    if ((counts[listing.items[row].label]++ < a_class) == (split == "train")) rows.push_back(row);
  return taken(rows, 0, std::ssize(rows));
}

Rows sampled(const Rows& rows, std::int64_t most) {
  return std::ssize(rows) <= most ? rows : taken(shuffled(rows), 0, most);
}

/// What decides the rows beside the folder's content.
std::string rule_of(const SetRef& set) {
  const auto entry = set.kind() == SetKind::kCatalogue ? find_published_set(set.name()) : std::nullopt;
  if (!entry) return {};
  std::string rule = entry->draw_a_class > 0 ? fmt::format("{} a class", entry->draw_a_class) : "";
  for (const auto& [split, count] : entry->sample) rule += fmt::format("|{} {}", split, count);
  return rule;
}

Rows rows_of_whole(const SetRef& set, const Listing& listing, const std::string& split) {
  const auto entry = set.kind() == SetKind::kCatalogue ? find_published_set(set.name()) : std::nullopt;
  if (entry && entry->draw.contains(split) && listing.splits == std::vector<std::string>{"all"})
    return entry->draw_a_class > 0 && !listing.has_captions() ? drawn_by_class(entry->draw_a_class, listing, split)
                                                              : drawn_rows(entry->draw, listing, split);
  if (entry && entry->sample.contains(split))
    if (const Rows rows = rows_in(listing, entry->splits.at(split)); !rows.empty())
      return sampled(rows, entry->sample.at(split));
  if (entry && entry->splits.contains(split))
    if (Rows rows = rows_in(listing, entry->splits.at(split)); !rows.empty()) return rows;
  if (Rows rows = rows_in(listing, {split}); !rows.empty()) return rows;
  if (split == "test" && set.kind() != SetKind::kBuilt)
    for (const char* name : {"validation", "all"})
      if (Rows rows = rows_in(listing, {name}); !rows.empty()) return rows;
  return {};
}

/// Of a built set of pairs the top folder is the source.
std::string source_of(const Item& item) { return item.key.substr(0, item.key.find('/')); }

/// The rows of the part's sources; for training, `pairs` of them in their order: those whose keys hash lowest, so that
/// a smaller part is within a larger one.
Rows rows_of_part(const SetRef& set, const Listing& listing, Rows rows, bool training) {
  if (set.sources().empty()) return rows;
  std::set<std::string> known;
  for (const Item& item : listing.items) known.insert(source_of(item));
  for (const std::string& source : set.sources())
    if (!known.contains(source))
      fail("data set " + set.text(), "no source '" + source + "'", "one of " + joined(known));
  std::erase_if(rows, [&](std::size_t row) {
    return std::find(set.sources().begin(), set.sources().end(), source_of(listing.items[row])) == set.sources().end();
  });
  if (!training || set.pairs() == 0) return rows;
  if (set.pairs() > std::ssize(rows))
    fail("data set " + set.text(), std::to_string(rows.size()) + " pairs", "at least " + std::to_string(set.pairs()));
  std::vector<std::pair<double, std::size_t>> shares;
  for (const std::size_t row : rows) shares.emplace_back(hash_share(fs::path(listing.items[row].key).stem()), row);
  std::sort(shares.begin(), shares.end());
  rows.clear();
  for (std::int64_t i = 0; i < set.pairs(); ++i) rows.push_back(shares[i].second);
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

std::shared_ptr<const ReadSet> read_set(const SetRef& set) {
  const fs::path folder = set.folder();
  const std::string hash = set.kind() == SetKind::kBuilt ? read_manifest(folder).id.substr(0, 12) : "";
  static std::mutex mutex;
  static std::map<fs::path, std::shared_ptr<const ReadSet>> known;
  const std::lock_guard lock(mutex);
  auto& read = known[fs::absolute(folder)];
  if (read && (hash.empty() || read->hash == hash)) return read;
  ReadSet fresh{read_listing(folder), hash};
  for (const std::string& notice : fresh.listing.all_notices()) say(notice);
  if (const std::string rule = rule_of(set); hash.empty()) {
    const std::string id = content_id(fresh.listing);
    fresh.hash = (rule.empty() ? id : sha256_hex(id + rule)).substr(0, 12);
  }
  return read = std::make_shared<const ReadSet>(std::move(fresh));
}

Rows rows_of(const SetRef& set, const Listing& listing, const std::string& split) {
  if (!set.part().empty()) return split == "test" ? rows_in(listing, {set.part()}) : Rows{};
  return rows_of_part(set, listing, rows_of_whole(set, listing, split), split == "train");
}

std::vector<std::string> splits_of(const SetRef& set, const Listing& listing) {
  const Rows train = rows_of(set, listing, "train"), test = rows_of(set, listing, "test");
  Rows held = rows_of(set, listing, "validation");
  for (const Rows* other : {&train, &test})
    if (std::any_of(other->begin(), other->end(),
                    [&](std::size_t row) { return std::binary_search(held.begin(), held.end(), row); }))
      held.clear();
  std::vector<std::string> splits;
  if (!train.empty()) splits.emplace_back("train");
  if (!held.empty()) splits.emplace_back("validation");
  if (!test.empty()) splits.emplace_back("test");
  return splits;
}

std::vector<std::string> parts_of(const Listing& listing) {
  std::set<std::string> names;
  for (const Item& item : listing.items) names.insert(listing.splits[item.split]);
  return {names.begin(), names.end()};
}

void refuse_damage(const SetRef& set, const Listing& listing) {
  if (listing.problems.empty()) return;
  fail(listing.problems.front(), fmt::format("the first of {} problems", listing.problems.size()), "a whole copy",
       "./cliplab data verify " + set.name() + " lists them");
}

Rows need_rows(const SetRef& set, const Listing& listing, const std::string& split) {
  Rows rows = rows_of(set, listing, split);
  if (!rows.empty()) return rows;
  const std::vector<std::string> names = parts_of(listing), splits = splits_of(set, listing);
  if (names.empty()) refuse_damage(set, listing);
  if (names.empty()) fail("data set " + set.text(), "no sample", "at least one");
  const std::string parts = set.name() + "/" + joined(names, ", ../");
  fail("data set " + set.text(), "no sample in split '" + split + "'",
       splits.empty() ? "the name of a part of it: " + parts : "one of " + joined(splits),
       splits.empty() ? "" : "parts of the folder by name: " + parts);
}

}  // namespace cliplab
