// The `wds_*` folders of CLIP_benchmark's users: train/*.tar and test/*.tar with a picture and <key>.cls (a class id, a
// line of classnames.txt), <key>.npy (a number a class, where dataset_type.txt says "multilabel") or <key>.txt
// (captions, one a line, where it says "retrieval"); nshards.txt a split, and the set's own templates. Samples are made
// by webdataset's rules (shard_samples.hpp). One rule more: partners that stand apart in a shard are joined by key.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "sets/listing.hpp"
#include "sets/members.hpp"
#include "sets/npy.hpp"
#include "sets/own_prompts.hpp"
#include "sets/shard_samples.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

enum class Task { kClasses, kSeveralLabels, kCaptions };

struct Group {
  std::string key;
  const Item* picture = nullptr;
  int rank = -1;  // of the picture's suffix
  const Item* answer = nullptr;
};

class ShardReader {
 public:
  ShardReader(Listing& listing, Task task) : listing_(listing), task_(task) {}

  std::string dotted;  // the first member whose suffix has several parts

  void read(const fs::path& shard, int split) {
    shard_ = shard.string();
    const std::string wanted = answer_suffix();
    const std::vector<Item> members = list_archive(
        shard,
        [&](const std::string& name) {
          const auto member = sample_member(name);
          if (!member) return false;
          if (dotted.empty() && member->suffix.find('.') != std::string::npos) dotted = name;
          return member->suffix == wanted || picture_rank(evaluation_pictures(), member->suffix) >= 0;
        },
        /*links=*/false, listing_.problems);
    std::vector<Group> groups;
    std::map<std::string, std::size_t> incomplete;  // key -> its group
    for (const Item& item : members) {
      const auto member = *sample_member(item.key);
      if (groups.empty() || groups.back().key != member.key) begin_group(groups, incomplete, member.key);
      add(groups.back(), item, member);
    }
    begin_group(groups, incomplete, "");
    for (const Group& group : groups)
      if (group.picture != nullptr && group.answer != nullptr)
        emit(group, split);
      else if (group.picture != nullptr)
        listing_.leave_out("pictures without a ." + wanted, shard_ + ":" + group.picture->key);
      else if (group.answer != nullptr)
        problem(*group.answer, task_ == Task::kCaptions ? "captions without a picture" : "a label without a picture");
  }

 private:
  std::string answer_suffix() const {
    return task_ == Task::kCaptions ? "txt" : task_ == Task::kSeveralLabels ? "npy" : "cls";
  }
  void problem(const Item& item, const std::string& found) {
    listing_.problems.push_back(shard_ + ":" + item.key + ": " + found);
  }

  /// Ends the last group: if it completes an earlier one of its key, it becomes part of that one.
  static void begin_group(std::vector<Group>& groups, std::map<std::string, std::size_t>& incomplete,
                          const std::string& key) {
    if (!groups.empty()) {
      Group& last = groups.back();
      const bool whole = last.picture != nullptr && last.answer != nullptr;
      const auto other = whole ? incomplete.end() : incomplete.find(last.key);
      if (other != incomplete.end()) {
        Group& first = groups[other->second];
        if ((first.picture == nullptr) != (last.picture == nullptr)) {
          if (first.picture == nullptr) first.picture = last.picture, first.rank = last.rank;
          if (first.answer == nullptr) first.answer = last.answer;
          incomplete.erase(other);
          groups.pop_back();
        }
      } else if (!whole) {
        incomplete.emplace(last.key, groups.size() - 1);
      }
    }
    groups.push_back({.key = key});
  }

  void add(Group& group, const Item& item, const MemberName& member) {
    if (const int rank = picture_rank(evaluation_pictures(), member.suffix); rank >= 0) {
      if (group.picture != nullptr && rank == group.rank && group.picture->key == item.key)
        problem(item, "a name used twice");
      else if (group.picture == nullptr || rank < group.rank)
        group.picture = &item, group.rank = rank;
    } else if (group.answer != nullptr) {
      problem(item, "a name used twice");
    } else {
      group.answer = &item;
    }
  }

  void emit(const Group& group, int split) {
    Item item = *group.picture;
    const Item& answer = *group.answer;
    const std::string text = answer.container->read(answer.offset, answer.bytes, answer.key);
    item.split = split;
    const bool good = task_ == Task::kCaptions        ? take_captions(item, text)
                      : task_ == Task::kSeveralLabels ? take_targets(item, answer, text)
                                                      : take_class(item, text);
    if (good) listing_.items.push_back(std::move(item));
  }

  bool take_captions(Item& item, const std::string& text) {
    const std::string where = shard_ + ":" + item.key;
    if (!is_utf8(text)) return listing_.leave_out("pictures with captions that are not UTF-8", where), false;
    for (std::string& line : split_lines(text))
      if (caption_fault(line).empty()) item.captions.push_back(std::move(line));
    if (item.captions.empty()) listing_.leave_out("pictures with blank captions", where);
    return !item.captions.empty();
  }

  bool take_class(Item& item, const std::string& text) {
    const std::optional<int> number = parse_class_number(text);
    if (!number || *number < 0 || *number >= std::ssize(listing_.class_names)) {
      problem(item,
              fmt::format("class '{}', expected a number under {}", text.substr(0, 80), listing_.class_names.size()));
      return false;
    }
    item.label = *number;
    return true;
  }

  bool take_targets(Item& item, const Item& answer, const std::string& text) try {
    const std::vector<double> values = read_npy(text, shard_ + ":" + answer.key);
    if (values.size() != listing_.class_names.size()) {
      problem(answer, fmt::format("{} labels, expected one for each of {} classes", values.size(),
                                  listing_.class_names.size()));
      return false;
    }
    item.label = 0;  // where no class is in the picture
    for (std::size_t c = values.size(); c-- > 0;)
      if (values[c] > 0) item.label = static_cast<int>(c);
    for (const double value : values) item.targets.push_back(value > 0 ? 1 : -1);
    return true;
  } catch (const InputError& error) {
    listing_.problems.emplace_back(error.what());
    return false;
  }

  Listing& listing_;
  Task task_;
  std::string shard_;
};

void check_number_of_shards(Listing& listing, const fs::path& folder, std::size_t found) {
  const fs::path file = folder / "nshards.txt";
  if (!fs::exists(file)) return;
  const std::vector<std::string> lines = read_lines(file);
  const std::string stated(lines.empty() ? "" : trimmed(lines[0]));
  if (stated != std::to_string(found))
    listing.problems.push_back(fmt::format("{}: {} shards, expected {}", folder.string(), found,
                                           stated.empty() ? "their number in nshards.txt" : stated));
}

Task task_of(const fs::path& folder) {
  const fs::path file = folder / "dataset_type.txt";
  const std::string text = fs::exists(file) ? read_text(file, 1 << 20) : "";
  const std::string type = lower_ascii(trimmed(text));
  return type == "retrieval" ? Task::kCaptions : type == "multilabel" ? Task::kSeveralLabels : Task::kClasses;
}

bool read_webdataset(Listing& listing) {
  const fs::path names = listing.folder / "classnames.txt";
  std::vector<std::pair<fs::path, std::vector<fs::path>>> splits;  // folder, its shards
  for (const auto& entry : fs::directory_iterator(listing.folder)) {
    std::error_code error;
    if (!entry.is_directory(error) || entry.path().filename().string().starts_with('.')) continue;
    if (auto shards = shards_in(entry.path()); !shards.empty()) splits.emplace_back(entry.path(), std::move(shards));
  }
  if (splits.empty()) return false;
  std::sort(splits.begin(), splits.end());
  const Task task = task_of(listing.folder);
  if (task != Task::kCaptions && !fs::exists(names)) {
    listing.notices.push_back(splits[0].second[0].string() +
                              " is not read: shards without classnames.txt, or dataset_type.txt with 'retrieval'");
    return false;
  }
  listing.layout = "webdataset";
  if (task != Task::kCaptions) {
    for (const std::string& line : read_lines(names)) listing.class_names.emplace_back(trimmed(line));
    listing.prompt_names = listing.class_names;
    read_own_templates(listing);
  }
  ShardReader reader(listing, task);
  for (const auto& [folder, shards] : splits) {
    check_number_of_shards(listing, folder, shards.size());
    for (const fs::path& shard : shards) reader.read(shard, listing.split_index(folder.filename()));
  }
  if (listing.items.empty() && listing.problems.empty()) {
    const std::vector<std::string> notices = listing.all_notices();
    const std::string why = !notices.empty()         ? " (" + notices.back() + ")"
                            : !reader.dotted.empty() ? " (the key of '" + reader.dotted + "' ends at its first dot)"
                                                     : "";
    fail(listing.folder.string(), "no sample" + why,
         "train/*.tar and test/*.tar with pictures and ." + std::string(task == Task::kCaptions ? "txt" : "cls"));
  }
  return true;
}

const LayoutRegistration registered_webdataset({20, "classnames.txt with tar shards", read_webdataset});

}  // namespace
}  // namespace cliplab
