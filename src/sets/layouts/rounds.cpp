// Sets that their authors divide several times: STL-10 "binary version" with its ten folds of the training pictures,
// and UCF101's lists of three splits. A score is the mean over these rounds (paper A.1).
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/memory.hpp"
#include "base/text.hpp"
#include "sets/listing.hpp"
#include "sets/planes.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kStlSide = 96, kStlPicture = 3 * kStlSide * kStlSide;

/// fold_indices.txt: a line a fold, numbers of training pictures from 0. A number that is none of them is a problem.
std::vector<std::set<std::int64_t>> read_folds(Listing& listing, std::int64_t pictures) {
  std::vector<std::set<std::int64_t>> folds;
  const fs::path file = listing.folder / "fold_indices.txt";
  if (!fs::exists(file)) {
    listing.notices.push_back(file.string() + ": not there; the probe is fitted on all training pictures at once");
    return folds;
  }
  for (const std::string& line : read_lines(file)) {
    std::set<std::int64_t> fold;
    for (const std::string& text : split_columns(line, ' ')) {
      std::int64_t index = -1;
      if (text.empty()) continue;
      if (parse_number(text, index) && index >= 0 && index < pictures)
        fold.insert(index);
      else
        listing.problems.push_back(fmt::format("{}:{}: '{}', expected a number of 0 to {}", file.string(),
                                               folds.size() + 1, text, pictures - 1));
    }
    if (!fold.empty()) folds.push_back(std::move(fold));
  }
  return folds;
}

/// Pictures [N, 3, W, H] bytes, columns first; labels from 1.
bool read_stl10(Listing& listing) {
  if (!fs::exists(listing.folder / "test_X.bin") || !fs::exists(listing.folder / "class_names.txt")) return false;
  listing.layout = "STL-10 binary";
  listing.pixels = PixelLayout::kPlanar, listing.height = listing.width = kStlSide;
  listing.class_names = read_lines(listing.folder / "class_names.txt");
  std::erase(listing.class_names, "");
  for (const char* split : {"train", "test"}) {
    const fs::path file = listing.folder / fmt::format("{}_X.bin", split),
                   label_file = listing.folder / fmt::format("{}_y.bin", split);
    const std::string labels = read_file(label_file);
    const auto count = std::ssize(labels);
    std::error_code error;
    const auto bytes = static_cast<std::int64_t>(fs::file_size(file, error));
    if (error || bytes != count * kStlPicture)
      fail(file.string(), fmt::format("{} bytes", error ? 0 : bytes),
           fmt::format("{}: {} for each of {} labels", count * kStlPicture, kStlPicture, count));
    need_memory(file.string(), static_cast<std::size_t>(2 * bytes));
    const std::string columns = read_file(file, static_cast<std::size_t>(bytes));
    if (std::ssize(columns) != bytes) fail(file.string(), "another size than a moment ago", "no one to write to it");
    const auto container = std::make_shared<const Container>(file, rows_first(columns, kStlSide, kStlSide));
    const bool trains = std::string_view(split) == "train";
    const auto folds = trains ? read_folds(listing, count) : std::vector<std::set<std::int64_t>>{};
    for (std::int64_t i = 0; i < count; ++i) {
      Item item{.key = fmt::format("{}#{}", file.filename().string(), i),
                .split = listing.split_index(split),
                .label = static_cast<std::uint8_t>(labels[i]) - 1,
                .container = container,
                .offset = i * kStlPicture,
                .bytes = kStlPicture};
      for (const auto& fold : folds) item.rounds.push_back(fold.contains(i) ? RoundRole::kTrain : RoundRole::kNone);
      if (item.label >= 0 && item.label < std::ssize(listing.class_names))
        listing.items.push_back(std::move(item));
      else
        listing.problems.push_back(fmt::format("{}: picture {} has label {}, expected 1 to {}", label_file.string(), i,
                                               item.label + 1, listing.class_names.size()));
    }
  }
  const auto first = std::ranges::find_if(listing.items, [](const Item& item) { return !item.rounds.empty(); });
  if (first != listing.items.end())
    for (Item& item : listing.items)
      if (item.rounds.empty()) item.rounds.assign(first->rounds.size(), RoundRole::kTest);
  return true;
}

const LayoutRegistration registered_stl10({35, "STL-10 .bin", read_stl10});

/// The folder of the three lists: of its own, or beside the pictures.
fs::path ucf_lists(const fs::path& folder) {
  for (const char* inner : {"ucfTrainTestlist", "UCF101TrainTestSplits-RecognitionTask/ucfTrainTestlist", ""})
    if (fs::exists(folder / inner / "classInd.txt") && fs::exists(folder / inner / "trainlist01.txt"))
      return folder / inner;
  return {};
}

/// The picture that stands for a clip: its name with a picture's ending, in UCF-101/CLASS or CLASS. Empty: none.
std::string picture_of(const fs::path& folder, const std::string& clip) {
  for (const char* inner : {"UCF-101/", "", "frames/"})
    for (const char* ending : {".jpg", ".jpeg", ".png", ".webp"})
      if (std::string path = inner + clip.substr(0, clip.rfind('.')) + ending; fs::exists(folder / path)) return path;
  return {};
}

/// classInd.txt "1 ApplyEyeMakeup"; trainlist01 to 03 "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1", testlist01 to 03
/// without the number. A clip of several lists is one sample; its split is that of the first lists.
bool read_ucf101(Listing& listing) {
  const fs::path lists = ucf_lists(listing.folder);
  if (lists.empty()) return false;
  listing.layout = "UCF101";
  std::map<std::string, int> ids;
  for (const std::string& line : read_lines(lists / "classInd.txt"))
    if (const auto space = line.find(' '); space != std::string::npos) {
      ids.emplace(line.substr(space + 1), static_cast<int>(listing.class_names.size()));
      listing.class_names.push_back(line.substr(space + 1));
    }
  int rounds = 0;
  while (fs::exists(lists / fmt::format("trainlist0{}.txt", rounds + 1))) ++rounds;
  std::map<std::string, std::size_t> known;  // clip -> its item
  for (int r = 0; r < rounds; ++r)
    for (const auto& [split, role] : {std::pair{"train", RoundRole::kTrain}, std::pair{"test", RoundRole::kTest}}) {
      const fs::path file = lists / fmt::format("{}list0{}.txt", split, r + 1);
      for (const std::string& line : read_lines(file)) {
        const std::string clip = line.substr(0, line.find(' '));
        if (clip.empty()) continue;
        auto found = known.find(clip);
        if (found == known.end()) {
          const auto id = ids.find(clip.substr(0, clip.find('/')));
          const std::string path = picture_of(listing.folder, clip);
          if (id == ids.end() || path.empty()) {
            listing.problems.push_back(
                file.string() + ": " +
                (path.empty() ? "no picture of " + clip : "no class in classInd.txt for " + clip));
            continue;
          }
          found = known.emplace(clip, listing.items.size()).first;
          listing.items.push_back({.key = path,
                                   .split = listing.split_index(r == 0 ? split : "other"),
                                   .label = id->second,
                                   .bytes = static_cast<std::int64_t>(fs::file_size(listing.folder / path)),
                                   .rounds = std::vector(rounds, RoundRole::kNone)});
        }
        RoundRole& own = listing.items[found->second].rounds[r];
        if (own != RoundRole::kNone) listing.problems.push_back(file.string() + ": '" + clip + "' a second time");
        own = role;
      }
    }
  if (rounds < 2)
    for (Item& item : listing.items) item.rounds.clear();
  return true;
}

const LayoutRegistration registered_ucf101({60, "UCF101's lists", read_ucf101});

}  // namespace
}  // namespace cliplab
