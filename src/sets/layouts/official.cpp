// The annotation files that the data sets' authors publish, each found by the file that only it has. Class ids are
// joined to names by the id or the name that the files state; pictures stay where the official archives put them.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/memory.hpp"
#include "base/text.hpp"
#include "sets/kitti_drives.hpp"
#include "sets/listing.hpp"
#include "sets/mat_file.hpp"
#include "sets/members.hpp"
#include "sets/planes.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMaxJson = std::size_t{1} << 30, kJsonGrowth = 20;  // bytes of a document for each of its text

/// Collects (split, picture, class) and checks each: the picture exists and was not named before, the class is known.
class Rows {
 public:
  Rows(Listing& listing, std::string layout, std::vector<std::string> names) : listing_(listing) {
    listing.layout = std::move(layout);
    for (std::string& name : names) add_name(std::move(name));
    fixed_ = !listing.class_names.empty();
  }
  void problem(const fs::path& file, const std::string& found) {
    listing_.problems.push_back(file.string() + ": " + found);
  }
  void add(const fs::path& file, const std::string& split, const std::string& path, const std::string& class_name) {
    if (!fixed_) add_name(class_name);
    const auto found = ids_.find(class_name);
    if (found == ids_.end())
      return problem(file, "class '" + class_name + "' of " + path + ", which the set does not have");
    add(file, split, path, found->second);
  }
  void add(const fs::path& file, const std::string& split, const std::string& path, int label) {
    if (label < 0 || label >= std::ssize(listing_.class_names))
      return problem(
          file, fmt::format("class id {} of {}, expected one of {} classes", label, path, listing_.class_names.size()));
    if (!seen_.insert(path).second) return problem(file, "'" + path + "' a second time");
    std::error_code error;
    const auto bytes = fs::file_size(listing_.folder / path, error);
    if (error) return problem(file, "no picture '" + path + "'");
    listing_.items.push_back(
        {.key = path, .split = listing_.split_index(split), .label = label, .bytes = static_cast<std::int64_t>(bytes)});
  }
  /// Ids follow the names' order where no file of the set gives one.
  void sort_names() {
    std::vector<std::string> sorted = listing_.class_names;
    std::sort(sorted.begin(), sorted.end());
    for (Item& item : listing_.items)
      item.label = static_cast<int>(std::lower_bound(sorted.begin(), sorted.end(), listing_.class_names[item.label]) -
                                    sorted.begin());
    listing_.class_names = std::move(sorted);
  }

 private:
  void add_name(std::string name) {
    if (ids_.emplace(name, std::ssize(listing_.class_names)).second) listing_.class_names.push_back(std::move(name));
  }
  Listing& listing_;
  bool fixed_ = false;
  std::map<std::string, int> ids_;
  std::set<std::string> seen_;
};

int parse_integer(const std::string& text) {
  int value = -1;
  return parse_number(text, value) ? value : -1;
}

void read_food101(Listing& listing) {
  Rows rows(listing, "Food-101", read_lines(listing.folder / "meta/classes.txt"));
  for (const char* split : {"train", "test"}) {
    const fs::path file = listing.folder / "meta" / (std::string(split) + ".txt");
    for (const std::string& line : read_lines(file))
      rows.add(file, split, "images/" + line + ".jpg", line.substr(0, line.find('/')));
  }
}

void read_dtd(Listing& listing) {  // the first of its ten splits, as the paper
  Rows rows(listing, "DTD", {});
  for (const char* split : {"train", "val", "test"}) {
    const fs::path file = listing.folder / "labels" / (std::string(split) + "1.txt");
    for (const std::string& line : read_lines(file))
      rows.add(file, split, "images/" + line, line.substr(0, line.find('/')));
  }
  rows.sort_names();
}

void read_aircraft(Listing& listing) {  // level "variant", 100 classes
  Rows rows(listing, "FGVC Aircraft", read_lines(listing.folder / "data/variants.txt"));
  for (const char* split : {"train", "val", "test"}) {
    const fs::path file = listing.folder / "data" / fmt::format("images_variant_{}.txt", split);
    for (const std::string& line : read_lines(file)) {
      const auto space = line.find(' ');
      rows.add(file, split, "data/images/" + line.substr(0, space) + ".jpg",
               space == std::string::npos ? "" : line.substr(space + 1));
    }
  }
}

void read_pets(
    Listing& listing) {  // "Abyssinian_100 1 1 1": name, class id from 1, species, breed; the name has the class
  Rows rows(listing, "Oxford-IIIT Pets", {});
  for (const char* split : {"trainval", "test"}) {
    const fs::path file = listing.folder / "annotations" / (std::string(split) + ".txt");
    for (const std::string& line : read_lines(file)) {
      const std::string name = line.substr(0, line.find(' '));
      rows.add(file, split, "images/" + name + ".jpg", name.substr(0, name.rfind('_')));
    }
  }
  rows.sort_names();
}

void read_sun397(Listing& listing) {  // the first of its ten partitions
  Rows rows(listing, "SUN397", read_lines(listing.folder / "ClassName.txt"));
  for (const auto& [split, name] : {std::pair{"train", "Training_01.txt"}, std::pair{"test", "Testing_01.txt"}}) {
    const fs::path file = listing.folder / name;
    for (const std::string& line : read_lines(file))
      rows.add(file, split, line.substr(line.starts_with('/')), line.substr(0, line.rfind('/')));
  }
}

void read_gtsrb(
    Listing& listing) {  // training pictures of IJCNN 2011 with the official test: a mix that the authors confirm
  std::vector<std::string> names;
  for (int i = 0; i < 43; ++i) names.push_back(std::to_string(i));
  Rows rows(listing, "GTSRB", std::move(names));
  std::vector<std::string> pictures;
  list_pictures(listing.folder, listing.folder / "Training", pictures, listing.problems);
  for (const std::string& path : pictures)
    rows.add(listing.folder / "Training", "train", path, parse_integer(fs::path(path).parent_path().filename()));
  const fs::path file = listing.folder / "GT-final_test.csv";
  const std::vector<std::string> lines = read_lines(file);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> columns = split_columns(lines[i], ';');
    rows.add(file, "test", "Final_Test/Images/" + columns.front(), parse_integer(columns.back()));
  }
}

void read_cars(Listing& listing) {
  Rows rows(listing, "Stanford Cars", mat_cell_texts(listing.folder / "devkit/cars_meta.mat", "class_names"));
  for (const auto& [split, name] :
       {std::pair{"train", "devkit/cars_train_annos.mat"}, std::pair{"test", "cars_test_annos_withlabels.mat"}}) {
    const fs::path file = listing.folder / name;
    const std::vector<std::string> pictures = mat_field_texts(file, "annotations", "fname");
    const std::vector<double> ids = mat_field_numbers(file, "annotations", "class");  // from 1
    for (std::size_t i = 0; i < pictures.size(); ++i)
      rows.add(file, split, fmt::format("cars_{}/{}", split, pictures[i]), static_cast<int>(ids[i]) - 1);
  }
}

void read_flowers(Listing& listing) {  // no file has the names; class "1" is the first of the prompts' list
  const std::vector<double> labels = mat_numbers(listing.folder / "imagelabels.mat", "labels");
  std::vector<std::string> names;
  for (int i = 1; i <= 102; ++i) names.push_back(std::to_string(i));
  Rows rows(listing, "Oxford Flowers 102", std::move(names));
  const fs::path file = listing.folder / "setid.mat";
  for (const auto& [split, variable] :
       {std::pair{"train", "trnid"}, std::pair{"val", "valid"}, std::pair{"test", "tstid"}})
    for (const double id : mat_numbers(file, variable)) {
      const std::string picture = fmt::format("jpg/image_{:05}.jpg", static_cast<int>(id));
      if (id < 1 || id > static_cast<double>(labels.size()))
        rows.problem(file, picture + " without a label");
      else
        rows.add(file, split, picture, static_cast<int>(labels[static_cast<std::size_t>(id) - 1]) - 1);
    }
}

void read_svhn(Listing& listing) {  // X [H, W, 3, N], first index fastest; the digit 0 has label 10
  listing.layout = "SVHN", listing.pixels = PixelLayout::kPlanar;
  for (int digit = 0; digit < 10; ++digit) listing.class_names.push_back(std::to_string(digit));
  for (const char* split : {"train", "test"}) {
    const fs::path file = listing.folder / (std::string(split) + "_32x32.mat");
    const MatBytes x = mat_bytes(file, "X");
    const std::vector<double> y = mat_numbers(file, "y");
    if (x.shape.size() != 4 || x.shape[2] != 3 || x.shape[3] != y.size())
      fail(file.string(), "pictures and labels that do not fit", "X [H, W, 3, N] and y [N]");
    const std::size_t height = x.shape[0], width = x.shape[1], area = height * width;
    need_memory(file.string(), x.values.size());
    const std::string_view columns(reinterpret_cast<const char*>(x.values.data()), x.values.size());
    const auto container = std::make_shared<const Container>(file, rows_first(columns, height, width));
    listing.height = static_cast<int>(height), listing.width = static_cast<int>(width);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const std::string key = fmt::format("{}#{}", file.filename().string(), i);
      if (y[i] < 1 || y[i] > 10)
        listing.problems.push_back(fmt::format("{}:{}: label {}, expected 1 to 10", file.string(), key, y[i]));
      else
        listing.items.push_back({.key = key,
                                 .split = listing.split_index(split),
                                 .label = static_cast<int>(y[i]) % 10,
                                 .container = container,
                                 .offset = static_cast<std::int64_t>(i * 3 * area),
                                 .bytes = static_cast<std::int64_t>(3 * area)});
    }
  }
}

void read_fer2013(Listing& listing) {  // emotion,pixels,Usage: 48 x 48 grey values as text
  constexpr std::size_t kSide = 48;
  listing.layout = "FER2013", listing.pixels = PixelLayout::kGrey, listing.height = listing.width = kSide;
  listing.class_names = {"angry", "disgusted", "fearful", "happy",
                         "sad",   "surprised", "neutral"};  // ids of the challenge
  const std::map<std::string, std::string> splits{
      {"Training", "train"}, {"PublicTest", "val"}, {"PrivateTest", "test"}};
  const fs::path file = listing.folder / "fer2013.csv";
  const std::vector<std::string> lines = read_lines(file);
  std::string pixels;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> columns = split_columns(lines[i], ',');
    const int label = parse_integer(columns.front());
    const auto split = splits.find(columns.back());
    const std::vector<std::string> values =
        columns.size() == 3 ? split_columns(columns[1], ' ') : std::vector<std::string>{};
    const bool whole =
        values.size() == kSide * kSide && std::all_of(values.begin(), values.end(), [](const std::string& value) {
          return parse_integer(value) >= 0 && parse_integer(value) < 256;
        });
    if (!whole || label < 0 || label > 6 || split == splits.end()) {
      listing.problems.push_back(
          fmt::format("{}:{}: no emotion of 0 to 6, 2304 pixels and Usage", file.string(), i + 1));
      continue;
    }
    listing.items.push_back({.key = fmt::format("line {}", i + 1),
                             .split = listing.split_index(split->second),
                             .label = label,
                             .offset = static_cast<std::int64_t>(pixels.size()),
                             .bytes = kSide * kSide});
    for (const std::string& value : values) pixels += static_cast<char>(parse_integer(value));
  }
  const auto container = std::make_shared<const Container>(file, std::move(pixels));
  for (Item& item : listing.items) item.container = container;
}

/// VTAB's clevr_count_all: the number of objects, three to ten. "train" and "val" have scenes; the test part has none.
void read_clevr(Listing& listing) {
  Rows rows(listing, "CLEVR", {"three", "four", "five", "six", "seven", "eight", "nine", "ten"});
  for (const char* split : {"train", "val"}) {
    const fs::path file = listing.folder / "scenes" / fmt::format("CLEVR_{}_scenes.json", split);
    if (!fs::exists(file)) continue;
    const std::string text = read_file(file, kMaxJson);
    need_memory(file.string(), kJsonGrowth * text.size());
    const json document = json::parse(text, nullptr, false);
    if (!document.is_object() || !document.contains("scenes") || !document["scenes"].is_array())
      fail(file.string(), "no list of scenes", "CLEVR's scenes file");
    for (const json& scene : document["scenes"]) {
      if (!scene.is_object() || !scene.contains("image_filename") || !scene["image_filename"].is_string() ||
          !scene.contains("objects") || !scene["objects"].is_array())
        rows.problem(file, "a scene without image_filename or objects");
      else
        rows.add(file, split, fmt::format("images/{}/{}", split, scene["image_filename"].get<std::string>()),
                 static_cast<int>(scene["objects"].size()) - 3);
    }
  }
}

/// VTAB's closest_vehicle_distance: of vehicles in view the least z of the location: 0 up to 8 m, 1 up to 20, 2
/// farther, 3 none. The public training part alone has labels.
void read_kitti(Listing& listing) {
  const std::vector<std::string> splits = kitti_splits(listing.folder);
  Rows rows(listing, "KITTI", {"0", "1", "2", "3"});
  static const std::set<std::string> kVehicles{"Car", "Van", "Truck"};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(listing.folder / "training/label_2"))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    double nearest = INFINITY;
    for (const std::string& line : read_lines(file)) {
      const std::vector<std::string> columns = split_columns(line, ' ');
      double z = 0;
      if (columns.size() < 15 ||
          std::from_chars(columns[13].data(), columns[13].data() + columns[13].size(), z).ec != std::errc{}) {
        rows.problem(file, "a line without 15 columns");
        continue;
      }
      if (kVehicles.contains(columns[0])) nearest = std::min(nearest, z);
    }
    const int number = parse_integer(file.stem().string());
    if (!splits.empty() && (number < 0 || number >= std::ssize(splits))) {
      rows.problem(file, "a number that train_rand.txt does not have");
      continue;
    }
    rows.add(file, splits.empty() ? "all" : splits[number], "training/image_2/" + file.stem().string() + ".png",
             nearest <= 8             ? 0
             : nearest <= 20          ? 1
             : std::isfinite(nearest) ? 2
                                      : 3);
  }
}

void read_hateful_memes(Listing& listing) {  // a JSON object a line
  Rows rows(listing, "Hateful Memes", {"meme", "hatespeech meme"});
  for (const char* split : {"train", "dev"}) {
    const fs::path plain = listing.folder / fmt::format("{}.jsonl", split),
                   seen = listing.folder / fmt::format("{}_seen.jsonl", split);
    const fs::path file = fs::exists(seen) ? seen : plain;  // the release of phase 2 renamed it
    for (const std::string& line : read_lines(file)) {
      const json meme = json::parse(line, nullptr, false);
      if (meme.is_object() && meme.contains("img") && meme["img"].is_string() && meme.contains("label") &&
          meme["label"].is_number_integer())
        rows.add(file, split, meme["img"].get<std::string>(), meme["label"].get<int>());
      else
        rows.problem(file, "a line without img and label");
    }
  }
}

struct Official {
  const char* sign;  // the file that only this set has
  void (*read)(Listing&);
};

constexpr Official kOfficial[]{
    {"meta/classes.txt", read_food101},
    {"labels/train1.txt", read_dtd},
    {"data/variants.txt", read_aircraft},
    {"annotations/trainval.txt", read_pets},
    {"Training_01.txt", read_sun397},
    {"GT-final_test.csv", read_gtsrb},
    {"devkit/cars_meta.mat", read_cars},
    {"setid.mat", read_flowers},
    {"train_32x32.mat", read_svhn},
    {"fer2013.csv", read_fer2013},
    {"scenes/CLEVR_val_scenes.json", read_clevr},
    {"training/label_2", read_kitti},
    {"train.jsonl", read_hateful_memes},
};

bool read_official(Listing& listing) {
  for (const Official& set : kOfficial)
    if (fs::exists(listing.folder / set.sign)) return set.read(listing), true;
  return false;
}

const LayoutRegistration registered_official({70, "the set's official files", read_official});

}  // namespace
}  // namespace cliplab
