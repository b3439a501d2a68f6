// libarchive reads ar, tar, zip and every compression that packages use.
#include "acquire/archive.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>

#include "base/error.hpp"

namespace cliplab {
namespace {

using Archive = std::unique_ptr<archive, decltype(&archive_read_free)>;
constexpr std::size_t kMaxInner = std::size_t{2} << 30, kMaxTotal = std::size_t{4} << 30;

Archive open_archive(const std::string& where) {
  Archive handle(archive_read_new(), archive_read_free);
  if (!handle) fail(where, "no memory for libarchive", "some");
  archive_read_support_filter_all(handle.get());
  archive_read_support_format_ar(handle.get());
  archive_read_support_format_tar(handle.get());
  archive_read_support_format_zip(handle.get());
  return handle;
}

std::string read_member(archive* handle, const std::string& where, const std::string& name, std::size_t limit) {
  std::string bytes;
  char buffer[1 << 16];
  for (;;) {
    const la_ssize_t count = archive_read_data(handle, buffer, sizeof buffer);
    if (count == 0) return bytes;
    if (count < 0) {
      const char* cause = archive_error_string(handle);
      fail(where, "member " + name + " that cannot be read (" + (cause ? cause : "damaged") + ")", "a whole package");
    }
    if (bytes.size() + static_cast<std::size_t>(count) > limit)
      fail(where, "member " + name + " over " + std::to_string(limit) + " bytes", "a smaller one");
    bytes.append(buffer, static_cast<std::size_t>(count));
  }
}

void walk(archive* handle, const std::string& where, const std::function<bool(const std::string&)>& wanted,
          const std::function<void(const std::string&, std::string)>& visit, std::size_t max_member, bool inner) {
  std::size_t total = 0;
  bool has_data = false;
  for (;;) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(handle, &entry);
    if (status == ARCHIVE_EOF) {
      if (!inner && !has_data && (archive_format(handle) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_AR)
        fail(where, "no data.tar", "a whole .deb");
      return;
    }
    if (status < ARCHIVE_WARN) {
      const char* cause = archive_error_string(handle);
      fail(where, std::string("not a whole package (") + (cause ? cause : "damaged") + ")", "a .deb or .whl file");
    }
    const char* path = archive_entry_pathname(entry);
    if (path == nullptr || archive_entry_filetype(entry) != AE_IFREG) continue;
    std::string name = path;
    if (!inner && name.starts_with("data.tar")) {
      const std::string data = read_member(handle, where, name, kMaxInner);
      const Archive nested = open_archive(where);
      if (archive_read_open_memory(nested.get(), data.data(), data.size()) != ARCHIVE_OK)
        fail(where, "a data.tar that cannot be opened", "a .deb");
      has_data = true;
      walk(nested.get(), where, wanted, visit, max_member, true);
      continue;
    }
    if (name.starts_with("./")) name.erase(0, 2);
    if (!wanted(name)) continue;
    std::string bytes = read_member(handle, where, name, std::min(max_member, kMaxTotal - total));
    total += bytes.size();
    visit(name, std::move(bytes));
  }
}

}  // namespace

void for_each_member(const std::filesystem::path& package, const std::function<bool(const std::string&)>& wanted,
                     const std::function<void(const std::string&, std::string)>& visit, std::size_t max_member) {
  const std::string where = package.string();
  const Archive handle = open_archive(where);
  if (archive_read_open_filename(handle.get(), package.c_str(), 1 << 16) != ARCHIVE_OK) {
    const char* cause = archive_error_string(handle.get());
    fail(where, std::string("cannot be opened (") + (cause ? cause : "damaged") + ")", "a .deb or .whl file");
  }
  walk(handle.get(), where, wanted, visit, max_member, false);
}

}  // namespace cliplab
