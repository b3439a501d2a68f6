// Archives of data sets, gigabytes large, to disk file by file.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "acquire/fetch.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/progress.hpp"
#include "sets/listing.hpp"

namespace cliplab {

namespace fs = std::filesystem;

void unpack_archive(const fs::path& file, const fs::path& folder, int strip) {
  const std::unique_ptr<archive, decltype(&archive_read_free)> handle(archive_read_new(), archive_read_free);
  archive_read_support_filter_all(handle.get()), archive_read_support_format_tar(handle.get()),
      archive_read_support_format_zip(handle.get());
  const auto damaged = [&] {
    const char* cause = archive_error_string(handle.get());
    fail(file.string(), std::string("a damaged or cut archive (") + (cause ? cause : "unknown cause") + ")",
         "a whole one");
  };
  if (archive_read_open_filename(handle.get(), file.c_str(), 1 << 16) != ARCHIVE_OK) damaged();
  Progress progress("unpack " + file.filename().string(), static_cast<std::int64_t>(fs::file_size(file) / 1'000'000),
                    "MB");
  std::int64_t links = 0;
  for (;;) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(handle.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN) damaged();
    if (stop_requested()) throw Interrupted("stopped while unpacking " + file.string() + "; the same command goes on");
    const char* path = archive_entry_pathname(entry);
    if (path == nullptr || archive_entry_filetype(entry) == AE_IFDIR) continue;
    if (leads_elsewhere(path))
      fail(file.string(), std::string("member '") + path + "', which leads out of the folder", "names below it");
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr) {
      ++links;
      continue;
    }
    fs::path name;
    int depth = 0;
    for (const fs::path& step : fs::path(path).lexically_normal())
      if (depth++ >= strip) name /= step;
    if (name.empty()) continue;
    const fs::path target = folder / name;
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    const int descriptor =
        error ? -1 : ::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    const std::string cause = error ? error.message() : std::strerror(errno);
    if (descriptor < 0) fail(target.string(), "cannot be written (" + cause + ")", "free space and permission");
    const int end = archive_read_data_into_fd(handle.get(), descriptor);
    const int full = end == ARCHIVE_OK ? 0 : archive_errno(handle.get());
    if (::close(descriptor) != 0 || full == ENOSPC || full == EFBIG)
      fail(target.string(), "cannot be written", "free space on the disk");
    if (end < ARCHIVE_WARN) damaged();
    progress.update(archive_filter_bytes(handle.get(), -1) / 1'000'000);
  }
  if (links > 0) say(fmt::format("{}: {} links left out", file.string(), links));
}

}  // namespace cliplab
