// Members of an archive one after the other. All reading of tar, zip and ar files goes through here (libarchive).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct archive;        // libarchive's
struct archive_entry;  // libarchive's

namespace cliplab {

class ArchiveReader {
 public:
  enum class Formats { kTar, kAll };  // kAll: tar, zip and ar; each may be compressed

  /// Throws InputError when the file cannot be opened. Damage shows in next() and read().
  ArchiveReader(const std::filesystem::path& file, Formats formats);
  /// An archive in memory, which `bytes` must outlive; messages call it `where`.
  ArchiveReader(std::string_view bytes, const std::string& where, Formats formats);

  /// Goes to the next member; false after the last one. Throws InputError when the archive is damaged or cut.
  bool next();

  const std::string& name() const { return name_; }  // without a leading "./"; empty when it cannot be read
  bool is_folder() const;
  bool is_file() const;         // a regular file, not a hard link
  std::int64_t size() const;    // of the member
  std::int64_t offset() const;  // of its first byte in the archive, decompressed
  /// The member's content. Throws InputError when it is damaged or larger than `max_bytes`.
  std::string read(std::size_t max_bytes);
  /// Writes the content to an open file. False when the file cannot hold it (disk full).
  bool write_to(int descriptor);

  bool is_ar() const;               // a Debian package
  std::int64_t bytes_read() const;  // of the file, as it is on disk

 private:
  explicit ArchiveReader(Formats formats);
  [[noreturn]] void fail_damaged() const;

  struct Free {
    void operator()(archive* handle) const;
  };
  std::string where_, name_;
  std::unique_ptr<archive, Free> handle_;
  archive_entry* entry_ = nullptr;
};

/// A member's name that a careless unpacker would write outside its folder: "/etc/x", "../x".
bool leads_elsewhere(const std::string& name);

}  // namespace cliplab
