// Where the pictures of a set are: members of archives, files below a folder.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sets/listing.hpp"

namespace cliplab {

/// Bytes of one picture or label that is read into memory, at most; a larger one is reported.
inline constexpr std::int64_t kMaxMember = std::int64_t{512} << 20;

/// Regular members of a .tar (left where they are) or compressed tar (held in memory) whose name is `wanted`, in their
/// order, without split and label; the others are passed over. Members that are too large for a sample and, with
/// `links`, names that a careless unpacker would write elsewhere ("/etc/x", "../x") and links are reported in
/// `problems`. Throws InputError when the archive is damaged or does not fit into memory.
std::vector<Item> list_archive(const std::filesystem::path& archive,
                               const std::function<bool(const std::string& name)>& wanted, bool links,
                               std::vector<std::string>& problems);

using Members = std::map<std::string, Item>;  // name -> place of its bytes
/// The same by name, for an archive in which a name says where its content belongs: names used twice, links, and names
/// that lead elsewhere are reported.
Members index_archive(const std::filesystem::path& archive, const std::function<bool(const std::string& name)>& wanted,
                      std::vector<std::string>& problems);

/// Pictures below `folder`, by path relative to `base`. Links are followed, loops and unreadable ones reported; so are
/// pictures of a format that this program cannot decode.
void list_pictures(const std::filesystem::path& base, const std::filesystem::path& folder,
                   std::vector<std::string>& found, std::vector<std::string>& problems);
bool is_picture_name(std::string_view name);

}  // namespace cliplab
