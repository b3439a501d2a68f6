// Lines are trimmed as CLIP_benchmark trims them (datasets/builder.py `build_wds_dataset`).
#include "sets/own_prompts.hpp"

#include <map>
#include <string_view>

#include "base/files.hpp"
#include "base/prompt_template.hpp"
#include "base/text.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

}  // namespace

void read_own_templates(Listing& listing) {
  const fs::path file = listing.folder / "zeroshot_classification_templates.txt";
  if (!fs::exists(file)) return;
  for (const std::string& line : read_lines(file)) {
    std::string text = canonical_template(trimmed(line), file.string());
    if (!has_place(text))
      listing.notices.push_back(file.string() + ": a template without a place for the class name, used as it is: '" +
                                text + "'");
    listing.templates.push_back(std::move(text));
  }
}

void read_folder_names(Listing& listing) {
  const fs::path file = listing.folder / "classnames.txt";
  if (!fs::exists(file)) return;
  std::map<std::string, std::string> names;  // folder -> name
  for (const std::string& line : read_lines(file)) {
    const std::string_view text = trimmed(line);
    for (const std::string& folder : listing.class_names)  // a folder's name may have blanks
      if (text.starts_with(folder) && text.size() > folder.size() &&
          std::string_view(" \t,:").find(text[folder.size()]) != std::string_view::npos)
        if (const std::string_view name = trimmed(text.substr(folder.size() + 1)); !name.empty())
          names.emplace(folder, name);
  }
  std::vector<std::string> found;
  for (const std::string& folder : listing.class_names) {
    const auto name = names.find(folder);
    if (name == names.end()) {
      listing.notices.push_back(file.string() + " is not used: no line begins with the class folder '" + folder + "'");
      return;
    }
    found.push_back(name->second);
  }
  listing.prompt_names = std::move(found);
}

}  // namespace cliplab
