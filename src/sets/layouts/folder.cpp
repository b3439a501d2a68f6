// torchvision's ImageFolder: [split/]class/picture, classes in the order of their names' bytes. A folder is a split
// when its name is one; without splits all pictures are "all".
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "sets/listing.hpp"
#include "sets/members.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> folders_in(const fs::path& folder, std::vector<std::string>& problems) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::error_code error;  // a link to itself has no status
    const bool is_folder = entry.is_directory(error);
    if (error) problems.push_back(entry.path().string() + ": cannot be read (" + error.message() + ")");
    if (is_folder && !entry.path().filename().string().starts_with('.')) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

bool read_image_folder(Listing& listing) {
  static const std::set<std::string> kKnown{"train", "test", "val", "valid", "validation", "dev", "trainval"};
  std::vector<std::pair<std::string, fs::path>> splits;
  std::vector<std::string> beside;  // without splits the folder is searched once more
  for (const fs::path& folder : folders_in(listing.folder, beside))
    if (kKnown.contains(folder.filename())) splits.emplace_back(folder.filename(), folder);
  if (splits.empty())
    splits.emplace_back("all", listing.folder);
  else
    listing.problems = std::move(beside);
  std::set<std::string> names;
  std::vector<std::pair<std::string, std::string>> found;  // (class, path)
  for (const auto& [split, folder] : splits)
    for (const fs::path& class_folder : folders_in(folder, listing.problems)) {
      const std::string name = class_folder.filename();
      if (!is_utf8(name)) {
        listing.problems.push_back(class_folder.string() + ": a class name that is not UTF-8");
        continue;
      }
      std::vector<std::string> pictures;
      list_pictures(listing.folder, class_folder, pictures, listing.problems);
      if (pictures.empty()) listing.problems.push_back(class_folder.string() + ": a class without a picture");
      names.insert(name);
      for (std::string& path : pictures) {
        const auto bytes = static_cast<std::int64_t>(fs::file_size(listing.folder / path));
        listing.items.push_back({.key = std::move(path), .split = listing.split_index(split), .bytes = bytes});
        found.emplace_back(name, "");
      }
    }
  if (listing.items.empty()) return false;
  listing.layout = "ImageFolder";
  listing.class_names.assign(names.begin(), names.end());
  for (std::size_t i = 0; i < listing.items.size(); ++i)
    listing.items[i].label = static_cast<int>(std::distance(names.begin(), names.find(found[i].first)));
  return true;
}

const LayoutRegistration registered_image_folder({90, "[split/]class/picture", read_image_folder});

}  // namespace
}  // namespace cliplab
