// PASCAL VOC's trees: several labels a picture, difficult objects, and what can be wrong in them.
#include <gmock/gmock.h>

#include "inspect/contact_sheet.hpp"
#include "sets/twins.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

class VocTest : public TwinTest {
 protected:
  static std::string object(const std::string& name, int difficult) {
    return "<object><name>" + name + "</name><difficult>" + std::to_string(difficult) +
           "</difficult><part><name>head</name></part></object>";
  }
  /// Four pictures: a dog and a person, a difficult dog beside a cat, cats of which one is difficult, and a person.
  void write_tree(const std::string& base, bool answers) const {
    const std::vector<std::string> objects{object("dog", 0) + object("person", 0), object("dog", 1) + object("cat", 0),
                                           object("cat", 1) + object("cat", 0), object("person", 0)};
    for (int i = 0; i < 4; ++i) {
      const std::string id = "00000" + std::to_string(i + 1);
      write(base + "JPEGImages/" + id + ".jpg", png(i + 1));  // decoders go by content
      write(base + "Annotations/" + id + ".xml",
            "<annotation><filename>" + id + ".jpg</filename>" + objects[i] + "</annotation>");
    }
    const std::string main = base + "ImageSets/Main/";
    write(main + "trainval.txt", "000001\n000002\n"), write(main + "train.txt", "000001\n"),
        write(main + "test.txt", "000003\n000004\n");
    if (!answers) return;
    write(main + "cat_trainval.txt", "000001 -1\n000002  1\n"),
        write(main + "dog_trainval.txt", "000001  1\n000002  0\n");
    write(main + "person_trainval.txt", "000001  1\n000002 -1\n"), write(main + "person_train.txt", "000001  1\n");
    write(main + "cat_test.txt", "000003  1\n000004 -1\n"), write(main + "dog_test.txt", "000003 -1\n000004 -1\n");
    write(main + "person_test.txt", "000003 -1\n000004  1\n");
  }
  static std::vector<int> targets(const Dataset& set) {
    return {set.truth().targets.begin(), set.truth().targets.end()};
  }
};

TEST_F(VocTest, ListsAndAnnotationsGiveTheSameAnswers) {
  write_tree("lists/", true), write_tree("xml/VOCdevkit/VOC2007/", false);
  for (const std::string name : {"lists", "xml"}) {
    const Listing read = listing(name);
    EXPECT_EQ(read.layout, "PASCAL VOC");
    EXPECT_THAT(read.problems, IsEmpty());
    EXPECT_THAT(read.class_names, ElementsAre("cat", "dog", "person"));
    EXPECT_THAT(read.splits, ElementsAre("trainval", "test")) << "train is a part of trainval";
    EXPECT_THAT(contents(read), ElementsAre("test/cat/3", "test/person/4", "trainval/cat/2", "trainval/dog/1"));
    EXPECT_THAT(targets(*open_labels(name + "/trainval", "test")), ElementsAre(-1, 1, 1, 1, 0, -1))
        << "a row is cat, dog, person";
    EXPECT_THAT(targets(*open_labels(name, "test")), ElementsAre(1, -1, -1, -1, -1, 1))
        << "one cat that is not difficult is enough";
    EXPECT_THAT(describe_copy(SetRef::parse(name)), HasSubstr("trainval 2 (1 a class), test 2 (0 to 1 a class)"));
  }
}

TEST_F(VocTest, TheTableJoinsTrainvalAndShowNamesEachLabel) {
  write_tree("VOCdevkit/VOC2007/", true);
  nlohmann::json set = entry("voc2007");
  set["folders"] = {"VOCdevkit/VOC2007"}, set["classes"] = 3, set["counts"] = {{"train", 2}, {"test", 3}},
  set["counts_from"] = "this test";
  set["splits"] = {{"train", {"trainval"}}, {"test", {"test"}}};
  write_table({set});
  EXPECT_THAT(
      verify_set(SetRef::parse("voc2007"), true),
      ElementsAre(HasSubstr("2 pictures in test, expected 3"), HasSubstr("class 'dog' without a picture in test")));
  const std::vector<Tile> tiles = sample_tiles(*open_labels("voc2007", "train"), 64, 0);
  ASSERT_EQ(tiles.size(), 2u);
  EXPECT_EQ(tiles[0].label, "cat, dog?");
  EXPECT_EQ(tiles[1].label, "dog, person");
}

TEST_F(VocTest, ChangedAnswersChangeTheId) {
  write_tree("voc/", true);
  const std::string before = content_id(listing("voc"));
  write("voc/ImageSets/Main/dog_trainval.txt", "000001  1\n000002  1\n");
  EXPECT_NE(content_id(listing("voc")), before);
}

TEST_F(VocTest, WhatIsWrongIsNamed) {
  write_tree("voc/", true);
  const std::string main = "voc/ImageSets/Main/";
  write(main + "dog_trainval.txt", "000001  1\n000009  1\n000001  1\n"),
      write(main + "cat_trainval.txt", "000001  2\n000002  1\n");
  write(main + "test.txt", "000003\n000004\n000004\n000005\n"),
      write(main + "person_test.txt", "000003 -1\n000004 -1\n");
  const std::string wrong = problems("voc");
  EXPECT_THAT(wrong, HasSubstr("dog_trainval.txt: '000009', which trainval.txt does not have"));
  EXPECT_THAT(wrong, HasSubstr("dog_trainval.txt: '000001' a second time"));
  EXPECT_THAT(wrong, HasSubstr("dog_trainval.txt: answers for 1 pictures, expected 2"));
  EXPECT_THAT(wrong, HasSubstr("cat_trainval.txt: '2' for '000001', expected 1, 0 or -1"));
  EXPECT_THAT(wrong, HasSubstr("test.txt: '000004' a second time"));
  EXPECT_THAT(wrong, HasSubstr("test.txt: no picture 'JPEGImages/000005.jpg'"));
  EXPECT_THAT(wrong, HasSubstr("test.txt: no object of any class in '000004'"));
}

TEST_F(VocTest, DamagedAnnotationsAreNamedAndNothingOutsideIsRead) {
  write_tree("voc/", false);
  write("voc/Annotations/000001.xml", "<annotation><object>"), fs::remove(sets / "voc/Annotations/000003.xml");
  write("secret.txt", "dog");
  write("voc/Annotations/000002.xml", "<!DOCTYPE a [<!ENTITY x SYSTEM '" + (sets / "secret.txt").string() +
                                          "'>]><annotation><object><name>&x;</name></object></annotation>");
  const std::string wrong = problems("voc");
  EXPECT_THAT(wrong, HasSubstr("000001.xml: no XML"));
  EXPECT_THAT(wrong, HasSubstr("000003.xml"));
  EXPECT_THAT(wrong, HasSubstr("an object without a name"));
  EXPECT_THAT(listing("voc").class_names, ElementsAre("person"));
  fs::remove(sets / "voc/ImageSets/Main/trainval.txt"), fs::remove(sets / "voc/ImageSets/Main/train.txt"),
      fs::remove(sets / "voc/ImageSets/Main/test.txt");
  EXPECT_THAT(input_error([&] { listing("voc"); }), HasSubstr("no list of pictures"));
}

}  // namespace
}  // namespace cliplab
