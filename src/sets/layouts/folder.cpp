// torchvision's ImageFolder: [split/]class/picture, classes in the order of their names' bytes. A folder is a split
// when its name is one (split_names.hpp) and class folders lie in it; without splits all pictures are "all". The tree
// may lie in one folder that holds nothing else (CoOp's images/train/CLASS). Where the only classes would be the names
// of splits the folder is refused: they are never classes, and mixing them would put test pictures into the training.
#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "sets/listing.hpp"
#include "sets/members.hpp"
#include "sets/own_prompts.hpp"
#include "sets/split_names.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxWrappers = 4;  // folders around the tree
constexpr int kMaxDepth = 8;     // of folders below a class that are looked into for a first picture

std::vector<fs::path> folders_in(const fs::path& folder, std::vector<std::string>& problems) {
  static const std::set<std::string> kLitter{"__MACOSX", "@eaDir", "lost+found"};  // of macOS, Synology, ext4
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::error_code error;  // a link to itself has no status
    const bool is_folder = entry.is_directory(error);
    if (error) problems.push_back(entry.path().string() + ": cannot be read (" + error.message() + ")");
    const std::string name = entry.path().filename().string();
    if (is_folder && !name.starts_with('.') && !kLitter.contains(name)) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<std::string> named_elsewhere;
  std::error_code error;
  if (fs::directory_iterator(folder, error); error) return {};
  return folders_in(folder, named_elsewhere);
}

bool is_split(const fs::path& folder) { return !split_role(folder.filename().string()).empty(); }

/// True if a picture lies in `folder` or, down to `depth` folders, below it. Ends at the first one.
bool holds_pictures(const fs::path& folder, int depth) {
  std::error_code error;
  std::vector<fs::path> below;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.')) continue;
    std::error_code no_status;
    if (entry.is_directory(no_status))
      below.push_back(entry.path());
    else if (is_picture_name(name))
      return true;
  }
  return depth > 0 &&
         std::any_of(below.begin(), below.end(), [&](const auto& inner) { return holds_pictures(inner, depth - 1); });
}

std::string names_of(const std::vector<fs::path>& folders) {
  return joined(folders, ", ", [](const fs::path& folder) { return folder.filename().string(); });
}

/// True if `folder` holds several folders, or one split, and no picture; or one folder that is so.
bool is_wrapper(const fs::path& folder, int depth) {
  const std::vector<fs::path> inner = folders_in(folder);
  if (inner.empty() || holds_pictures(folder, 0)) return false;
  return inner.size() > 1 || is_split(inner[0]) || (depth > 0 && is_wrapper(inner[0], depth - 1));
}

struct Tree {
  fs::path base;                                         // holds the splits, or the classes
  std::vector<std::pair<std::string, fs::path>> splits;  // name, folder
};

[[noreturn]] void refuse_splits(const fs::path& folder, const std::string& found) {
  fail(folder.string(), found, "SPLIT/CLASS/picture or CLASS/picture",
       "names of splits are no classes; move the pictures, or give each tree a folder of its own");
}

/// Finds out what the folders in `base` are.
Tree find_tree(Listing& listing, const fs::path& base, int wrappers) {
  std::vector<fs::path> split_folders, flat, others;  // flat: named as a split, but with pictures right in it
  for (const fs::path& folder : folders_in(base)) {
    if (!is_split(folder))
      others.push_back(folder);
    else
      (folders_in(folder).empty() ? flat : split_folders).push_back(folder);
  }
  std::erase_if(flat, [](const fs::path& folder) { return !holds_pictures(folder, 0); });
  const auto pictured = [](std::vector<fs::path> folders) {
    std::erase_if(folders, [](const fs::path& folder) { return !holds_pictures(folder, kMaxDepth); });
    return folders;
  };
  if (std::ranges::any_of(split_folders, [](const fs::path& folder) { return holds_pictures(folder, kMaxDepth); })) {
    Tree tree{base, {}};
    for (const fs::path& folder : split_folders) tree.splits.emplace_back(folder.filename(), folder);
    for (const fs::path& folder : flat)
      listing.notices.push_back(folder.string() + " is not read: its pictures are in no class folder");
    for (const fs::path& folder : pictured(others))
      listing.notices.push_back(folder.string() + " is not read: it is none of the splits " + names_of(split_folders));
    return tree;
  }
  const std::vector<fs::path> classes = pictured(others);
  if (classes.empty() && !flat.empty())
    refuse_splits(base, "pictures right in " + names_of(flat) + ", in no class folder");
  // Folders whose own folders are all splits: the tree is one level down, or there are several trees.
  std::vector<fs::path> trees;
  for (const fs::path& folder : classes) {
    const std::vector<fs::path> inner = folders_in(folder);
    if (!inner.empty() && std::all_of(inner.begin(), inner.end(), is_split) && !holds_pictures(folder, 0))
      trees.push_back(folder);
  }
  if (!trees.empty() && classes.size() + flat.size() > 1)
    refuse_splits(base, "splits below each of " + names_of(trees));
  const bool wrapper = classes.size() == 1 && flat.empty() && (!trees.empty() || is_wrapper(classes[0], kMaxWrappers));
  if (wrapper && wrappers < kMaxWrappers) return find_tree(listing, classes[0], wrappers + 1);
  return Tree{base, {{"all", base}}};
}

bool read_image_folder(Listing& listing) {
  std::vector<std::string> beside;
  folders_in(listing.folder, beside);  // names links that cannot be read
  const Tree tree = find_tree(listing, listing.folder, 0);
  const bool whole_folder = tree.splits[0].second == listing.folder;  // it is searched once more below
  if (!whole_folder) listing.problems = std::move(beside);
  std::set<std::string> names;
  std::vector<std::string> class_of;  // of the items
  for (const auto& [split, folder] : tree.splits)
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
        class_of.push_back(name);
      }
    }
  if (listing.items.empty()) return false;
  listing.layout = "ImageFolder";
  listing.class_names.assign(names.begin(), names.end());
  for (std::size_t i = 0; i < listing.items.size(); ++i)
    listing.items[i].label = static_cast<int>(std::distance(names.begin(), names.find(class_of[i])));
  read_folder_names(listing);
  read_own_templates(listing);
  return true;
}

const LayoutRegistration registered_image_folder({90, "[split/]class/picture", read_image_folder});

}  // namespace
}  // namespace cliplab
