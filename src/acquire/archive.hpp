// Package files (.deb, .whl) read member by member in memory; nothing is unpacked to disk.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace cliplab {

/// Calls visit(name, bytes) for every regular file of at most `max_member` bytes whose name `wanted` accepts,
/// in the archive's order. A .deb's data.tar is opened in place. Throws InputError naming the file when it is
/// damaged.
void for_each_member(const std::filesystem::path& package, const std::function<bool(const std::string& name)>& wanted,
                     const std::function<void(const std::string& name, std::string bytes)>& visit,
                     std::size_t max_member = std::size_t{64} << 20);

}  // namespace cliplab
