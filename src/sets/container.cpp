// A container on disk is read by pread, and only while it is the file that was indexed.
#include "sets/container.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

Container::Container(fs::path file) : file_(std::move(file)) {
  need_regular_file(file_);
  descriptor_ = ::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat now {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &now) != 0)
    fail(file_.string(), std::string("cannot be opened (") + std::strerror(errno) + ")", "a readable file");
  size_ = now.st_size, written_ns_ = nanoseconds(now.st_mtim);
}

Container::Container(fs::path file, std::vector<std::string> parts) : file_(std::move(file)), parts_(std::move(parts)) {
  std::int64_t begin = 0;
  for (const std::string& part : parts_) begins_.push_back(begin), begin += std::ssize(part);
}

Container::Container(fs::path file, std::string content) : file_(std::move(file)), begins_{0} {
  parts_.push_back(std::move(content));
}

Container::~Container() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string Container::read(std::int64_t offset, std::int64_t bytes, const std::string& key) const {
  if (descriptor_ < 0) {
    // The last part that begins here: empty parts share their place with the next one.
    const auto part = std::upper_bound(begins_.begin(), begins_.end(), offset) - begins_.begin() - 1;
    if (part < 0) return {};
    return parts_[part].substr(static_cast<std::size_t>(offset - begins_[part]), static_cast<std::size_t>(bytes));
  }
  struct stat now {};
  if (::fstat(descriptor_, &now) != 0 || now.st_size != size_ || nanoseconds(now.st_mtim) != written_ns_)
    fail(file_.string() + ":" + key, "a file that has changed since it was opened", "one that nobody writes to",
         "start again");
  std::string content(static_cast<std::size_t>(bytes), '\0');
  for (std::int64_t done = 0; done < bytes;) {
    const ssize_t count =
        ::pread(descriptor_, content.data() + done, static_cast<std::size_t>(bytes - done), offset + done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0)
      fail(file_.string() + ":" + key, count < 0 ? std::strerror(errno) : "the file has become shorter",
           std::to_string(bytes) + " bytes");
    done += count;
  }
  return content;
}

}  // namespace cliplab
