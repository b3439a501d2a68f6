// Emoji of the two hands that are never trained on, with the names that CLDR gives them. A hand is drawn where a recipe
// needs it: with 3,000 pictures that takes seconds.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "acquire/packages.hpp"
#include "corpora/recipe.hpp"

namespace cliplab {

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
/// The same 40 % of all emoji in every data set: no name of a test split is in another set's train split.
bool emoji_is_test(const std::string& key);

struct Emoji {
  std::string key, name, group;  // group: "people", "nature", ... of gemojione's index; may be empty
  std::string picture;           // SVG or PNG
};
struct EmojiHand {
  std::string name;                            // "openmoji"
  std::vector<Emoji> emoji;                    // by key; one a name, since classes are joined by name
  std::map<std::string, std::string> dropped;  // key -> reason
  std::vector<Package> packages;
};
/// Those of a package's pictures that have a name and no skin tone.
EmojiHand collect_emoji(const std::string& hand, const std::string& package,
                        const std::function<bool(const std::string& file)>& is_picture);
EmojiHand collect_openmoji();
EmojiHand collect_gemojione();
/// Makes every picture a PNG, RGBA or on white; those that cannot be drawn go to `dropped`.
void draw_emoji(EmojiHand& hand, bool on_white);

/// The sets NAME (a class a name, all of it test) and NAME_groups (train and test) of a hand.
Recipe emoji_recipe(const std::string& hand, const std::string& title, const std::string& description,
                    const std::string& licence, const std::string& package, void (*build)(int version));
void write_emoji_sets(EmojiHand hand, int recipe_version);

}  // namespace cliplab
