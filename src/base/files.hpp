// Files that exist whole or not at all, and locks that keep two runs apart.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

/// Throws InputError for a pipe, a device or a socket, which could block a reader or never end. Links are followed. A
/// path that does not exist, and a folder, pass: opening them gives the error.
void need_regular_file(const std::filesystem::path& path);

/// Throws InputError naming the file when it cannot be read, is not a regular file, or is larger than `max_bytes` or
/// than the memory that is left.
std::string read_file(const std::filesystem::path& path, std::size_t max_bytes = std::size_t{1} << 31);

/// A text file without its UTF-8 byte-order mark. Throws InputError as read_file does, and for UTF-16 and UTF-32.
std::string read_text(const std::filesystem::path& path, std::size_t max_bytes = std::size_t{1} << 30);

/// The lines of read_text(), without '\r' and without empty ones at the end.
std::vector<std::string> read_lines(const std::filesystem::path& path);

/// Writes `path`.part (with the process id in its name), flushes it to disk, renames it over `path`.
/// Throws InputError naming the file and the cause (disk full, no permission); the .part file is removed then.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// fsync, then rename `part` to `path`, then fsync of the folder; what write_file_atomically ends with.
void commit_file(const std::filesystem::path& part, const std::filesystem::path& path);

/// `path` + ".part" + thread id: a name no other running thread or process uses.
std::filesystem::path part_path(const std::filesystem::path& path);

/// Holds an exclusive lock (flock) on `path` while alive; the kernel frees it when the process dies.
/// If another process holds it, prints one line on stderr and waits.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// Top folder of the project: $CLIPLAB_ROOT, else the nearest parent of the working folder with `experiments/`.
std::filesystem::path project_root();
/// A file that a config names: as it is given where it exists, else below the project's root.
std::filesystem::path named_file(const std::string& name);

/// True once SIGINT or SIGTERM has arrived; long loops ask it between units and throw Interrupted.
bool stop_requested();
/// Installs the handlers: the first signal asks for a stop, the second one kills.
void install_stop_handlers();

}  // namespace cliplab
