// SHA-256 (OpenSSL), for content identities and cache keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace cliplab {

/// 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);
/// Of the whole file, or of its first `max_bytes`. Throws InputError naming the file when it cannot be read.
std::string sha256_file(const std::filesystem::path& path, std::uint64_t max_bytes = UINT64_MAX);

}  // namespace cliplab
