// PASCAL VOC's official trees (2007 to 2012): JPEGImages/ID.jpg, Annotations/ID.xml, and ImageSets/Main with the
// pictures of a split (trainval.txt) and the answers a class (dog_trainval.txt: "ID 1", "ID -1", or "ID 0" when all its
// dogs are difficult). Where a class has no answers the objects of the XML files give them by the same rule.
#include <fmt/format.h>
#include <libxml/parser.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "sets/listing.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using Answers = std::map<std::string, int>;  // class -> 1, or 0 when every object of it is difficult; the rest is -1

struct Document {
  xmlDoc* handle;
  ~Document() { xmlFreeDoc(handle); }
};

std::string text_of(const xmlNode* parent, const char* name) {
  for (const xmlNode* node = parent->children; node != nullptr; node = node->next)
    if (node->type == XML_ELEMENT_NODE && std::string_view(reinterpret_cast<const char*>(node->name)) == name) {
      const std::unique_ptr<xmlChar, decltype(xmlFree)> text(xmlNodeGetContent(node), xmlFree);
      return text ? reinterpret_cast<const char*>(text.get()) : "";
    }
  return {};
}

Answers read_objects(const fs::path& file) {
  const std::string bytes = read_file(file, 1 << 24);
  // No network and no entities from elsewhere; errors are ours to report.
  const Document document{xmlReadMemory(bytes.data(), static_cast<int>(bytes.size()), file.c_str(), nullptr,
                                        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING)};
  const xmlNode* top = document.handle == nullptr ? nullptr : xmlDocGetRootElement(document.handle);
  if (top == nullptr) fail(file.string(), "no XML that can be read", "VOC's <annotation>");
  Answers answers;
  for (const xmlNode* node = top->children; node != nullptr; node = node->next)
    if (node->type == XML_ELEMENT_NODE && std::string_view(reinterpret_cast<const char*>(node->name)) == "object") {
      int& answer = answers[text_of(node, "name")];
      if (text_of(node, "difficult") != "1") answer = 1;
    }
  return answers;
}

/// "ID" or "ID -1" a line, with any white space between.
std::vector<std::pair<std::string, std::string>> read_list(const fs::path& file) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const std::string& line : read_lines(file)) {
    std::istringstream words(line);
    std::pair<std::string, std::string> row;
    if (words >> row.first) words >> row.second, rows.push_back(std::move(row));
  }
  return rows;
}

const std::vector<std::string> kSplits{"train", "val", "trainval", "test"};

struct Voc {
  Listing& listing;
  std::string base;                        // below the folder: "" or "VOCdevkit/VOC2007/"
  std::map<std::string, Answers> objects;  // of each picture

  void problem(const fs::path& file, const std::string& found) {
    listing.problems.push_back(file.string() + ": " + found);
  }
  fs::path main_file(const std::string& name) const {
    return listing.folder / base / "ImageSets/Main" / (name + ".txt");
  }

  void read_split(const std::string& split) {
    const fs::path file = main_file(split);
    std::map<std::string, std::size_t> row_of;
    for (const auto& [id, answer] : read_list(file)) {
      const std::string key = base + "JPEGImages/" + id + ".jpg";
      std::error_code error;
      const auto bytes = fs::file_size(listing.folder / key, error);
      if (error) {
        problem(file, "no picture '" + key + "'");
      } else if (!row_of.emplace(id, listing.items.size()).second) {
        problem(file, "'" + id + "' a second time");
      } else {
        listing.items.push_back(
            {.key = key, .split = listing.split_index(split), .bytes = static_cast<std::int64_t>(bytes)});
        listing.items.back().targets.assign(listing.class_names.size(), -1);
      }
    }
    for (std::size_t c = 0; c < listing.class_names.size(); ++c) read_class(split, static_cast<int>(c), row_of);
    for (const auto& [id, row] : row_of) {
      Item& item = listing.items[row];
      const auto first = [&](int least) {
        return std::find_if(item.targets.begin(), item.targets.end(), [&](int target) { return target >= least; });
      };
      const auto at = first(1) != item.targets.end() ? first(1) : first(0);
      item.label = at == item.targets.end() ? -1 : static_cast<int>(at - item.targets.begin());
      if (item.label < 0) problem(file, "no object of any class in '" + id + "'");
    }
  }

  void read_class(const std::string& split, int c, const std::map<std::string, std::size_t>& row_of) {
    const std::string& name = listing.class_names[c];
    const fs::path file = main_file(name + "_" + split);
    if (!fs::exists(file)) {
      for (const auto& [id, row] : row_of)
        if (const auto answer = objects[id].find(name); answer != objects[id].end())
          listing.items[row].targets[c] = static_cast<std::int8_t>(answer->second);
      return;
    }
    std::set<std::string> seen;
    for (const auto& [id, answer] : read_list(file)) {
      const auto row = row_of.find(id);
      if (answer != "1" && answer != "-1" && answer != "0")
        problem(file, "'" + answer + "' for '" + id + "', expected 1, 0 or -1");
      else if (row == row_of.end())
        problem(file, "'" + id + "', which " + split + ".txt does not have");
      else if (!seen.insert(id).second)
        problem(file, "'" + id + "' a second time");
      else
        listing.items[row->second].targets[c] = static_cast<std::int8_t>(std::stoi(answer));
    }
    if (seen.size() != row_of.size())
      problem(file, fmt::format("answers for {} pictures, expected {}", seen.size(), row_of.size()));
  }
};

bool read_voc(Listing& listing) {
  Voc voc{listing, "", {}};
  if (!fs::is_directory(listing.folder / "ImageSets/Main")) voc.base = "VOCdevkit/VOC2007/";
  if (!fs::is_directory(listing.folder / voc.base / "ImageSets/Main")) return false;
  listing.layout = "PASCAL VOC";
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(listing.folder / voc.base / "ImageSets/Main"))
    for (const std::string& split : kSplits)
      if (const std::string stem = entry.path().stem();
          entry.path().extension() == ".txt" && stem.ends_with("_" + split))
        names.insert(stem.substr(0, stem.size() - split.size() - 1));
  const bool answers = !names.empty();
  // train and val are halves of trainval: they are splits of their own only where that is absent.
  std::vector<std::string> splits;
  for (const std::string& split : kSplits)
    if (fs::exists(voc.main_file(split)) &&
        (split == "trainval" || split == "test" || !fs::exists(voc.main_file("trainval"))))
      splits.push_back(split);
  if (splits.empty())
    fail((listing.folder / voc.base / "ImageSets/Main").string(), "no list of pictures", "trainval.txt and test.txt");
  if (!answers)
    for (const std::string& split : splits)
      for (const auto& [id, answer] : read_list(voc.main_file(split))) {
        const fs::path file = listing.folder / voc.base / "Annotations" / (id + ".xml");
        try {
          voc.objects[id] = read_objects(file);
        } catch (const InputError& error) {
          listing.problems.emplace_back(error.what());
        }
        for (const auto& [name, difficult] : voc.objects[id]) names.insert(name);
      }
  listing.class_names.assign(names.begin(), names.end());
  if (std::erase(listing.class_names, "") > 0) voc.problem(listing.folder, "an object without a name in Annotations");
  for (const std::string& split : splits) voc.read_split(split);
  std::erase_if(listing.items, [](const Item& item) { return item.label < 0; });  // each is named above
  return true;
}

const LayoutRegistration registered_voc({50, "VOC's ImageSets/Main", read_voc});

}  // namespace
}  // namespace cliplab
