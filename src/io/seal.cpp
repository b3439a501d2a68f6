// The seal is text, "\ncliplab sha256 <64 hex digits>\n", so that `tail -c 81` shows it and sha256sum can
// check it.
#include "io/seal.hpp"

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.hpp"
#include "base/hash.hpp"

namespace cliplab {
namespace {

constexpr std::string_view kMark = "\ncliplab sha256 ";
constexpr std::uint64_t kSealBytes = kMark.size() + 64 + 1;

std::string seal_of(const std::filesystem::path& path, std::uint64_t bytes) {
  return std::string(kMark) + sha256_file(path, bytes) + "\n";
}

}  // namespace

void append_seal(const std::filesystem::path& path) {
  const std::string seal = seal_of(path, UINT64_MAX);
  std::ofstream out(path, std::ios::binary | std::ios::app);
  out << seal << std::flush;
  if (!out) fail(path.string(), "cannot be written", "free space on the disk");
}

void check_seal(const std::filesystem::path& path) {
  const auto refuse = [&](const char* found) {
    fail(path.string(), found, "a whole file that cliplab wrote", "delete it; the run makes it again");
  };
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) fail(path.string(), "cannot be read (" + error.message() + ")", "a readable file");
  if (size < kSealBytes) refuse("too short for a result file");
  std::string stored(kSealBytes, '\0');
  std::ifstream in(path, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(size - kSealBytes));
  if (!in.read(stored.data(), static_cast<std::streamsize>(stored.size()))) refuse("unreadable");
  if (!stored.starts_with(kMark)) refuse("no checksum at its end (cut short, or written by another program)");
  if (stored != seal_of(path, size - kSealBytes)) refuse("bytes that do not match its checksum (damaged)");
}

}  // namespace cliplab
