// The `wds_*` folders of CLIP_benchmark's users: train/*.tar and test/*.tar with <key>.jpg|png|webp and <key>.cls (a
// class id, a line of classnames.txt) or <key>.txt (captions, one a line), nshards.txt a split, and the set's own
// templates.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "sets/listing.hpp"
#include "sets/members.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

/// "{c}" is CLIP_benchmark's name of the place of the class name.
std::string own_template(std::string text) {
  if (const auto at = text.find("{c}"); at != std::string::npos) text.replace(at, 3, "{}");
  return text;
}

std::vector<fs::path> shards_of(const fs::path& folder, std::vector<std::string>& problems) {
  std::vector<fs::path> shards;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".tar") shards.push_back(entry.path());
  std::sort(shards.begin(), shards.end(), [](const fs::path& a, const fs::path& b) {  // 2.tar before 10.tar
    const std::string x = a.filename(), y = b.filename();
    return std::pair(x.size(), x) < std::pair(y.size(), y);
  });
  if (const fs::path file = folder / "nshards.txt"; fs::exists(file)) {
    const std::vector<std::string> lines = read_lines(file);
    if (lines.empty() || lines[0] != std::to_string(shards.size()))
      problems.push_back(fmt::format("{}: {} shards, expected {}", folder.string(), shards.size(),
                                     lines.empty() ? "their number in nshards.txt" : lines[0]));
  }
  return shards;
}

void read_shard(Listing& listing, const fs::path& shard, int split, bool retrieval, std::set<std::string>& keys) {
  Members members = index_archive(shard, listing.problems);
  const std::string extension = retrieval ? "txt" : "cls";
  for (auto& [name, item] : members) {
    const std::string key = webdataset_key(name);
    const auto problem = [&, &name = name](const std::string& found) {
      listing.problems.push_back(shard.string() + ":" + name + ": " + found);
    };
    if (!is_picture_name(name)) {
      const auto is_partner = [&](const char* suffix) { return members.contains(key + suffix); };
      if (name == key + "." + extension && !is_partner(".jpg") && !is_partner(".jpeg") && !is_partner(".png") &&
          !is_partner(".webp"))
        problem(retrieval ? "captions without a picture" : "a label without a picture");
      continue;
    }
    const auto partner = members.find(key + "." + extension);
    if (partner == members.end()) {
      problem("no " + key + "." + extension);
      continue;
    }
    const std::string text =
        partner->second.container->read(partner->second.offset, partner->second.bytes, partner->first);
    if (retrieval) {
      for (std::string line : split_columns(text, '\n')) {
        if (line.ends_with('\r')) line.pop_back();
        if (!line.empty()) item.captions.push_back(std::move(line));
      }
      if (item.captions.empty() || !is_utf8(text)) {
        problem(item.captions.empty() ? "no caption" : "captions that are not UTF-8");
        continue;
      }
    } else {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), item.label);
      if (error != std::errc{} ||
          text.find_first_not_of(" \r\n", static_cast<std::size_t>(end - text.data())) != std::string::npos ||
          item.label < 0 || item.label >= std::ssize(listing.class_names)) {
        problem(fmt::format("class '{}', expected a number under {}", text, listing.class_names.size()));
        continue;
      }
    }
    if (!keys.insert(key).second) {
      problem("key used twice");
      continue;
    }
    item.split = split;
    listing.items.push_back(std::move(item));
  }
}

bool read_webdataset(Listing& listing) {
  const fs::path names = listing.folder / "classnames.txt", type = listing.folder / "dataset_type.txt",
                 templates = listing.folder / "zeroshot_classification_templates.txt";
  const bool retrieval = fs::exists(type) && read_lines(type) == std::vector<std::string>{"retrieval"};
  if (!fs::exists(names) && !retrieval) return false;
  listing.layout = "webdataset";
  if (!retrieval) listing.class_names = read_lines(names);
  if (fs::exists(templates))
    for (const std::string& line : read_lines(templates)) listing.templates.push_back(own_template(line));
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(listing.folder))
    if (entry.is_directory()) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  for (const fs::path& folder : folders) {
    const std::vector<fs::path> shards = shards_of(folder, listing.problems);
    std::set<std::string> keys;
    for (const fs::path& shard : shards)
      read_shard(listing, shard, listing.split_index(folder.filename()), retrieval, keys);
  }
  if (listing.items.empty() && listing.problems.empty())
    fail(listing.folder.string(), "no sample", "train/*.tar and test/*.tar");
  return true;
}

const LayoutRegistration registered_webdataset({20, "classnames.txt with tar shards", read_webdataset});

}  // namespace
}  // namespace cliplab
