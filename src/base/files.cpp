// Atomic files, locks, signals. A .part file is renamed only after fsync, so that a power cut leaves the old
// file or the new one; locks are flock()s, because the kernel frees them when a process is killed.
#include "base/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <thread>

#include "base/error.hpp"
#include "base/memory.hpp"
#include "base/progress.hpp"
#include "base/text.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

std::atomic<bool> stop_flag{false};  // read by every thread, written by the handler
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) {
  if (stop_flag.exchange(true)) ::_exit(130);
  const int saved = errno;
  constexpr char kText[] = "\nstopping after the unit in hand; once more to stop at once\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText, sizeof kText - 1);
  errno = saved;
}

[[noreturn]] void fail_writing(const fs::path& path, int error) {
  fail(path.string(), std::string("cannot write it (") + std::strerror(error) + ")",
       "a writable folder with free space");
}

void sync_path(const fs::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  if (descriptor < 0) fail_writing(path, errno);
  const int result = ::fsync(descriptor), error = errno;
  ::close(descriptor);
  if (result != 0 && error != EINVAL) fail_writing(path, error);
}

}  // namespace

void need_regular_file(const fs::path& path) {
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  const char* found = type == fs::file_type::fifo        ? "a named pipe"
                      : type == fs::file_type::socket    ? "a socket"
                      : type == fs::file_type::character ? "a device"
                      : type == fs::file_type::block     ? "a device"
                                                         : nullptr;
  if (found != nullptr) fail(path.string(), found, "a regular file");
}

std::string read_file(const fs::path& path, std::size_t max_bytes) {
  need_regular_file(path);
  std::error_code no_size;
  if (const std::uintmax_t size = fs::file_size(path, no_size); !no_size)
    need_memory(path.string(), std::min<std::size_t>(max_bytes, size) + 1);
  const auto refuse = [&](int error) {
    fail(path.string(), std::string("cannot be read (") + std::strerror(error) + ")", "a readable file");
  };
  // O_NONBLOCK: if a pipe has taken the file's place since the check above, opening it does not block.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) refuse(errno);
  // Read to the end, whatever size the system reports: files of /proc have none.
  struct stat status {};
  std::string bytes;
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode))
    bytes.reserve(std::min(max_bytes, static_cast<std::size_t>(status.st_size)) + 1);
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  for (std::size_t size = 0;;) {
    bytes.resize(std::max(std::min(bytes.capacity(), size + kBlock), size + 1));
    const ssize_t count = ::read(descriptor, bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    const int error = errno;
    if (count <= 0 || size + static_cast<std::size_t>(count) > max_bytes) ::close(descriptor);
    if (count < 0) refuse(error);
    size += static_cast<std::size_t>(count);
    if (size > max_bytes) fail(path.string(), "a file of more bytes", "at most " + std::to_string(max_bytes));
    if (count == 0) {
      bytes.resize(size);
      return bytes;
    }
  }
}

// The thread's id, which is the process id in a program of one thread: two threads that write one file do not
// meet either.
fs::path part_path(const fs::path& path) { return path.string() + ".part" + std::to_string(::gettid()); }

void commit_file(const fs::path& part, const fs::path& path) {
  try {
    sync_path(part, O_RDONLY);
    if (::rename(part.c_str(), path.c_str()) != 0) fail_writing(path, errno);
  } catch (...) {
    ::unlink(part.c_str());
    throw;
  }
  sync_path(path.has_parent_path() ? path.parent_path() : fs::path("."), O_RDONLY | O_DIRECTORY);
}

std::string read_text(const fs::path& path, std::size_t max_bytes) {
  std::string text = read_file(path, max_bytes);
  const auto begins = [&](std::string_view mark) { return text.starts_with(mark); };
  if (begins("\xff\xfe") || begins("\xfe\xff") || begins(std::string_view("\0\0\xfe\xff", 4)))
    fail(path.string(), "text in UTF-16 or UTF-32 by its byte-order mark", "UTF-8", "save it as UTF-8");
  if (begins("\xef\xbb\xbf")) text.erase(0, 3);
  return text;
}

std::vector<std::string> read_lines(const fs::path& path) {
  const std::string text = read_text(path);
  need_memory(path.string(),
              text.size() + sizeof(std::string) * static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
  std::vector<std::string> lines = split_columns(text, '\n');
  for (std::string& line : lines)
    if (line.ends_with('\r')) line.pop_back();
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  const fs::path part = part_path(path);
  const int descriptor = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) fail_writing(path, errno);
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      ::close(descriptor);
      ::unlink(part.c_str());
      fail_writing(path, error);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::close(descriptor) != 0) {
    const int error = errno;
    ::unlink(part.c_str());
    fail_writing(path, error);
  }
  commit_file(part, path);
}

FileLock::FileLock(const fs::path& path) : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) fail_writing(path, errno);
  bool told = false;
  while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      const int error = errno;
      ::close(descriptor_);
      fail_writing(path, error);
    }
    if (!told) say("waiting for another cliplab that holds " + path.string());
    told = true;
    if (stop_requested()) {
      ::close(descriptor_);
      throw Interrupted("stopped while waiting for " + path.string());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

FileLock::~FileLock() { ::close(descriptor_); }

fs::path named_file(const std::string& name) {
  std::error_code error;
  return fs::exists(name, error) ? fs::path(name) : project_root() / name;
}

fs::path project_root() {
  std::error_code error;
  if (const char* root = std::getenv("CLIPLAB_ROOT"); root != nullptr && *root != '\0') {
    if (!fs::is_directory(root, error)) fail("CLIPLAB_ROOT", std::string("'") + root + "'", "the project's folder");
    return root;
  }
  const fs::path start = fs::current_path(error);
  for (fs::path folder = start; !folder.empty(); folder = folder.parent_path()) {
    if (fs::is_directory(folder / "experiments", error)) return folder;
    if (folder == folder.parent_path()) break;
  }
  fail(start.string(), "no folder experiments/ here or above", "a folder inside the project", "set CLIPLAB_ROOT");
}

bool stop_requested() { return stop_flag; }

void install_stop_handlers() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // no library below us sees EINTR
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace cliplab
