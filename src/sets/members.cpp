// Names are checked, links and damage reported; nothing is unpacked to disk.
#include "sets/members.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

#include "base/error.hpp"
#include "sets/archive_reader.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxUnpacked = std::size_t{8} << 30;  // of a compressed archive, which is held in memory

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
    } else if (static const std::set<std::string> kOther{".bmp", ".tif", ".tiff", ".pgm", ".jp2", ".avif"};
               kOther.contains(lower_extension(name))) {
      problems.push_back(entry.path().string() + ": a picture of a format that this program cannot decode");
    }
  }
  chain.pop_back();
}

}  // namespace

Members index_archive(const fs::path& file, std::vector<std::string>& problems) {
  const bool packed = lower_extension(file.string()) != ".tar";
  ArchiveReader reader(file, ArchiveReader::Formats::kTar);
  Members members;
  std::string content;
  const auto size = static_cast<std::int64_t>(fs::file_size(file));
  while (reader.next()) {
    const std::string& name = reader.name();
    if (reader.is_folder() && !name.empty()) continue;
    const std::string where = file.string() + ":" + name;
    if (name.empty() || !reader.is_file() || leads_elsewhere(name)) {
      problems.push_back(where + (name.empty()            ? ": a member without a readable name"
                                  : leads_elsewhere(name) ? ": a name that leads out of the archive"
                                                          : ": a link or device, not a file"));
      continue;
    }
    Item item{.key = name, .offset = reader.offset(), .bytes = reader.size()};
    if (packed) {
      if (content.size() + static_cast<std::size_t>(item.bytes) > kMaxUnpacked)
        fail(file.string(), "over " + std::to_string(kMaxUnpacked >> 30) + " GiB when decompressed", "less",
             "decompress it to a .tar, which is read where it lies");
      item.offset = static_cast<std::int64_t>(content.size());
      content += reader.read(kMaxUnpacked);
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
  static const std::set<std::string> kKnown{".jpg", ".jpeg", ".png", ".webp", ".gif", ".ppm"};
  return kKnown.contains(lower_extension(name));
}

void list_pictures(const fs::path& base, const fs::path& folder, std::vector<std::string>& found,
                   std::vector<std::string>& problems) {
  std::vector<fs::path> chain;
  walk_pictures(base, folder, chain, found, problems);
}

}  // namespace cliplab
