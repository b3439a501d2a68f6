// libarchive behind one class. Content is read in steps, so that a size that the header invents costs no memory.
#include "sets/archive_reader.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/memory.hpp"

namespace cliplab {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18, kStep = std::size_t{1} << 24;

}  // namespace

void ArchiveReader::Free::operator()(archive* handle) const { archive_read_free(handle); }

ArchiveReader::ArchiveReader(Formats formats) : handle_(archive_read_new()) {
  if (!handle_) fail("libarchive", "cannot start", "memory for it");
  // Not filter_all: it starts programs of the machine (lrzip, lzop, grzip) for the formats that it cannot read itself.
  for (const auto support :
       {archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_compress,
        archive_read_support_filter_xz, archive_read_support_filter_lzma, archive_read_support_filter_lzip,
        archive_read_support_filter_zstd, archive_read_support_filter_lz4})
    support(handle_.get());
  archive_read_support_format_tar(handle_.get());
  if (formats == Formats::kTar) return;
  archive_read_support_format_zip(handle_.get());
  archive_read_support_format_ar(handle_.get());
}

ArchiveReader::ArchiveReader(const std::filesystem::path& file, Formats formats) : ArchiveReader(formats) {
  where_ = file.string();
  need_regular_file(file);
  if (archive_read_open_filename(handle_.get(), file.c_str(), kBlock) != ARCHIVE_OK) fail_damaged();
}

ArchiveReader::ArchiveReader(std::string_view bytes, const std::string& where, Formats formats)
    : ArchiveReader(formats) {
  where_ = where;
  if (archive_read_open_memory(handle_.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) fail_damaged();
}

void ArchiveReader::fail_damaged() const {
  const char* cause = archive_error_string(handle_.get());
  fail(where_, std::string("a damaged or cut archive (") + (cause ? cause : "unknown cause") + ")", "a whole one");
}

bool ArchiveReader::next() {
  const int status = archive_read_next_header(handle_.get(), &entry_);
  if (status == ARCHIVE_EOF) return false;
  if (status < ARCHIVE_WARN) fail_damaged();
  const char* path = archive_entry_pathname(entry_);
  if (path == nullptr) path = archive_entry_pathname_utf8(entry_);
  name_ = path == nullptr ? "" : path;
  if (name_.starts_with("./")) name_.erase(0, 2);
  return true;
}

bool ArchiveReader::is_folder() const { return archive_entry_filetype(entry_) == AE_IFDIR; }

bool ArchiveReader::is_file() const {
  return archive_entry_filetype(entry_) == AE_IFREG && archive_entry_hardlink(entry_) == nullptr;
}

std::int64_t ArchiveReader::size() const { return archive_entry_size(entry_); }

std::int64_t ArchiveReader::offset() const { return archive_filter_bytes(handle_.get(), 0); }

std::int64_t ArchiveReader::bytes_read() const { return archive_filter_bytes(handle_.get(), -1); }

bool ArchiveReader::is_ar() const {
  return (archive_format(handle_.get()) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_AR;
}

std::string ArchiveReader::read(std::size_t max_bytes) {
  const bool known = archive_entry_size_is_set(entry_) != 0;  // a zip may state the size after the content
  const auto whole = known ? static_cast<std::size_t>(std::max<std::int64_t>(0, size())) : SIZE_MAX;
  const auto refuse = [&] {
    fail(where_, "member " + name_ + " over " + std::to_string(max_bytes) + " bytes", "a smaller one");
  };
  if (known && whole > max_bytes) refuse();
  // Reserved whole and filled in steps: pages that an invented size never fills cost no memory, and nothing is copied.
  std::string content;
  if (known) need_memory(where_ + ":" + name_, whole), content.reserve(whole);
  while (content.size() < whole) {
    const std::size_t used = content.size(), step = std::min({whole - used, kStep, max_bytes - used + 1});
    if (!known && used + step > content.capacity()) {
      const std::size_t more = std::min(std::max(used + step, 2 * used), max_bytes + 1);
      need_memory(where_ + ":" + name_, more), content.reserve(more);
    }
    content.resize(used + step);
    const la_ssize_t count = archive_read_data(handle_.get(), content.data() + used, step);
    if (count < 0 || (count == 0 && known)) fail_damaged();
    content.resize(used + static_cast<std::size_t>(count));
    if (count == 0) break;
    if (content.size() > max_bytes) refuse();
  }
  return content;
}

bool ArchiveReader::write_to(int descriptor) {
  const int end = archive_read_data_into_fd(handle_.get(), descriptor);
  const int cause = end == ARCHIVE_OK ? 0 : archive_errno(handle_.get());
  if (cause == ENOSPC || cause == EFBIG) return false;
  if (end < ARCHIVE_WARN) fail_damaged();
  return true;
}

bool leads_elsewhere(const std::string& name) {
  if (name.starts_with('/')) return true;
  for (const std::filesystem::path& part : std::filesystem::path(name))
    if (part == "..") return true;
  return false;
}

}  // namespace cliplab
