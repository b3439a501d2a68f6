// SHA-256 by OpenSSL's EVP interface.
#include "base/hash.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cliplab {
namespace {

void must(int done) {  // fails only where OpenSSL itself is broken or has no memory
  if (done != 1) throw std::runtime_error("OpenSSL cannot compute a SHA-256");
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  must(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

void Sha256::add(const void* data, std::size_t size) { must(EVP_DigestUpdate(context_.get(), data, size)); }

std::string Sha256::hex() {
  unsigned char digest[32];
  must(EVP_DigestFinal_ex(context_.get(), digest, nullptr));
  std::string text;
  for (const unsigned char byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes.data(), bytes.size());
  return hash.hex();
}

std::string sha256_stream(std::istream& in, std::uint64_t max_bytes) {
  Sha256 hash;
  std::vector<char> buffer(1 << 20);
  while (max_bytes > 0) {
    in.read(buffer.data(), static_cast<std::streamsize>(std::min<std::uint64_t>(buffer.size(), max_bytes)));
    if (in.gcount() <= 0) break;
    hash.add(buffer.data(), static_cast<std::size_t>(in.gcount()));
    max_bytes -= static_cast<std::uint64_t>(in.gcount());
  }
  return hash.hex();
}

std::string sha256_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  need_regular_file(path);
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(path.string(), std::string("cannot be read (") + std::strerror(errno) + ")", "a readable file");
  std::string hex = sha256_stream(in, max_bytes);
  if (in.bad()) fail(path.string(), std::string("cannot be read (") + std::strerror(errno) + ")", "a readable file");
  return hex;
}

double hash_share(const std::string& text) {
  return static_cast<double>(std::stoul(sha256_hex(text).substr(0, 8), nullptr, 16)) / 4294967296.0;
}

}  // namespace cliplab
