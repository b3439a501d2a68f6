// A table in the folder of the pictures: labels.tsv (path, split, label, class, ...) with classes.txt, or captions.tsv
// (path, split, caption_no, caption). The pictures are in images.tar.gz, images.tar, or loose below the folder. Columns
// are found by the names in the first line, never by position; a class has to have the same id in both files.
#include <fmt/format.h>

#include <set>
#include <unordered_map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "sets/listing.hpp"
#include "sets/members.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

struct Pictures {
  Members members;
  bool loose = true;
};

Pictures find_pictures(Listing& listing) {
  for (const char* name : {"images.tar.gz", "images.tar"})
    if (fs::exists(listing.folder / name)) return {index_archive(listing.folder / name, listing.problems), false};
  Pictures pictures;
  std::vector<std::string> found;
  list_pictures(listing.folder, listing.folder, found, listing.problems);
  for (const std::string& path : found)
    pictures.members.emplace(
        path, Item{.key = path, .bytes = static_cast<std::int64_t>(fs::file_size(listing.folder / path))});
  return pictures;
}

std::size_t column(const std::vector<std::string>& head, const std::string& name, const fs::path& file) {
  for (std::size_t i = 0; i < head.size(); ++i)
    if (head[i] == name) return i;
  fail(file.string(), "no column '" + name + "'", "a first line with the names of the columns");
}

bool read_table(Listing& listing) {
  const bool captions = !fs::exists(listing.folder / "labels.tsv");
  const fs::path file = listing.folder / (captions ? "captions.tsv" : "labels.tsv");
  if (!fs::exists(file)) return false;
  listing.layout = file.filename();
  const std::vector<std::string> lines = read_lines(file);
  if (lines.empty()) fail(file.string(), "an empty file", "a table");
  if (!captions) listing.class_names = read_lines(listing.folder / "classes.txt");
  const std::vector<std::string> head = split_columns(lines[0], '\t');
  const std::size_t path_column = column(head, "path", file), split_column = column(head, "split", file),
                    value_column = column(head, captions ? "caption" : "label", file),
                    class_column = captions ? value_column : column(head, "class", file);
  Pictures pictures = find_pictures(listing);
  std::unordered_map<std::string, std::size_t> row_of;  // path -> its item
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto problem = [&](const std::string& found) {
      listing.problems.push_back(fmt::format("{}:{}: {}", file.string(), i + 1, found));
    };
    const std::vector<std::string> columns = split_columns(lines[i], '\t');
    if (columns.size() != head.size()) {
      problem(fmt::format("{} columns, expected {}", columns.size(), head.size()));
      continue;
    }
    if (!is_utf8(lines[i])) {
      problem("not UTF-8");
      continue;
    }
    const std::string& path = columns[path_column];
    if (const auto known = row_of.find(path); known != row_of.end()) {
      if (captions)
        listing.items[known->second].captions.push_back(columns[value_column]);
      else
        problem("'" + path + "' a second time");
      continue;
    }
    const auto member = pictures.members.find(path);
    if (member == pictures.members.end()) {
      problem("no picture '" + path + "'");
      row_of.emplace(path, listing.items.size());  // its further captions are not further problems
      listing.items.push_back({.key = path, .split = -1});
      continue;
    }
    Item item = member->second;
    item.split = listing.split_index(columns[split_column]);
    if (captions) {
      item.captions.push_back(columns[value_column]);
    } else {
      const std::string& text = columns[value_column];
      if (!parse_number(text, item.label) || item.label < 0 || item.label >= std::ssize(listing.class_names)) {
        problem("label '" + text + "', expected one under " + std::to_string(listing.class_names.size()));
        continue;
      }
      if (columns[class_column] != listing.class_names[item.label]) {
        problem(fmt::format("label {} is '{}', expected '{}' as classes.txt says", item.label, columns[class_column],
                            listing.class_names[item.label]));
        continue;
      }
    }
    row_of.emplace(path, listing.items.size());
    listing.items.push_back(std::move(item));
  }
  std::erase_if(listing.items, [](const Item& item) { return item.split < 0; });
  for (const auto& [name, item] : pictures.members)
    if (is_picture_name(name) && !row_of.contains(name))
      listing.problems.push_back(file.string() + ": no line about the picture '" + name + "'");
  return true;
}

const LayoutRegistration registered_table({10, "labels.tsv or captions.tsv", read_table});

}  // namespace
}  // namespace cliplab
