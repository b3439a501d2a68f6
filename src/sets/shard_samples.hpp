// The rules by which webdataset makes samples of the members of tar shards (webdataset 1.0 tariterators.py
// `base_plus_ext`, `group_by_keys`), for the reader of evaluation sets and for the loader of training pairs.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

struct MemberName {
  std::string key;     // up to the first dot of the last component
  std::string suffix;  // what follows that dot, in lower case: "png", "seg.png"
};

/// nullopt for a member that belongs to no sample: without a dot, hidden ("dir/._a.png"), or metadata ("__index__").
std::optional<MemberName> sample_member(const std::string& name);

/// Suffixes of a sample's picture, the most wanted first. A sample may have several pictures; a suffix of several parts
/// ("seg.png") names another thing, such as a mask.
std::span<const std::string_view> evaluation_pictures();  // CLIP_benchmark's order
std::span<const std::string_view> training_pictures();    // open_clip's order
/// The place of `suffix` among `wanted`; after them come the other formats of pictures, all at one place. -1: none.
int picture_rank(std::span<const std::string_view> wanted, const std::string& suffix);

/// A .tar, or a compressed one by the usual endings (.tar.gz, .tgz, .tar.zst, ...), that is not hidden.
bool is_shard_name(std::string_view name);
/// The shards in a folder, 2.tar before 10.tar.
std::vector<std::filesystem::path> shards_in(const std::filesystem::path& folder);

/// Lines as Python's str.splitlines makes them.
std::vector<std::string> split_lines(std::string_view utf8);
/// What keeps a text from being a caption: "blank" or "not UTF-8"; empty if nothing does.
std::string caption_fault(std::string_view text);
/// A class number as Python's int() reads it: blanks around it, a sign, leading zeros.
std::optional<int> parse_class_number(std::string_view text);

}  // namespace cliplab
