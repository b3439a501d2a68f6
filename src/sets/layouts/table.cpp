// A table in the folder of the pictures: labels.tsv (path, split, label, class, ...) with classes.txt, or captions.tsv
// (path, split, caption_no, caption); .csv instead of .tsv too. The pictures are in images.tar.gz, images.tar, or loose
// below the folder. Columns are found by the names in the first line, never by position; a class has to have the same
// id in both files. Pictures that no line is about are counted and left out.
#include <fmt/format.h>

#include <optional>
#include <unordered_map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/memory.hpp"
#include "base/text.hpp"
#include "sets/built_set.hpp"
#include "sets/delimited.hpp"
#include "sets/listing.hpp"
#include "sets/members.hpp"
#include "sets/shard_samples.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kRowsChecked = 1 << 18;  // an Item and its texts take some 500 bytes

struct Row {
  std::int64_t line = 0;
  std::string path, split, value, class_name;  // value: a label or a caption
};

std::optional<std::size_t> column(const std::vector<std::string>& head, const std::string& name) {
  for (std::size_t i = 0; i < head.size(); ++i)
    if (head[i] == name) return i;
  return {};
}

/// The table's file; empty if the folder has none.
fs::path table_file(const fs::path& folder, bool& captions) {
  for (const char* name : {"labels.tsv", "labels.csv", "captions.tsv", "captions.csv"})
    if (fs::exists(folder / name)) {
      captions = name[0] == 'c';
      return folder / name;
    }
  return {};
}

class Table {
 public:
  Table(Listing& listing, fs::path file, bool captions)
      : listing_(listing), file_(std::move(file)), captions_(captions) {}

  /// False, with a notice: the file is another table.
  bool read() {
    const std::string text = read_text(file_);
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) return pass_over("an empty file");
    // The recipes of this project write fields as they are: no quotes, no tabs, no line ends.
    const bool quotes = listing_.folder != built_folder(listing_.folder.filename().string());
    DelimitedReader reader(text, separator_of(text), file_.string(), quotes);
    std::vector<std::string> head, fields;
    reader.next(head);
    const auto path = column(head, "path"), split = column(head, "split"),
               value = column(head, captions_ ? "caption" : "label"),
               class_name = captions_ ? value : column(head, "class");
    for (const auto& [at, name] : {std::pair(path, "path"), std::pair(split, "split"),
                                   std::pair(value, captions_ ? "caption" : "label"), std::pair(class_name, "class")})
      if (!at) return pass_over(fmt::format("no column '{}' in its first line", name));
    listing_.layout = file_.filename();
    if (!captions_) listing_.class_names = read_lines(listing_.folder / "classes.txt");
    while (reader.next(fields)) {
      if (fields.size() != head.size()) {
        problem(reader.line(), fmt::format("{} columns, expected {}", fields.size(), head.size()));
        continue;
      }
      if (rows_.size() % kRowsChecked == kRowsChecked - 1) need_memory(file_.string(), kRowsChecked * 500);
      rows_.push_back({reader.line(), fields[*path], fields[*split], fields[*value], fields[*class_name]});
    }
    find_pictures();
    for (const Row& row : rows_) add(row);
    std::erase_if(listing_.items, [](const Item& item) { return item.split < 0; });
    for (const auto& [name, item] : pictures_)
      if (is_picture_name(name) && !row_of_.contains(name)) leave_out(name);
    return true;
  }

 private:
  bool pass_over(const std::string& why) {
    listing_.notices.push_back(file_.string() + " is not read: " + why);
    return false;
  }
  void problem(std::int64_t line, const std::string& found) {
    listing_.problems.push_back(fmt::format("{}:{}: {}", file_.string(), line, found));
  }

  void leave_out(const std::string& picture) {
    listing_.leave_out(captions_ ? "pictures without a caption" : "pictures without a label", picture);
  }

  void find_pictures() {
    for (const char* name : {"images.tar.gz", "images.tar"})
      if (const fs::path archive = listing_.folder / name; fs::exists(archive)) {
        std::unordered_map<std::string_view, bool> named;
        for (const Row& row : rows_) named[row.path] = true;
        const auto wanted = [&](const std::string& member) {  // the others are not held in memory
          if (named.contains(member)) return true;
          if (is_picture_name(member)) leave_out(member);
          return false;
        };
        pictures_ = index_archive(archive, wanted, listing_.problems);
        return;
      }
    std::vector<std::string> found;
    list_pictures(listing_.folder, listing_.folder, found, listing_.problems);
    for (const std::string& path : found)
      pictures_.emplace(path,
                        Item{.key = path, .bytes = static_cast<std::int64_t>(fs::file_size(listing_.folder / path))});
  }

  /// False: the caption is counted and left out.
  bool good_caption(const Row& row) {
    const std::string fault = captions_ ? caption_fault(row.value) : "";
    if (!fault.empty())
      listing_.leave_out("captions that are " + fault, fmt::format("{}:{}", file_.string(), row.line));
    return fault.empty();
  }

  void add(const Row& row) {
    if (!is_utf8(row.path) || !is_utf8(row.split) || (!captions_ && !is_utf8(row.value + row.class_name)))
      return problem(row.line, "not UTF-8");
    if (const auto known = row_of_.find(row.path); known != row_of_.end()) {
      if (!captions_)
        problem(row.line, "'" + row.path + "' a second time");
      else if (good_caption(row))
        listing_.items[known->second].captions.push_back(row.value);
      return;
    }
    const auto member = pictures_.find(row.path);
    if (member == pictures_.end()) {
      problem(row.line, "no picture '" + row.path + "'");
      row_of_.emplace(row.path, listing_.items.size());  // its further captions are not further problems
      listing_.items.push_back({.key = row.path, .split = -1});
      return;
    }
    Item item = member->second;
    item.split = listing_.split_index(row.split);
    if (captions_) {
      if (!good_caption(row)) return;  // a picture with no other caption is left out below
      item.captions.push_back(row.value);
    } else {
      if (!parse_number(row.value, item.label) || item.label < 0 || item.label >= std::ssize(listing_.class_names))
        return problem(row.line,
                       fmt::format("label '{}', expected one under {}", row.value, listing_.class_names.size()));
      if (row.class_name != listing_.class_names[item.label])
        return problem(row.line, fmt::format("label {} is '{}', expected '{}' as classes.txt says", item.label,
                                             row.class_name, listing_.class_names[item.label]));
    }
    row_of_.emplace(row.path, listing_.items.size());
    listing_.items.push_back(std::move(item));
  }

  Listing& listing_;
  fs::path file_;
  bool captions_;
  std::vector<Row> rows_;
  Members pictures_;
  std::unordered_map<std::string, std::size_t> row_of_;  // path -> its item
};

bool read_table(Listing& listing) {
  bool captions = false;
  const fs::path file = table_file(listing.folder, captions);
  return !file.empty() && Table(listing, file, captions).read();
}

const LayoutRegistration registered_table({10, "labels.tsv or captions.tsv", read_table});

}  // namespace
}  // namespace cliplab
