// Archives of data sets, gigabytes large, to disk file by file.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "acquire/fetch.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/progress.hpp"
#include "sets/archive_reader.hpp"

namespace cliplab {

namespace fs = std::filesystem;

void unpack_archive(const fs::path& file, const fs::path& folder, int strip) {
  ArchiveReader reader(file, ArchiveReader::Formats::kAll);
  Progress progress("unpack " + file.filename().string(), static_cast<std::int64_t>(fs::file_size(file) / 1'000'000),
                    "MB");
  std::int64_t links = 0;
  while (reader.next()) {
    if (stop_requested()) throw Interrupted("stopped while unpacking " + file.string() + "; the same command goes on");
    const std::string& path = reader.name();
    if (path.empty() || reader.is_folder()) continue;
    if (leads_elsewhere(path))
      fail(file.string(), "member '" + path + "', which leads out of the folder", "names below it");
    if (!reader.is_file()) {
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
    bool written = false;
    try {
      written = reader.write_to(descriptor);
    } catch (const InputError&) {
      ::close(descriptor);
      throw;
    }
    if (::close(descriptor) != 0 || !written) fail(target.string(), "cannot be written", "free space on the disk");
    progress.update(reader.bytes_read() / 1'000'000);
  }
  if (links > 0) say(fmt::format("{}: {} links left out", file.string(), links));
}

}  // namespace cliplab
