// Where the pictures of a set are: members of archives, files below a folder.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sets/listing.hpp"

namespace cliplab {

using Members = std::map<std::string, Item>;  // name -> place of its bytes, without split and label

/// Members of a .tar (left where they are) or compressed tar (read into memory). Names that a careless unpacker would
/// write elsewhere ("/etc/x", "../x"), links and names used twice are reported in `problems`. Throws InputError when it
/// is damaged.
Members index_archive(const std::filesystem::path& archive, std::vector<std::string>& problems);

/// Pictures below `folder`, by path relative to `base`. Links are followed, loops and unreadable ones reported; so are
/// pictures of a format that this program cannot decode.
void list_pictures(const std::filesystem::path& base, const std::filesystem::path& folder,
                   std::vector<std::string>& found, std::vector<std::string>& problems);
bool is_picture_name(std::string_view name);
/// webdataset's key of a member: its name up to the first dot behind the last slash.
std::string webdataset_key(const std::string& name);

}  // namespace cliplab
