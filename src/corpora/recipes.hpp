// How each corpus is made from packages. A recipe is one function; its version changes when its output would.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "acquire/packages.hpp"
#include "base/image.hpp"

namespace cliplab {

// A corpus built by another version than these is built anew by fetch_corpus.
constexpr int kFashionMnistRecipe = 1, kEmojiRecipe = 2, kTuxpaintRecipe = 3, kDrawingsRecipe = 3,
              kEmojiStudiesRecipe = 1;
constexpr int kPictureSide = 128;  // SVGs are drawn this large; bitmaps keep their size up to it

void build_openmoji(const std::filesystem::path& folder);
void build_gemojione(const std::filesystem::path& folder);
void build_tuxpaint(const std::filesystem::path& folder);
void build_fashion_mnist(const std::filesystem::path& folder);
/// Needs openmoji, gemojione and tuxpaint: pictures that look like one of theirs are left out.
void build_drawings(const std::filesystem::path& folder);

/// People of OpenMoji, captions "male" and "female"; needs openmoji.
void build_emoji_people(const std::filesystem::path& folder);
/// Flags of countries by two hands, captions "latitude longitude" of the first city that the tz database has for each:
/// OpenMoji's are split test, Gemojione's train; needs both.
void build_emoji_flags(const std::filesystem::path& folder);
/// "woman cook", "men wrestling" -> "female", "male"; "" where neither or both are named.
std::string gender_of_name(const std::string& name);
/// zone.tab of the tz database -> "latitude longitude" in degrees, by country of two letters. Throws InputError naming
/// `where`.
std::map<std::string, std::string> read_country_places(const std::string& table, const std::string& where);
/// "1f1f5-1f1f9" -> "PT"; "" for what is no flag of two letters.
std::string country_of_flag(const std::string& key);

/// English name and keywords of an emoji, from CLDR.
struct EmojiName {
  std::string name;                   // "grinning face"
  std::vector<std::string> keywords;  // {"face", "grin"}
};
/// By key: code points in lower hex, joined by '-', without FE0F ("1f468-200d-1f680").
std::map<std::string, EmojiName> read_emoji_names(const Package& cldr);
std::string emoji_key(const std::vector<char32_t>& code_points);
/// "1F468-200D-1F680.svg" (or '_' between) -> key; "" when the stem is not code points.
std::string emoji_key_of_file(const std::string& name);
/// One of the five skin tones is part of it.
bool has_skin_tone(const std::string& key);
/// "people", "nature", ... of gemojione's index, by key.
std::map<std::string, std::string> read_emoji_groups(const Package& gemojione);
/// The same 40 % of all emoji in every data set: no name of a test split is in another set's train split.
bool emoji_is_test(const std::string& key);
/// Stable share of a text in [0, 1).
double hash_share(const std::string& text);

/// Adds {"<package>": {version, sha256, licence}}.
void note_package(nlohmann::json& packages, const Package& package);

}  // namespace cliplab
