// Names are checked, links and damage reported; nothing is unpacked to disk.
#include "sets/members.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

#include "base/error.hpp"
#include "base/memory.hpp"
#include "base/text.hpp"
#include "sets/archive_reader.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxUnpacked = std::int64_t{64} << 30;  // of a compressed archive, which is held in memory
constexpr std::int64_t kCheck = std::int64_t{64} << 20;        // so often the memory that is left is looked at
constexpr std::size_t kMembersChecked = std::size_t{1} << 18;  // the same by number: an Item takes some 300 bytes
constexpr const char* kDecompress = "decompress it to a .tar, which is read where it lies";

std::string lower_extension(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string() : lower_ascii(name.substr(dot));
}

bool ends_in_zeros(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::array<char, 1024> tail{};
  in.seekg(-static_cast<std::streamoff>(tail.size()), std::ios::end);
  return in.read(tail.data(), tail.size()) && std::all_of(tail.begin(), tail.end(), [](char c) { return c == 0; });
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
    } else if (static const std::set<std::string> kOther{".avif", ".heic", ".heif", ".jxl", ".psd"};
               kOther.contains(lower_extension(name))) {
      problems.push_back(entry.path().string() + ": a picture of a format that this program cannot decode");
    }
  }
  chain.pop_back();
}

}  // namespace

std::vector<Item> list_archive(const fs::path& file, const std::function<bool(const std::string&)>& wanted, bool links,
                               std::vector<std::string>& problems) {
  const bool packed = lower_extension(file.string()) != ".tar";
  ArchiveReader reader(file, ArchiveReader::Formats::kTar);
  std::vector<Item> items;
  std::vector<std::string> parts;
  std::int64_t held = 0;  // bytes in `parts`
  const auto size = static_cast<std::int64_t>(fs::file_size(file));
  while (reader.next()) {
    const std::string& name = reader.name();
    if (reader.is_folder() && !name.empty()) continue;
    const std::string where = file.string() + ":" + name;
    if (links && (name.empty() || !reader.is_file() || leads_elsewhere(name))) {
      problems.push_back(where + (name.empty()            ? ": a member without a readable name"
                                  : leads_elsewhere(name) ? ": a name that leads out of the archive"
                                                          : ": a link or device, not a file"));
      continue;
    }
    if (name.empty() || !reader.is_file() || !wanted(name)) continue;
    Item item{.key = name, .offset = reader.offset(), .bytes = reader.size()};
    if (item.bytes > kMaxMember) {
      problems.push_back(fmt::format("{}: {} bytes, expected at most {}", where, item.bytes, kMaxMember));
      continue;
    }
    if (!packed && item.offset + item.bytes > size)
      fail(where, "a member past the end of the archive", "a whole archive");
    if (packed) {
      if (held + item.bytes > kMaxUnpacked)
        fail(file.string(), "over " + std::to_string(kMaxUnpacked >> 30) + " GiB when decompressed", "less",
             kDecompress);
      if ((held + item.bytes) / kCheck > held / kCheck) need_memory(file.string(), kCheck, kDecompress);
      item.offset = held;
      parts.push_back(reader.read(kMaxMember));
      item.bytes = std::ssize(parts.back());
      held += item.bytes;
    }
    // A member of nothing costs the archive 512 bytes, or less when it is compressed, and memory here.
    if (items.size() % kMembersChecked == kMembersChecked - 1) need_memory(file.string(), kMembersChecked * 512);
    items.push_back(std::move(item));
  }
  // Two blocks of zeros end a tar. Cut between two members it would be read without an error.
  if (!packed && !ends_in_zeros(file)) problems.push_back(file.string() + ": no end mark (cut between two members?)");
  const auto container =
      packed ? std::make_shared<const Container>(file, std::move(parts)) : std::make_shared<const Container>(file);
  for (Item& item : items) item.container = container;
  return items;
}

Members index_archive(const fs::path& file, const std::function<bool(const std::string&)>& wanted,
                      std::vector<std::string>& problems) {
  Members members;
  for (Item& item : list_archive(file, wanted, true, problems))
    if (!members.try_emplace(std::string(item.key), std::move(item)).second)  // moves only what it inserts
      problems.push_back(file.string() + ":" + item.key + ": a name used twice");
  return members;
}

bool is_picture_name(std::string_view name) {
  static const std::set<std::string> kKnown{".jpg",  ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif",
                                            ".tiff", ".webp", ".gif", ".pbm", ".pnm", ".jp2"};
  return kKnown.contains(lower_extension(name));
}

void list_pictures(const fs::path& base, const fs::path& folder, std::vector<std::string>& found,
                   std::vector<std::string>& problems) {
  std::vector<fs::path> chain;
  walk_pictures(base, folder, chain, found, problems);
}

}  // namespace cliplab
