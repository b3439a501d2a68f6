// ImageNet-Vid-Robust and YTBB-Robust as their authors pack them (Shankar et al. 2019): metadata/pmsets.json has the
// frames that look like an anchor frame, {anchor: [frame, ...]}, metadata/labels.json the classes that each frame
// shows, {frame: [class, ...]}, misc/*_class_index.json what a class is called, {"0": [id, name]}, and
// misc/rev_wnid_map.json the ImageNet classes below each, {id: [id, ...]}. Pictures are named by their path below the
// folder.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "sets/archive_reader.hpp"
#include "sets/json_file.hpp"
#include "sets/listing.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using ClassIndex = std::map<std::string, std::pair<std::string, std::string>>;  // "0" -> id, name

/// misc/imagenet_vid_class_index.json or YTBB's; ImageNet's own is in the same folder.
fs::path own_index(const fs::path& folder) {
  std::vector<fs::path> found;
  if (fs::is_directory(folder / "misc"))
    for (const auto& entry : fs::directory_iterator(folder / "misc"))
      if (const std::string name = entry.path().filename();
          name.ends_with("class_index.json") && name != "imagenet_class_index.json")
        found.push_back(entry.path());
  if (found.size() != 1)
    fail((folder / "misc").string(), std::to_string(found.size()) + " files *_class_index.json besides ImageNet's",
         "one");
  return found.front();
}

void read_subclasses(Listing& listing, const ClassIndex& index) {
  const fs::path file = listing.folder / "misc/rev_wnid_map.json",
                 imagenet = listing.folder / "misc/imagenet_class_index.json";
  if (!fs::exists(file)) return;
  const auto below = read_json<std::map<std::string, std::vector<std::string>>>(file);
  std::map<std::string, std::string> names;  // id -> name
  if (fs::exists(imagenet))
    for (const auto& [number, entry] : read_json<ClassIndex>(imagenet)) names[entry.first] = entry.second;
  listing.subclasses.resize(listing.class_names.size());
  for (std::size_t c = 0; c < listing.class_names.size(); ++c) {
    const std::string& id = index.at(std::to_string(c)).first;
    const auto known = below.find(id);
    if (known == below.end() || known->second.empty()) fail(file.string(), "no class below " + id, "one at least");
    for (const std::string& subclass : known->second) listing.subclasses[c].push_back({subclass, names[subclass]});
  }
}

bool read_frames(Listing& listing) {
  const fs::path sets = listing.folder / "metadata/pmsets.json", answers = listing.folder / "metadata/labels.json";
  if (!fs::exists(sets) || !fs::exists(answers)) return false;
  listing.layout = "pmsets.json";
  const fs::path names = own_index(listing.folder);
  const auto index = read_json<ClassIndex>(names);
  for (std::size_t c = 0; c < index.size(); ++c) {
    const auto entry = index.find(std::to_string(c));
    if (entry == index.end())
      fail(names.string(), "no class " + std::to_string(c), "classes 0 to " + std::to_string(index.size() - 1));
    listing.class_names.push_back(entry->second.second);
  }
  read_subclasses(listing, index);
  const auto labels = read_json<std::map<std::string, std::vector<int>>>(answers);
  const auto C = static_cast<int>(index.size());
  const int test = listing.split_index("test");
  bool several = false;
  const auto add = [&](const std::string& key, int clip) {
    const auto problem = [&](const std::string& found) {
      listing.problems.push_back(answers.string() + ": " + key + ": " + found);
    };
    const auto known = labels.find(key);
    std::error_code error;
    if (leads_elsewhere(key)) return problem("a name that leads out of the folder");
    if (!is_utf8(key)) return problem("not UTF-8");
    if (known == labels.end() || known->second.empty()) return problem("no label");
    if (std::any_of(known->second.begin(), known->second.end(), [&](int label) { return label < 0 || label >= C; }))
      return problem(fmt::format("a label of {}, expected one under {}",
                                 *std::max_element(known->second.begin(), known->second.end()), C));
    const auto bytes = fs::file_size(listing.folder / key, error);
    if (error) return problem("no such picture");
    Item item{.key = key,
              .split = test,
              .label = known->second.front(),
              .bytes = static_cast<std::int64_t>(bytes),
              .clip = clip};
    item.targets.assign(static_cast<std::size_t>(C), -1);
    for (const int label : known->second) item.targets[label] = 1;
    several = several || std::count(item.targets.begin(), item.targets.end(), 1) > 1;
    listing.items.push_back(std::move(item));
  };
  int clip = 0;
  for (const auto& [anchor, frames] : read_json<std::map<std::string, std::vector<std::string>>>(sets)) {
    add(anchor, ++clip);
    for (const std::string& frame : frames)
      if (frame != anchor) add(frame, -clip);
  }
  if (!several)
    for (Item& item : listing.items) item.targets.clear();
  return true;
}

const LayoutRegistration registered_frames({60, "metadata/pmsets.json", read_frames});

}  // namespace
}  // namespace cliplab
