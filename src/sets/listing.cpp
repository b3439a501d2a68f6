// Containers, archives, folders and identity: what every reader stands on.
#include "sets/listing.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "pixels/codecs.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxUnpacked = std::size_t{8} << 30;  // of a compressed archive, which is held in memory
constexpr std::uint64_t kHashedWhole = std::uint64_t{4} << 30;

std::string lower_extension(std::string_view name) {
  const auto dot = name.rfind('.');
  std::string extension(dot == std::string_view::npos ? "" : name.substr(dot));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension;
}

bool ends_in_zeros(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::array<char, 1024> tail{};
  in.seekg(-static_cast<std::streamoff>(tail.size()), std::ios::end);
  return in.read(tail.data(), tail.size()) && std::all_of(tail.begin(), tail.end(), [](char c) { return c == 0; });
}

struct ArchiveHandle {
  archive* handle = archive_read_new();
  ~ArchiveHandle() { archive_read_free(handle); }
};

[[noreturn]] void fail_damaged(const fs::path& file, archive* handle) {
  const char* cause = archive_error_string(handle);
  fail(file.string(), std::string("a damaged or cut archive (") + (cause ? cause : "unknown cause") + ")",
       "a whole one");
}

void walk_pictures(const fs::path& base, const fs::path& folder, std::vector<fs::path>& chain,
                   std::vector<std::string>& found, std::vector<std::string>& problems) {
  std::error_code error;
  const fs::path real = fs::canonical(folder, error);
  if (error || std::find(chain.begin(), chain.end(), real) != chain.end()) {
    problems.push_back(folder.string() +
                       (error ? ": cannot be read (" + error.message() + ")" : ": a link back to a folder above it"));
    return;
  }
  chain.push_back(real);
  std::vector<fs::directory_entry> entries;
  for (const auto& entry : fs::directory_iterator(folder, error)) entries.push_back(entry);
  if (error) problems.push_back(folder.string() + ": cannot be read (" + error.message() + ")");
  std::sort(entries.begin(), entries.end());
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.')) continue;
    if (entry.is_directory(error)) {
      walk_pictures(base, entry.path(), chain, found, problems);
    } else if (is_picture_name(name)) {
      if (entry.is_regular_file(error))
        found.push_back(entry.path().lexically_relative(base).string());
      else
        problems.push_back(entry.path().string() + ": a link to nothing or no file");
    } else if (static const std::set<std::string> other{".bmp", ".tif", ".tiff", ".pgm", ".jp2", ".avif"};
               other.contains(lower_extension(name))) {
      problems.push_back(entry.path().string() + ": a picture of a format without a decoder here");
    }
  }
  chain.pop_back();
}

}  // namespace

static std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

bool leads_elsewhere(const std::string& name) {
  if (name.starts_with('/')) return true;
  for (const fs::path& part : fs::path(name))
    if (part == "..") return true;
  return false;
}

Container::Container(fs::path file) : file_(std::move(file)), descriptor_(::open(file_.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat now {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &now) != 0)
    fail(file_.string(), std::string("cannot be opened (") + std::strerror(errno) + ")", "a readable file");
  size_ = now.st_size, written_ns_ = nanoseconds(now.st_mtim);
}

Container::Container(fs::path file, std::string content) : file_(std::move(file)), content_(std::move(content)) {}

Container::~Container() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string Container::read(std::int64_t offset, std::int64_t bytes, const std::string& key) const {
  if (descriptor_ < 0) return content_.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(bytes));
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

int Listing::split_index(const std::string& split) {
  const auto at = std::find(splits.begin(), splits.end(), split);
  if (at == splits.end()) return splits.push_back(split), static_cast<int>(splits.size()) - 1;
  return static_cast<int>(at - splits.begin());
}

Listing read_listing(const fs::path& folder) {
  Listing listing;
  listing.folder = folder;
  if (!fs::is_directory(folder)) fail(folder.string(), "no folder", "a data set's folder");
  for (const auto read : {read_table, read_webdataset, read_cifar_binary, read_idx_folder, read_voc, read_frames,
                          read_official, read_image_folder})
    if (read(listing)) return listing;
  fail(folder.string(), "no layout that is known here",
       "labels.tsv, captions.tsv, classnames.txt with tar shards, CIFAR .bin, IDX, the set's official files, or "
       "[split/]class/picture");
}

Image decode_item(const Listing& listing, const Item& item) {
  if (listing.pixels == PixelLayout::kEncoded) {
    if (item.container)
      return decode_image(item.container->read(item.offset, item.bytes, item.key),
                          item.container->file().string() + ":" + item.key);
    const fs::path file = listing.folder / item.key;
    const std::string bytes = read_file(file);
    if (std::ssize(bytes) != item.bytes)
      fail(file.string(), std::to_string(bytes.size()) + " bytes",
           std::to_string(item.bytes) + " as when it was listed", "start again");
    return decode_image(bytes, file.string());
  }
  const std::string raw = item.container->read(item.offset, item.bytes, item.key);
  Image image = Image::make(listing.height, listing.width, 3);
  const std::size_t plane =
      listing.pixels == PixelLayout::kPlanar ? image.size() / 3 : 0;  // grey: the same one three times
  for (std::size_t p = 0; p < image.size() / 3; ++p)
    for (std::size_t c = 0; c < 3; ++c) image.pixels[3 * p + c] = static_cast<std::uint8_t>(raw[c * plane + p]);
  return image;
}

std::string content_id(const Listing& listing) {
  std::string text = listing.layout;
  const auto add = [&](const auto& part) { text.append(part).push_back('\0'); };
  for (const auto* names : {&listing.splits, &listing.class_names, &listing.templates})
    for (const std::string& name : *names) add(name);
  for (const auto& classes : listing.subclasses)
    for (const Subclass& subclass : classes) add(subclass.id + " " + subclass.name);
  std::set<fs::path> files;
  for (const Item& item : listing.items) {
    add(item.key), add(std::to_string(item.split) + " " + std::to_string(item.label) + " " +
                       std::to_string(item.offset) + " " + std::to_string(item.bytes));
    for (const std::string& caption : item.captions) add(caption);
    for (const int target : item.targets) add(std::to_string(target));
    if (item.clip != 0) add(std::to_string(item.clip));
    if (item.container)
      files.insert(item.container->file());
    else
      add(std::to_string(fs::last_write_time(listing.folder / item.key).time_since_epoch().count()));
  }
  std::uint64_t total = 0;
  for (const fs::path& file : files) total += fs::file_size(file);
  for (const fs::path& file : files) {
    add(file.filename().string() + " " + std::to_string(fs::file_size(file)));
    add(sha256_file(file, total > kHashedWhole ? 1 << 20 : UINT64_MAX));  // of 150 GB of shards only the heads
  }
  return sha256_hex(text);
}

Members index_archive(const fs::path& file, std::vector<std::string>& problems) {
  const std::string extension = lower_extension(file.string());
  const bool packed = extension != ".tar";
  ArchiveHandle owner;
  archive* handle = owner.handle;
  archive_read_support_filter_all(handle);
  archive_read_support_format_tar(handle);
  if (archive_read_open_filename(handle, file.c_str(), 1 << 16) != ARCHIVE_OK) fail_damaged(file, handle);
  Members members;
  std::string content;
  const auto size = static_cast<std::int64_t>(fs::file_size(file));
  for (;;) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(handle, &entry);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN) fail_damaged(file, handle);
    const char* path = archive_entry_pathname(entry);
    if (path == nullptr) path = archive_entry_pathname_utf8(entry);
    std::string name = path == nullptr ? "" : path;
    if (name.starts_with("./")) name.erase(0, 2);
    const auto type = archive_entry_filetype(entry);
    if (type == AE_IFDIR && path != nullptr) continue;
    const std::string where = file.string() + ":" + name;
    if (path == nullptr || type != AE_IFREG || archive_entry_hardlink(entry) != nullptr || leads_elsewhere(name)) {
      problems.push_back(where + (path == nullptr         ? ": a member without a readable name"
                                  : leads_elsewhere(name) ? ": a name that leads out of the archive"
                                                          : ": a link or device, not a file"));
      continue;
    }
    Item item{.key = name, .offset = archive_filter_bytes(handle, 0), .bytes = archive_entry_size(entry)};
    if (packed) {
      item.offset = static_cast<std::int64_t>(content.size());
      char buffer[1 << 16];
      for (la_ssize_t count; (count = archive_read_data(handle, buffer, sizeof buffer)) != 0;) {
        if (count < 0) fail_damaged(file, handle);
        content.append(buffer, static_cast<std::size_t>(count));
        if (content.size() > kMaxUnpacked)
          fail(file.string(), "over " + std::to_string(kMaxUnpacked >> 30) + " GiB when decompressed", "less",
               "decompress it to a .tar, which is read where it lies");
      }
      item.bytes = static_cast<std::int64_t>(content.size()) - item.offset;
    } else if (item.offset + item.bytes > size) {
      fail(where, "a member past the end of the archive", "a whole archive");
    }
    if (!members.emplace(name, std::move(item)).second) problems.push_back(where + ": a name used twice");
  }
  // Two blocks of zeros end a tar. Cut between two members it would be read without an error.
  if (!packed && !ends_in_zeros(file)) problems.push_back(file.string() + ": no end mark (cut between two members?)");
  const auto container =
      packed ? std::make_shared<const Container>(file, std::move(content)) : std::make_shared<const Container>(file);
  for (auto& [name, item] : members) item.container = container;
  return members;
}

std::string webdataset_key(const std::string& name) {
  const auto slash = name.rfind('/');
  return name.substr(0, name.find('.', slash == std::string::npos ? 0 : slash + 1));
}

bool is_picture_name(std::string_view name) {
  static const std::set<std::string> known{".jpg", ".jpeg", ".png", ".webp", ".gif", ".ppm"};
  return known.contains(lower_extension(name));
}

void list_pictures(const fs::path& base, const fs::path& folder, std::vector<std::string>& found,
                   std::vector<std::string>& problems) {
  std::vector<fs::path> chain;
  walk_pictures(base, folder, chain, found, problems);
}

std::vector<std::string> read_lines(const fs::path& file) {
  const std::string text = read_file(file, std::size_t{1} << 30);
  std::vector<std::string> lines = split_columns(text, '\n');
  for (std::string& line : lines)
    if (line.ends_with('\r')) line.pop_back();
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::vector<std::string> split_columns(std::string_view line, char separator) {
  std::vector<std::string> columns;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find(separator, begin), line.size());
    columns.emplace_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return columns;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xC2 && lead < 0xE0 ? 2
                               : lead >= 0xE0 && lead < 0xF0 ? 3
                               : lead >= 0xF0 && lead < 0xF5 ? 4
                                                             : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    i += length;
  }
  return true;
}

}  // namespace cliplab
