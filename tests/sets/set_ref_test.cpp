// Names of data sets as configs give them: what each kind is, what an unknown or absent one says, which splits it has.
#include "sets/set_ref.hpp"

#include <gmock/gmock.h>

#include "sets/twins.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SetRefTest : public TwinTest {
 protected:
  void write_parts() const {
    write("art/labels.tsv", "path\tsplit\tlabel\tclass\na.png\tsketch\t0\tcat\nb.png\tphoto\t1\tdog\n");
    write("art/classes.txt", "cat\ndog\n");
    for (const int i : {0, 1}) write(std::string("art/") + static_cast<char>('a' + i) + ".png", png(i));
  }
  void write_captions(const std::string& name, const std::string& split) const {
    write(name + "/captions.tsv", "path\tsplit\tcaption_no\tcaption\na.png\t" + split + "\t0\ta cat\n");
    write(name + "/a.png", png(1));
  }
  static SetKind kind(const std::string& text) { return SetRef::parse(text).kind(); }
};

TEST_F(SetRefTest, EveryFormHasItsKind) {
  write_table({entry("food")});
  write_parts();
  EXPECT_EQ(kind("drawings"), SetKind::kBuilt);
  EXPECT_EQ(kind("drawings:noto+twemoji:3000"), SetKind::kBuilt);
  EXPECT_EQ(kind("openmoji_groups"), SetKind::kBuilt);
  EXPECT_EQ(kind("food"), SetKind::kCatalogue);
  EXPECT_EQ(kind("art"), SetKind::kFolder);
  EXPECT_EQ(kind("art/sketch"), SetKind::kFolder);
  for (const char* shards : {"/data/a.tar", "./shards", "../shards", "cc-{0..3}.tar", "one.tar"})
    EXPECT_EQ(kind(shards), SetKind::kShards) << shards;
  EXPECT_EQ(SetRef::parse("drawings:noto:3").name(), "drawings");
  EXPECT_EQ(SetRef::parse("art/sketch").name(), "art");
  EXPECT_EQ(SetRef::parse("fashion_mnist").title(), "Fashion-MNIST");
}

TEST_F(SetRefTest, UnknownNamesAreErrorsWithTheNearestName) {
  write_table({entry("food101")});
  write_parts();
  EXPECT_THAT(input_error([] { SetRef::parse("food11"); }), HasSubstr("did you mean 'food101'?"));
  EXPECT_THAT(input_error([] { SetRef::parse("openmojy"); }), HasSubstr("did you mean 'openmoji'?"));
  EXPECT_THAT(input_error([] { SetRef::parse("atr/sketch"); }), HasSubstr("did you mean 'art'?"));
  for (const char* wrong :
       {"", "art/", "art:noto", "openmoji:noto", "drawings:", "drawings:noto:none", "drawings:noto/val"})
    EXPECT_FALSE(input_error([&] { SetRef::parse(wrong); }).empty()) << wrong;
}

TEST_F(SetRefTest, KnownSetsParseWhereTheyAreAbsentAndSayWhatIsMissing) {
  json captions = entry("flickr");
  captions["task"] = "captions";
  write_table({entry("food"), captions});
  const SetRef food = SetRef::parse("food"), drawings = SetRef::parse("drawings"), flickr = SetRef::parse("flickr");
  EXPECT_THAT(food.absence(), HasSubstr("nothing of it in"));
  EXPECT_THAT(input_error([&] { food.splits(); }), HasSubstr("nothing of it in"));
  EXPECT_FALSE(food.has_captions());
  EXPECT_TRUE(flickr.has_captions());
  EXPECT_THAT(drawings.absence(), HasSubstr("./cliplab data fetch drawings"));
  EXPECT_TRUE(drawings.has_captions());
  EXPECT_THAT(drawings.splits(), ElementsAre("train", "validation"));
  EXPECT_THAT(SetRef::parse("./none-{0..1}.tar").absence(), HasSubstr("no such file"));
}

TEST_F(SetRefTest, SetsWithoutTrainAndTestNameTheirParts) {
  write_table({});
  write_parts();
  const SetRef art = SetRef::parse("art");
  EXPECT_EQ(art.absence(), "");
  EXPECT_THAT(art.parts(), ElementsAre("photo", "sketch"));
  const std::string line = "expected the name of a part of it: art/photo, ../sketch";
  EXPECT_THAT(input_error([&] { art.splits(); }), HasSubstr(line));
  EXPECT_THAT(input_error([&] { art.id("test"); }), HasSubstr(line));
  EXPECT_THAT(input_error([&] { open_dataset(art, "test"); }), HasSubstr(line));
  const SetRef sketch = SetRef::parse("art/sketch");
  EXPECT_THAT(sketch.splits(), ElementsAre("test"));
  EXPECT_EQ(open_dataset(sketch, "test")->id(), sketch.id("test"));
}

TEST_F(SetRefTest, ShardsOfAnotherSplitAndOtherLabelsNameWhatIsThere) {
  write_table({});
  write("wds/classnames.txt", "cat\ndog\n");
  write("wds/mini/0.tar", archive_of({{"1.png", png(1)}, {"1.cls", "0"}}, false));
  EXPECT_THAT(input_error([] { SetRef::parse("wds").splits(); }), HasSubstr("the name of a part of it: wds/mini"));
  write("npy/classnames.txt", "cat\ndog\n");
  write("npy/test/0.tar", archive_of({{"1.png", png(1)}, {"1.npy", "labels"}}, false));
  EXPECT_THAT(input_error([] { SetRef::parse("npy").splits(); }), HasSubstr("1 pictures without a .cls left out"));
}

TEST_F(SetRefTest, ACaptionSetMayBeGivenAsFolderAndSplit) {
  write_table({});
  write_captions("pairs", "mine");
  const SetRef part = SetRef::parse("pairs/mine");
  EXPECT_TRUE(part.has_captions());
  EXPECT_THAT(part.splits(), ElementsAre("test"));
  const auto set = open_pairs(part, "test");
  EXPECT_THAT(set->get(0).captions, ElementsAre("a cat"));
  EXPECT_EQ(set->id(), part.id("test"));
  EXPECT_THAT(input_error([&] { open_dataset(part, "test"); }), HasSubstr("captions instead of classes"));
}

TEST_F(SetRefTest, ValidationIsASplitThatNeitherTrainNorTestIsMadeOf) {
  write_table({});
  for (const std::string split : {"train", "val", "test"}) write("all/" + split + "/cat/a.png", png(1));
  for (const std::string split : {"train", "val"}) write("two/" + split + "/cat/a.png", png(1));
  EXPECT_THAT(SetRef::parse("all").splits(), ElementsAre("train", "validation", "test"));
  EXPECT_THAT(SetRef::parse("two").splits(), ElementsAre("train", "test"));
  EXPECT_EQ(open_dataset(SetRef::parse("all"), "validation")->size(), 1);
}

}  // namespace
}  // namespace cliplab
