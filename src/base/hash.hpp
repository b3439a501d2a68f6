// SHA-256 (OpenSSL), for content identities and cache keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's

namespace cliplab {

/// Of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  void add(const void* data, std::size_t size);
  std::string hex();  // once, at the end

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

/// 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);
/// From the stream's position on, at most `max_bytes`; the caller checks in.bad() afterwards.
std::string sha256_stream(std::istream& in, std::uint64_t max_bytes = UINT64_MAX);
/// Of the whole file, or of its first `max_bytes`. Throws InputError naming the file when it cannot be read.
std::string sha256_file(const std::filesystem::path& path, std::uint64_t max_bytes = UINT64_MAX);

/// A stable share of a text in [0, 1), for choices that stay the same from run to run.
double hash_share(const std::string& text);

}  // namespace cliplab
