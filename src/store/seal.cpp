// The seal is text, "\ncliplab sha256 <64 hex digits>\n", so that `tail -c 81` shows it and sha256sum can
// check it.
#include "store/seal.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"

namespace cliplab {
namespace {

constexpr std::string_view kMark = "\ncliplab sha256 ";
constexpr std::uint64_t kSealBytes = kMark.size() + 64 + 1;

std::string seal_text(const std::string& sha256) { return std::string(kMark) + sha256 + "\n"; }

}  // namespace

void append_seal(const std::filesystem::path& path) {
  const std::string seal = seal_text(sha256_file(path));
  std::ofstream out(path, std::ios::binary | std::ios::app);
  out << seal << std::flush;
  if (!out) fail(path.string(), "cannot be written", "free space on the disk");
}

void check_seal(const std::filesystem::path& path) {
  const auto refuse = [&](const char* found) {
    fail(path.string(), found, "a whole file that cliplab wrote", "delete it; the run makes it again");
  };
  // Size, seal and bytes of one open file: another process may give the path a new one meanwhile.
  need_regular_file(path);
  errno = 0;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) fail(path.string(), std::string("cannot be read (") + std::strerror(errno) + ")", "a readable file");
  const auto size = static_cast<std::uint64_t>(in.tellg());
  if (size < kSealBytes) refuse("too short for a result file");
  std::string stored(kSealBytes, '\0');
  in.seekg(static_cast<std::streamoff>(size - kSealBytes));
  if (!in.read(stored.data(), static_cast<std::streamsize>(stored.size()))) refuse("unreadable");
  if (!stored.starts_with(kMark)) refuse("no checksum at its end (cut short, or written by another program)");
  in.seekg(0);
  if (stored != seal_text(sha256_stream(in, size - kSealBytes)))
    refuse("bytes that do not match its checksum (damaged)");
}

}  // namespace cliplab
