// ObjectNet as its authors pack it (Barbu et al. 2019): images/FOLDER/*.png with a border of two pixels, and mappings/:
// folder_to_objectnet_label.json {folder: label}, objectnet_to_imagenet_1k.json {label: "name; name"} of the 113 labels
// that ImageNet has too, imagenet_to_label_2012_v2 with a name a line, and pytorch_to_imagenet_2012_id.json {ImageNet's
// number 0 to 999: line from 0}. The other 200 folders are passed over.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "sets/json_file.hpp"
#include "sets/listing.hpp"
#include "sets/members.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr int kBorder = 2;

/// ImageNet's number by its class's name in the authors' file.
std::map<std::string, std::string> imagenet_numbers(const fs::path& mappings) {
  const std::vector<std::string> lines = read_lines(mappings / "imagenet_to_label_2012_v2");
  std::map<std::string, std::string> numbers;
  const fs::path file = mappings / "pytorch_to_imagenet_2012_id.json";
  for (const auto& [number, line] : read_json<std::map<std::string, int>>(file)) {
    if (line < 0 || line >= std::ssize(lines))
      fail(file.string(), fmt::format("line {} for class {}", line, number), fmt::format("one under {}", lines.size()));
    std::string name = lines[line];
    name.erase(name.find_last_not_of(' ') + 1);
    numbers[name] = number;
  }
  return numbers;
}

bool read_objectnet(Listing& listing) {
  const fs::path mappings = listing.folder / "mappings", shared = mappings / "objectnet_to_imagenet_1k.json";
  if (!fs::exists(shared)) return false;
  listing.layout = "ObjectNet", listing.border = kBorder;
  const auto names = read_json<std::map<std::string, std::string>>(shared);
  const auto folders = read_json<std::map<std::string, std::string>>(mappings / "folder_to_objectnet_label.json");
  const auto numbers = imagenet_numbers(mappings);
  std::int64_t other = 0;
  for (const auto& [folder, label] : folders) {
    const auto known = names.find(label);
    if (known == names.end()) {
      ++other;
      continue;
    }
    std::vector<Subclass> below;
    for (std::size_t begin = 0; begin < known->second.size();) {
      const std::size_t end = std::min(known->second.find("; ", begin), known->second.size());
      const std::string name = known->second.substr(begin, end - begin);
      const auto number = numbers.find(name);
      if (number == numbers.end())
        fail(shared.string(), "'" + name + "' of " + label, "a line of imagenet_to_label_2012_v2");
      below.push_back({number->second, name});
      begin = end + 2;
    }
    std::vector<std::string> pictures;
    if (const fs::path inner = listing.folder / "images" / folder; fs::is_directory(inner))
      list_pictures(listing.folder, inner, pictures, listing.problems);
    if (pictures.empty()) listing.problems.push_back((listing.folder / "images" / folder).string() + ": no picture");
    for (const std::string& path : pictures)
      listing.items.push_back({.key = path,
                               .split = listing.split_index("test"),
                               .label = static_cast<int>(listing.class_names.size()),
                               .bytes = static_cast<std::int64_t>(fs::file_size(listing.folder / path))});
    listing.class_names.push_back(label), listing.subclasses.push_back(std::move(below));
  }
  if (listing.class_names.empty()) fail(shared.string(), "no label of folder_to_objectnet_label.json", "113 of them");
  listing.notices.push_back(
      fmt::format("{}: {} classes that ImageNet lacks are passed over", listing.folder.string(), other));
  return true;
}

const LayoutRegistration registered_objectnet({61, "ObjectNet's mappings", read_objectnet});

}  // namespace
}  // namespace cliplab
