// What names and flags of emoji say about people and countries.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "corpora/emoji.hpp"
#include "corpora/emoji_captions.hpp"
#include "fuzz_inputs.hpp"

namespace cliplab {
namespace {

using ::testing::HasSubstr;

TEST(RecipeEmojiStudies, AGenderIsThatOfTheOnlyOneNamed) {
  for (const char* name : {"man", "man cook", "man: beard", "men wrestling", "pregnant man", "family: man, man, boy"})
    EXPECT_EQ(gender_of_name(name), "male") << name;
  for (const char* name : {"woman", "women holding hands", "old woman", "woman: red hair"})
    EXPECT_EQ(gender_of_name(name), "female") << name;
  for (const char* name :
       {"", "person", "woman and man holding hands", "kiss: woman, man", "mango", "snowman", "human", "German"})
    EXPECT_EQ(gender_of_name(name), "") << name;
}

TEST(RecipeEmojiStudies, ACountryIsTwoRegionalIndicators) {
  EXPECT_EQ(country_of_flag("1f1f5-1f1f9"), "PT");
  EXPECT_EQ(country_of_flag("1f1e6-1f1ff"), "AZ");
  for (const char* key :
       {"", "1f1f5", "1f1f5-1f1f9-1f1f9", "1f1e5-1f1f9", "1f1f5-1f200", "1f1f5x-1f1f9", "1f3f4-e0067", "-"})
    EXPECT_EQ(country_of_flag(key), "") << key;
}

/// A table of 210 countries, AA to ID, each at the same place but for what a test adds in front.
std::string table_of(const std::string& first) {
  std::string text = "# comment\n" + first;
  for (int i = 0; i < 210; ++i)
    text +=
        std::string{static_cast<char>('A' + i / 26), static_cast<char>('A' + i % 26)} + "\t+0000+00000\tZone/City\n";
  return text;
}

TEST(RecipeEmojiStudies, PlacesAreDegreesOfTheFirstZone) {
  const auto places = read_country_places(
      table_of(
          "PT\t+3843-00908\tEurope/Lisbon\nPT\t+3238-01654\tAtlantic/Madeira\nUS\t+404251-0740023\tAmerica/New_York\n"
          "NZ\t-3652+17446\tPacific/Auckland\tmost of it\n"),
      "zone.tab");
  // 38 degrees 43 minutes; 40 degrees 42 minutes 51 seconds: four digits.
  EXPECT_EQ(places.at("PT"), "38.7167 -9.1333");
  EXPECT_EQ(places.at("US"), "40.7142 -74.0064");
  EXPECT_EQ(places.at("NZ"), "-36.8667 174.7667");
  EXPECT_EQ(places.at("AA"), "0.0000 0.0000");
}

std::string message(const std::string& table) {
  try {
    read_country_places(table, "zone.tab");
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(RecipeEmojiStudies, ADamagedTableIsNamedByItsLine) {
  for (const char* line :
       {"PT", "PT\t+3843-00908", "PRT\t+3843-00908\tZ", "PT\t3843-00908\tZ", "PT\t+3843\tZ", "PT\t+384-00908\tZ",
        "PT\t03843-00908\tZ", "PT\t+38x3-00908\tZ", "PT\t\tZ", "PT\t+3843-00908+1\tZ"}) {
    std::string shown = line;
    std::replace(shown.begin(), shown.end(), '\t', '?');  // messages are one line of printable text
    EXPECT_THAT(message(table_of(std::string(line) + "\n")), HasSubstr("zone.tab: line '" + shown + "'")) << line;
  }
  EXPECT_THAT(message("PT\t+3843-00908\tEurope/Lisbon\n"), HasSubstr("1 countries, expected over 200"));
  const std::string whole = table_of("");
  Rng rng(5, 0);
  for (int i = 0; i < fuzz_inputs(300); ++i) {  // no crash
    std::string damaged = whole;
    for (int k = 0; k < 8; ++k) damaged[rng.below(damaged.size())] = "\t\n+-09AZ"[rng.below(8)];
    damaged.resize(rng.below(damaged.size()));
    message(damaged);
  }
}

TEST(EmojiFiles, NamesBecomeKeys) {
  EXPECT_EQ(emoji_key({0x2764, 0xFE0F}), "2764");
  EXPECT_EQ(emoji_key_of_file("color/svg/1F468-200D-1F680.svg"), "1f468-200d-1f680");
  EXPECT_EQ(emoji_key_of_file("0023-FE0F-20E3.svg"), "23-20e3");
  EXPECT_EQ(emoji_key_of_file("a/2764-FE0F.png"), "2764");
  for (const char* file : {"readme.svg", "a/readme.png", ""}) EXPECT_EQ(emoji_key_of_file(file), "") << file;
  EXPECT_TRUE(has_skin_tone("1f44b-1f3fd"));
  EXPECT_FALSE(has_skin_tone("1f44b"));
}

}  // namespace
}  // namespace cliplab
