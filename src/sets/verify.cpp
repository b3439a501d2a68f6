// Compares counts and classes on disk with the catalogue and the manifest.
#include "sets/verify.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "sets/built_set.hpp"
#include "sets/published.hpp"
#include "sets/set_reader.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

void count_classes(const Item& item, std::vector<std::int64_t>& of_class) {
  if (item.targets.empty() && item.label >= 0) ++of_class[item.label];
  for (std::size_t c = 0; c < item.targets.size(); ++c) of_class[c] += item.targets[c] > 0;
}

}  // namespace

std::vector<std::string> verify_set(const SetRef& set, bool decode, std::vector<std::string>* notices) {
  const fs::path folder = set.folder();
  if (set.kind() == SetKind::kBuilt)
    if (auto problems = manifest_problems(folder, read_manifest(folder)); !problems.empty()) return problems;
  const Listing listing = read_listing(folder);
  if (notices != nullptr) *notices = listing.all_notices();
  std::vector<std::string> problems = listing.problems;
  const std::string where = folder.string();
  const auto entry = set.kind() == SetKind::kCatalogue ? find_published_set(set.name()) : std::nullopt;
  if (entry) {
    if (entry->classes > 0 && !listing.has_captions() && std::ssize(listing.class_names) != entry->classes)
      problems.push_back(fmt::format("{}: {} classes, expected {}", where, listing.class_names.size(), entry->classes));
    for (const auto& [split, expected] : entry->counts)
      if (const auto count = std::ssize(rows_of(set, listing, split)); count != expected)
        problems.push_back(fmt::format("{}: {} pictures in {}, expected {}", where, count, split, expected));
  }
  if (!listing.has_captions())
    for (const std::string& split : splits_of(set, listing)) {
      std::vector<std::int64_t> used(listing.class_names.size());
      for (const std::size_t row : rows_of(set, listing, split)) count_classes(listing.items[row], used);
      for (std::size_t c = 0; c < used.size(); ++c)
        if (used[c] == 0)
          problems.push_back(
              fmt::format("{}: class '{}' without a picture in {}", where, listing.class_names[c], split));
    }
  if (decode) {
    std::vector<std::string> bad(listing.items.size());
    parallel_for(std::ssize(listing.items), [&](std::int64_t i) {
      if (stop_requested()) throw Interrupted("stopped while decoding " + set.text());
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

std::string describe_copy(const SetRef& set) {
  const auto read = read_set(set);
  const Listing& listing = read->listing;
  std::string text = fmt::format("{} ({})", set.folder().string(), listing.layout);
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
