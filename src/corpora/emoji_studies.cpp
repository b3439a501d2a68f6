// Two small sets with captions for studies whose own pictures do not come with the project, cut from emoji that are
// never trained on: people by gender, and flags by the place of their country.
#include <algorithm>
#include <charconv>

#include "acquire/archive.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "corpora/recipes.hpp"
#include "corpora/shards.hpp"
#include "pixels/codecs.hpp"
#include "sets/listing.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Cut {
  ShardSet pictures;
  json packages;
  explicit Cut(const char* corpus)
      : pictures(corpus_folder(corpus)), packages(read_corpus_manifest(corpus_folder(corpus))["packages"]) {}
};

/// The picture under another caption; `hand` makes its key one of several hands'.
void add(ShardWriter& writer, const ShardSet& pictures, std::int64_t i, const std::string& hand,
         const std::string& caption, const char* split) {
  const json& meta = pictures.meta(i);
  writer.add({hand + "-" + pictures.key(i),
              encode_png(pictures.image(i)),
              {{"captions", {caption}},
               {"name", meta["name"]},
               {"split", split},
               {"source", hand},
               {"licence", meta["licence"]}}});
}

}  // namespace

std::string gender_of_name(const std::string& name) {
  std::vector<std::string> words = split_columns(name, ' ');
  bool male = false, female = false;
  for (std::string& word : words) {
    std::erase_if(word, [](char c) { return c == ':' || c == ','; });
    male = male || word == "man" || word == "men";
    female = female || word == "woman" || word == "women";
  }
  return male == female ? "" : male ? "male" : "female";
}

std::map<std::string, std::string> read_country_places(const std::string& table, const std::string& where) {
  std::map<std::string, std::string> places;
  for (const std::string& line : split_columns(table, '\n')) {
    if (line.empty() || line[0] == '#') continue;
    const std::vector<std::string> fields = split_columns(line, '\t');
    const auto refuse = [&] {
      fail(where, "line '" + line.substr(0, 80) + "'",
           "a country of two letters and a place as +DDMM+DDDMM or +DDMMSS+DDDMMSS");
    };
    if (fields.size() < 3 || fields[0].size() != 2) refuse();
    const std::string& text = fields[1];
    const auto second = text.find_first_of("+-", 1);
    if (second == std::string::npos) refuse();
    // Sign, degrees (2 digits of latitude, 3 of longitude), minutes, and in the long form seconds (ISO 6709).
    const auto degrees = [&](const std::string& part, std::size_t whole) {
      if ((part.size() != whole + 3 && part.size() != whole + 5) || (part[0] != '+' && part[0] != '-') ||
          part.find_first_not_of("0123456789", 1) != std::string::npos)
        refuse();
      const auto number = [&](std::size_t at, std::size_t digits) {
        int value = 0;
        std::from_chars(part.data() + at, part.data() + at + digits, value);
        return value;
      };
      const double value = number(1, whole) + number(1 + whole, 2) / 60.0 +
                           (part.size() == whole + 5 ? number(3 + whole, 2) / 3600.0 : 0);
      return part[0] == '-' ? -value : value;
    };
    char place[64];
    std::snprintf(place, sizeof place, "%.4f %.4f", degrees(text.substr(0, second), 2),
                  degrees(text.substr(second), 3));
    places.try_emplace(fields[0], place);  // of several zones the first
  }
  if (places.size() < 200) fail(where, std::to_string(places.size()) + " countries", "over 200");
  return places;
}

std::string country_of_flag(const std::string& key) {
  std::string country;
  for (const std::string& point : split_columns(key, '-')) {
    unsigned value = 0;
    const auto read = std::from_chars(point.data(), point.data() + point.size(), value, 16);
    if (read.ptr != point.data() + point.size() || value < 0x1F1E6 || value > 0x1F1FF)
      return "";  // regional indicators A to Z
    country += static_cast<char>('A' + (value - 0x1F1E6));
  }
  return country.size() == 2 ? country : "";
}

void build_emoji_people(const fs::path& folder) {
  const Cut openmoji("openmoji");
  ShardWriter writer(folder, kEmojiStudiesRecipe);
  for (std::int64_t i = 0; i < openmoji.pictures.size(); ++i)
    if (const std::string gender = gender_of_name(openmoji.pictures.meta(i)["name"]); !gender.empty())
      add(writer, openmoji.pictures, i, "openmoji", gender, "test");
  writer.finish(openmoji.packages);
}

void build_emoji_flags(const fs::path& folder) {
  const Package tzdata = obtain_package("tzdata");
  std::string table;
  for_each_member(
      tzdata.file, [](const std::string& name) { return name.ends_with("usr/share/zoneinfo/zone.tab"); },
      [&](const std::string&, std::string bytes) { table = std::move(bytes); });
  const auto places = read_country_places(table, tzdata.file.string());
  ShardWriter writer(folder, kEmojiStudiesRecipe);
  json packages = json::object();
  note_package(packages, tzdata);
  for (const auto& [hand, split] : {std::pair{"openmoji", "test"}, {"gemojione", "train"}}) {
    const Cut cut(hand);
    packages.update(cut.packages);
    for (std::int64_t i = 0; i < cut.pictures.size(); ++i) {
      const std::string country = country_of_flag(cut.pictures.key(i));
      if (country.empty()) continue;
      if (const auto place = places.find(country); place != places.end())
        add(writer, cut.pictures, i, hand, place->second, split);
      else
        writer.drop(std::string(hand) + "-" + cut.pictures.key(i), "no place of its country");
    }
  }
  writer.finish(packages);
}

}  // namespace cliplab
