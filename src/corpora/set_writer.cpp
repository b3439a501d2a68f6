// Tables and one uncompressed ustar archive with fixed owner and time, so that the same input gives the same bytes.
#include "corpora/set_writer.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "sets/built_set.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kNamedDrops = 200, kBlock = 2000;

std::string path_of(const BuiltPicture& picture) {
  return (picture.source.empty() ? "" : picture.source + "/") + picture.key + ".png";
}

void write_tar(const fs::path& file, const std::vector<BuiltPicture>& pictures) {
  const std::unique_ptr<archive, decltype(&archive_write_free)> tar(archive_write_new(), archive_write_free);
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(), archive_entry_free);
  const auto check = [&](bool right) {
    if (right) return;
    const char* cause = archive_error_string(tar.get());
    fail(file.string(), std::string("cannot be written (") + (cause ? cause : "unknown cause") + ")", "a file",
         "free space on the disk");
  };
  check(archive_write_set_format_ustar(tar.get()) == ARCHIVE_OK);
  check(archive_write_open_filename(tar.get(), file.c_str()) == ARCHIVE_OK);
  for (const BuiltPicture& picture : pictures) {
    archive_entry_clear(entry.get());
    archive_entry_set_pathname(entry.get(), path_of(picture).c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(picture.png.size()));
    check(archive_write_header(tar.get(), entry.get()) == ARCHIVE_OK);
    check(archive_write_data(tar.get(), picture.png.data(), picture.png.size()) ==
          static_cast<la_ssize_t>(picture.png.size()));
  }
  check(archive_write_close(tar.get()) == ARCHIVE_OK);
}

/// A field of a table: no tab, no end of a line.
const std::string& field(const std::string& text) {
  if (text.find_first_of("\t\r\n") != std::string::npos || !is_utf8(text))
    fail("recipe", "the text '" + text + "'", "one line of UTF-8 without tabs");
  return text;
}

}  // namespace

SetFolder::SetFolder(const std::string& set, int recipe_version)
    : folder_(built_folder(set)), part_(part_path(folder_)), recipe_version_(recipe_version) {
  // The caller holds the set's lock, so any other .part folder is left over from a build that was killed.
  const std::string stale = folder_.filename().string() + ".part";
  fs::create_directories(folder_.parent_path());
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(folder_.parent_path()))
    if (entry.path().filename().string().starts_with(stale)) leftovers.push_back(entry.path());
  for (const fs::path& leftover : leftovers) fs::remove_all(leftover);
  fs::create_directories(part_);
}

SetFolder::~SetFolder() {
  std::error_code ignored;
  fs::remove_all(part_, ignored);  // after finish() it has another name
}

void SetFolder::write(const std::string& file, const std::string& bytes) { write_file_atomically(part_ / file, bytes); }

void SetFolder::drop(const std::string& key, const std::string& reason) {
  counts_[reason] = counts_.value(reason, 0) + 1;
  if (dropped_[reason].size() < kNamedDrops) dropped_[reason].push_back(key);
}

void SetFolder::finish(std::int64_t samples, const std::vector<Package>& packages) {
  std::vector<fs::path> written;
  for (const auto& entry : fs::directory_iterator(part_)) written.push_back(entry.path());
  std::sort(written.begin(), written.end());
  std::string identity = "recipe " + std::to_string(recipe_version_);
  json files = json::array(), origins = json::object();
  for (const fs::path& file : written) {
    const std::string hash = sha256_file(file);
    files.push_back({{"file", file.filename().string()}, {"bytes", fs::file_size(file)}, {"sha256", hash}});
    identity += " " + file.filename().string() + " " + hash;
  }
  for (const Package& package : packages)
    origins[package.name] = {{"version", package.version}, {"sha256", package.sha256}, {"licence", package.licence}};
  const json manifest{
      {"id", sha256_hex(identity)}, {"recipe", recipe_version_}, {"samples", samples},       {"files", files},
      {"packages", origins},        {"dropped", counts_},        {"dropped_names", dropped_}};
  write("manifest.json", manifest.dump(1, ' ', false, json::error_handler_t::replace));
  fs::remove_all(folder_);
  fs::rename(part_, folder_);
}

void SetWriter::finish(const std::vector<Package>& packages) {
  if (pictures_.empty())
    fail("recipe", "no picture that can be drawn", "at least one", "./cliplab installs the fonts that drawing needs");
  std::set<std::string> keys, classes;
  for (const BuiltPicture& picture : pictures_) {
    if (!keys.insert(picture.key).second) fail("recipe", "the key '" + picture.key + "' twice", "each once");
    if (picture.captions.empty()) classes.insert(field(picture.class_name));
  }
  // In blocks of 2,000 by key: the order that the published results were measured in, and that training draws from.
  const auto earlier = [](const BuiltPicture& a, const BuiltPicture& b) { return a.key + "." < b.key + "."; };
  for (std::size_t begin = 0; begin < pictures_.size(); begin += kBlock)
    std::sort(pictures_.begin() + static_cast<std::ptrdiff_t>(begin),
              pictures_.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kBlock, pictures_.size())), earlier);
  const std::vector<std::string> names(classes.begin(), classes.end());
  std::string table = names.empty() ? "path\tsplit\tcaption_no\tcaption\n" : "path\tsplit\tlabel\tclass\n";
  for (const BuiltPicture& picture : pictures_) {
    const std::string start = path_of(picture) + "\t" + picture.split + "\t";
    for (std::size_t i = 0; i < picture.captions.size(); ++i)
      table += start + std::to_string(i) + "\t" + field(picture.captions[i]) + "\n";
    if (!names.empty())
      table += start +
               std::to_string(std::lower_bound(names.begin(), names.end(), picture.class_name) - names.begin()) + "\t" +
               picture.class_name + "\n";
  }
  folder_.write(names.empty() ? "captions.tsv" : "labels.tsv", table);
  if (!names.empty()) folder_.write("classes.txt", joined(names, "\n") + "\n");
  write_tar(folder_.path() / "images.tar", pictures_);
  folder_.finish(std::ssize(pictures_), packages);
}

}  // namespace cliplab
