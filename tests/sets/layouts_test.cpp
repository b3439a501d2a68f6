// Every layout by a twin of it with a known answer, then damaged in each way that real copies are.
#include <gmock/gmock.h>

#include <set>

#include "sets/twins.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
namespace fs = std::filesystem;

class LayoutTest : public TwinTest {
 protected:
  void write_folder() const {
    write("tree/train/cat/a.png", png(1)), write("tree/train/dog/b.png", png(2)),
        write("tree/train/dog/deep/c.PNG", png(3));
    write("tree/test/cat/d.png", png(4)), write("tree/test/dog/e.png", png(5));
  }
  static constexpr const char* kHead = "path\tsplit\tlabel\tclass\n";
  void write_labels(const std::string& rows, const std::string& archive = {}) const {
    write("table/labels.tsv", kHead + rows);
    write("table/classes.txt", "cat\ndog\n");
    write("table/images.tar.gz",
          archive.empty() ? archive_of({{"a.png", png(1)}, {"x/b.png", png(2)}}, true) : archive);
  }
  static constexpr const char* kRows = "a.png\ttrain\t0\tcat\nx/b.png\ttest\t1\tdog\n";
};

TEST_F(LayoutTest, ImageFolderHasSplitsAndClassesInOrder) {
  write_folder();
  write("tree/train/cat/readme.txt", "no picture"), write("tree/train/.hidden/a.png", png(9));
  const Listing read = listing("tree");
  EXPECT_EQ(read.layout, "ImageFolder");
  EXPECT_THAT(read.problems, IsEmpty());
  EXPECT_THAT(read.class_names, ElementsAre("cat", "dog"));
  EXPECT_THAT(contents(read), ElementsAre("test/cat/4", "test/dog/5", "train/cat/1", "train/dog/2", "train/dog/3"));
  write("plain/cat/a.png", png(1)), write("plain/ant/b.png", png(2));
  EXPECT_THAT(contents(listing("plain")), ElementsAre("all/ant/2", "all/cat/1"));
}

TEST_F(LayoutTest, ImageFolderFollowsLinksAndNamesWhatIsWrong) {
  write_folder();
  write("elsewhere/f.png", png(6));
  fs::create_directory_symlink(sets / "elsewhere", sets / "tree/test/emu");
  EXPECT_THAT(problems("tree"), IsEmpty());
  EXPECT_THAT(contents(listing("tree")), ::testing::Contains("test/emu/6"));
  fs::create_directory_symlink(sets / "tree/train/dog", sets / "tree/train/dog/again");
  fs::create_symlink(sets / "nowhere.png", sets / "tree/train/cat/lost.png");
  fs::create_directories(sets / "tree/train/empty");
  write("tree/train/cat/old.avif", "not a picture");
  write("tree/train/\xff\xfe/a.png", png(7));
  const std::string wrong = problems("tree");
  EXPECT_THAT(wrong, HasSubstr("again: a link back to a folder above it"));
  EXPECT_THAT(wrong, HasSubstr("lost.png: a link to nothing"));
  EXPECT_THAT(wrong, HasSubstr("empty: a class without a picture"));
  EXPECT_THAT(wrong, HasSubstr("old.avif: a picture of a format that this program cannot decode"));
  EXPECT_THAT(wrong, HasSubstr("not UTF-8"));
  EXPECT_EQ(std::count(wrong.begin(), wrong.end(), '\n'), 5);
}

TEST_F(LayoutTest, TableReadsPackedPlainAndLooseTheSame) {
  write_labels(kRows);
  const auto expected = ElementsAre("test/dog/2", "train/cat/1");
  EXPECT_THAT(contents(listing("table")), expected);
  EXPECT_THAT(problems("table"), IsEmpty());
  fs::remove(sets / "table/images.tar.gz");
  write("table/images.tar", archive_of({{"./a.png", png(1)}, {"x/b.png", png(2)}}, false));
  EXPECT_THAT(contents(listing("table")), expected);
  fs::remove(sets / "table/images.tar");
  write("table/a.png", png(1)), write("table/x/b.png", png(2));
  EXPECT_THAT(contents(listing("table")), expected);
  EXPECT_THAT(problems("table"), IsEmpty());
}

TEST_F(LayoutTest, LongNamesAndManyMembersKeepTheirPlaces) {
  std::vector<Member> members;
  std::string rows;
  for (int i = 0; i < 60; ++i) {
    members.push_back({std::string(150, 'n') + std::to_string(i) + ".png", png(i)});
    rows += members.back().name + "\ttrain\t0\tcat\n";
  }
  write_labels(rows);
  fs::remove(sets / "table/images.tar.gz");
  write("table/images.tar", archive_of(members, false));
  const Listing read = listing("table");
  ASSERT_EQ(read.items.size(), 60u);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(decode_item(read, read.items[i]).pixels, picture(i).pixels);
}

TEST_F(LayoutTest, TableNamesEachWrongLine) {
  const auto wrong = [&](const std::string& rows) { return write_labels(rows), problems("table"); };
  EXPECT_THAT(wrong(std::string(kRows) + "c.png\ttest\t0\tcat\n"), HasSubstr("labels.tsv:4: no picture 'c.png'"));
  EXPECT_EQ(wrong("a.png\ttrain\t0\tcat\n"), "");
  EXPECT_THAT(notices("table"), HasSubstr("1 pictures without a label left out, the first x/b.png"));
  EXPECT_THAT(wrong(std::string(kRows) + "a.png\ttest\t0\tcat\n"), HasSubstr("'a.png' a second time"));
  EXPECT_THAT(wrong("a.png\ttrain\t1\tcat\nx/b.png\ttest\t1\tdog\n"), HasSubstr("label 1 is 'cat', expected 'dog'"));
  EXPECT_THAT(wrong("a.png\ttrain\t2\tcat\n"), HasSubstr("label '2', expected one under 2"));
  EXPECT_THAT(wrong("a.png\ttrain\t-1\tcat\n"), HasSubstr("label '-1'"));
  EXPECT_THAT(wrong("a.png\ttrain\t0x\tcat\n"), HasSubstr("label '0x'"));
  EXPECT_THAT(wrong("a.png\ttrain\t0\n"), HasSubstr("3 columns, expected 4"));
  EXPECT_THAT(wrong("a.png\ttrain\xff\t0\tcat\n"), HasSubstr("not UTF-8"));
  write("table/labels.tsv", "path\tlabel\tclass\na.png\t0\tcat\n");
  EXPECT_THAT(input_error([&] { listing("table"); }), HasSubstr("no column 'split'"));
  write("table/labels.tsv", "");
  EXPECT_THAT(input_error([&] { listing("table"); }), HasSubstr("empty"));
  write("table/labels.tsv", std::string("\xff\xfep\0a\0", 6));
  EXPECT_THAT(input_error([&] { listing("table"); }), HasSubstr("labels.tsv: text in UTF-16"));
}

TEST_F(LayoutTest, DamagedAndHostileArchivesAreNamed) {
  const std::string packed = archive_of({{"a.png", png(1)}, {"x/b.png", png(2)}}, true);
  write_labels(kRows, packed.substr(0, packed.size() / 2));
  EXPECT_THAT(input_error([&] { listing("table"); }), HasSubstr("images.tar.gz: a damaged or cut archive"));
  write_labels(kRows, "not an archive");
  EXPECT_THAT(input_error([&] { listing("table"); }), HasSubstr("damaged"));
  write_labels(kRows, archive_of({{"a.png", png(1)},
                                  {"x/b.png", png(2)},
                                  {"../evil.png", png(3)},
                                  {"/etc/evil.png", png(3)},
                                  {"l.png", "", "/etc/passwd"},
                                  {"a.png", png(4)}},
                                 true));
  const std::string wrong = problems("table");
  EXPECT_THAT(wrong, HasSubstr("../evil.png: a name that leads out"));
  EXPECT_THAT(wrong, HasSubstr("/etc/evil.png: a name that leads out"));
  EXPECT_THAT(wrong, HasSubstr("l.png: a link or device"));
  EXPECT_THAT(wrong, HasSubstr("a.png: a name used twice"));
  fs::remove(sets / "table/images.tar.gz");
  const std::string plain = archive_of({{"a.png", png(1)}, {"x/b.png", std::string(5000, 'x')}}, false);
  write("table/images.tar", plain.substr(0, 3000));
  EXPECT_THAT(input_error([&] { listing("table"); }), HasSubstr("images.tar"));
}

TEST_F(LayoutTest, ATarCutBetweenTwoMembersIsNoWholeTar) {
  const std::string whole = archive_of({{"a.png", png(1)}, {"a.cls", "0"}, {"b.png", png(2)}, {"b.cls", "1"}}, false);
  write("wds/classnames.txt", "cat\ndog\n");
  write("wds/test/0.tar", whole);
  EXPECT_THAT(problems("wds"), IsEmpty());
  const std::size_t second = whole.find("b.png");  // where its header begins: names come first
  ASSERT_EQ(second % 512, 0u);
  write("wds/test/0.tar", whole.substr(0, second));
  EXPECT_THAT(problems("wds"), HasSubstr("0.tar: no end mark"));
  EXPECT_THAT(contents(listing("wds")), ElementsAre("test/cat/1"));  // the rest is not lost
  EXPECT_THAT(input_error([] { open_labels("wds", "test"); }), HasSubstr("no end mark"));
  write("wds/test/0.tar", "");
  EXPECT_THAT(input_error([&] { listing("wds"); }), HasSubstr("0.tar: a damaged or cut archive"));
}

TEST_F(LayoutTest, ALinkToItselfIsNamedAndTheOthersStay) {
  write_folder();
  const auto before = contents(listing("tree"));
  fs::create_symlink(sets / "tree/train/self", sets / "tree/train/self");
  fs::create_symlink(sets / "tree/self", sets / "tree/self");
  const std::string wrong = problems("tree");
  EXPECT_THAT(wrong, HasSubstr("tree/train/self: cannot be read"));
  EXPECT_THAT(wrong, HasSubstr("tree/self: cannot be read"));
  EXPECT_EQ(std::count(wrong.begin(), wrong.end(), '\n'), 2);
  EXPECT_EQ(contents(listing("tree")), before);
  write("plain/cat/a.png", png(1));
  fs::create_symlink(sets / "plain/self", sets / "plain/self");
  const std::string once = problems("plain");
  EXPECT_EQ(std::count(once.begin(), once.end(), '\n'), 1) << once;
}

TEST_F(LayoutTest, PicturesWithNamesOfOtherEncodingsAreNotLost) {
  write("tree/test/cat/caf\xe9.png", png(1)), write("tree/test/cat/\xf0\x9f\x90\x88.png", png(2));
  EXPECT_THAT(problems("tree"), IsEmpty());
  EXPECT_THAT(contents(listing("tree")), ElementsAre("test/cat/1", "test/cat/2"));
  write("wds/classnames.txt", "cat\n");
  write("wds/test/0.tar", archive_of({{"caf\xe9.png", png(1)}, {"caf\xe9.cls", "0"}}, false));
  EXPECT_THAT(contents(listing("wds")), ElementsAre("test/cat/1"));
}

TEST_F(LayoutTest, WhatAPictureIsSaysItsContentNotItsName) {
  write("tree/test/cat/a.jpg", png(1)),
      write("tree/test/cat/b.jpg", "<html>this picture is no longer available</html>");
  EXPECT_THAT(verify_set(SetRef::parse("tree"), true), ElementsAre(HasSubstr("tree/test/cat/b.jpg")));
  const Listing read = listing("tree");
  EXPECT_EQ(decode_item(read, read.items[0]).pixels, picture(1).pixels);
}

TEST_F(LayoutTest, FileThatShrinksWhileItIsReadIsNamed) {
  write_labels(kRows);
  fs::remove(sets / "table/images.tar.gz");
  write("table/images.tar", archive_of({{"a.png", png(1)}, {"x/b.png", png(2)}}, false));
  const Listing read = listing("table");
  fs::resize_file(sets / "table/images.tar", 600);
  EXPECT_THAT(input_error([&] { decode_item(read, read.items[1]); }), HasSubstr("images.tar:x/b.png"));
}

TEST_F(LayoutTest, FileThatIsWrittenWhileItIsReadIsNamed) {
  write_labels(kRows);
  fs::remove(sets / "table/images.tar.gz");
  const std::string first = archive_of({{"a.png", png(1)}, {"x/b.png", png(2)}}, false),
                    other = archive_of({{"a.png", png(3)}, {"x/b.png", png(4)}}, false);
  const auto file = write("table/images.tar", first);
  const Listing read = listing("table");
  EXPECT_EQ(decode_item(read, read.items[0]).pixels, picture(1).pixels);
  fs::rename(write("table/next.tar", other), file);  // another file in its place: the open one stays as it was
  EXPECT_EQ(decode_item(read, read.items[0]).pixels, picture(1).pixels);
  const Listing again = listing("table");
  const auto before = fs::last_write_time(file);
  std::ofstream(file, std::ios::binary | std::ios::in | std::ios::out) << first;  // as many bytes, into the same file
  fs::last_write_time(file,
                      before + std::chrono::seconds(1));  // the clock of file systems may stand for some milliseconds
  EXPECT_THAT(input_error([&] { decode_item(again, again.items[0]); }),
              HasSubstr("images.tar:a.png: a file that has changed"));
  write_folder();
  const Listing loose = listing("tree");
  write("tree/" + loose.items[0].key, png(1) + "more");
  EXPECT_THAT(input_error([&] { decode_item(loose, loose.items[0]); }), HasSubstr("as when it was listed"));
}

TEST_F(LayoutTest, CaptionsJoinTheirPictureAndStrayOnesAreNamed) {
  write("pairs/images.tar.gz", archive_of({{"a.png", png(1)}, {"b.png", png(2)}}, true));
  const std::string head = "path\tsplit\tcaption_no\tcaption\n",
                    rows = "a.png\ttest\t0\tone\na.png\ttest\t1\ttwo\nb.png\ttrain\t0\tthree\n";
  write("pairs/captions.tsv", head + rows);
  const auto set = open_captions("pairs", "test");
  ASSERT_EQ(set->size(), 1);
  EXPECT_THAT(set->get(0).captions, ElementsAre("one", "two"));
  EXPECT_EQ(set->get(0).image.pixels, picture(1).pixels);
  EXPECT_EQ(set->id(), set_id("pairs", "test"));
  EXPECT_THAT(input_error([] { open_labels("pairs", "test"); }), HasSubstr("captions instead of classes"));
  write("pairs/captions.tsv", head + rows + "c.png\ttest\t0\tlost\nc.png\ttest\t1\tlost too\n");
  const std::string wrong = problems("pairs");
  EXPECT_THAT(wrong, HasSubstr("captions.tsv:5: no picture 'c.png'"));
  EXPECT_EQ(std::count(wrong.begin(), wrong.end(), '\n'), 1);
  EXPECT_EQ(listing("pairs").items.size(), 2u);
  write("pairs/captions.tsv", head + "a.png\ttest\t0\tone\n");
  EXPECT_EQ(problems("pairs"), "");
  EXPECT_THAT(notices("pairs"), HasSubstr("1 pictures without a caption left out, the first b.png"));
  EXPECT_EQ(open_captions("pairs", "test")->size(), 1);
}

TEST_F(LayoutTest, BadCaptionsAreCountedAndTheOthersStay) {
  write("pairs/images.tar.gz", archive_of({{"a.png", png(1)}, {"b.png", png(2)}, {"c.png", png(3)}}, true));
  write("pairs/captions.tsv",
        "path\tsplit\tcaption_no\tcaption\na.png\ttest\t0\t \na.png\ttest\t1\ttwo\nb.png\ttest\t0\tcaf\xe9\n"
        "c.png\ttest\t0\t\xe3\x80\x80\n");
  EXPECT_EQ(problems("pairs"), "");
  EXPECT_THAT(notices("pairs"), HasSubstr("1 captions that are not UTF-8 left out, the first"));
  EXPECT_THAT(notices("pairs"), HasSubstr("2 captions that are blank left out, the first"));
  EXPECT_THAT(notices("pairs"), HasSubstr("2 pictures without a caption left out, the first b.png"));
  const auto set = open_captions("pairs", "test");
  ASSERT_EQ(set->size(), 1);
  EXPECT_THAT(set->captions(0), ElementsAre("two"));
}

TEST_F(LayoutTest, WebdatasetReadsShardsInOrderWithTheirTemplates) {
  const std::string tar0 = archive_of(
      {{"s0.cls", "1"}, {"s0.png", png(1)}, {"s1.png", png(2)}, {"s1.cls", "0\n"}, {"s1.json", "{}"}}, false);
  write("wds/classnames.txt", "cat\ndog\n"),
      write("wds/zeroshot_classification_templates.txt", "a photo of {c}.\n{c}\n");
  write("wds/test/0.tar", tar0), write("wds/test/10.tar", archive_of({{"s3.png", png(4)}, {"s3.cls", "1"}}, false));
  write("wds/test/2.tar", archive_of({{"s2.png", png(3)}, {"s2.cls", "0"}}, false)),
      write("wds/test/nshards.txt", "3\n");
  const Listing read = listing("wds");
  EXPECT_EQ(read.layout, "webdataset");
  EXPECT_THAT(read.problems, IsEmpty());
  EXPECT_THAT(contents(read), ElementsAre("test/cat/2", "test/cat/3", "test/dog/1", "test/dog/4"));
  EXPECT_EQ(read.items[2].key, "s2.png");
  EXPECT_EQ(read.items[3].key, "s3.png") << "2.tar before 10.tar";
  const Prompts prompts = load_prompts(*open_labels("wds", "test"), "wds");
  EXPECT_THAT(prompts.templates, ElementsAre("a photo of {}.", "{}"));
  EXPECT_THAT(prompts.class_names, ElementsAre(ElementsAre("cat"), ElementsAre("dog")));
}

TEST_F(LayoutTest, WebdatasetNamesWhatDoesNotFit) {
  write("wds/classnames.txt", "cat\ndog\n"), write("wds/test/nshards.txt", "2\n");
  write("wds/test/0.tar",
        archive_of(
            {{"a.png", png(1)}, {"a.cls", "2"}, {"b.png", png(1)}, {"c.cls", "0"}, {"d.png", png(1)}, {"d.cls", "0"}},
            false));
  write("wds/test/1.tar", archive_of({{"d.png", png(1)}, {"d.cls", "0"}}, false)),
      write("wds/test/2.tar", archive_of({{"e.png", png(1)}, {"e.cls", "x"}}, false));
  const std::string wrong = problems("wds");
  EXPECT_THAT(wrong, HasSubstr("3 shards, expected 2"));
  EXPECT_THAT(wrong, HasSubstr("a.png: class '2', expected a number under 2"));
  EXPECT_THAT(notices("wds"), HasSubstr("1 pictures without a .cls left out, the first"));
  EXPECT_THAT(notices("wds"), HasSubstr("0.tar:b.png"));
  EXPECT_THAT(wrong, HasSubstr("c.cls: a label without a picture"));
  EXPECT_THAT(wrong, HasSubstr("e.png: class 'x'"));
  EXPECT_EQ(listing("wds").items.size(), 2u) << "one key in two shards is two samples";
  write("wds/test/1.tar", archive_of({{"d.png", png(1)}}, false).substr(0, 700));
  EXPECT_THAT(input_error([&] { listing("wds"); }), HasSubstr("1.tar"));
}

TEST_F(LayoutTest, WebdatasetOfCaptionsIsAPairCorpus) {
  write("wds/dataset_type.txt", "retrieval\n");
  write("wds/test/0.tar", archive_of({{"a.txt", "one\ntwo\r\n"},
                                      {"a.png", png(1)},
                                      {"b.txt", "\n"},
                                      {"b.png", png(2)},
                                      {"c.txt", "lost"},
                                      {"d.txt", "caf\xe9"},
                                      {"d.png", png(3)}},
                                     false));
  EXPECT_THAT(notices("wds"), HasSubstr("1 pictures with blank captions left out"));
  EXPECT_THAT(problems("wds"), HasSubstr("c.txt: captions without a picture"));
  EXPECT_THAT(notices("wds"), HasSubstr("1 pictures with captions that are not UTF-8 left out"));
  write("good/dataset_type.txt", "retrieval\n");
  write("good/test/0.tar", archive_of({{"a.txt", "one\ntwo\r\n"}, {"a.png", png(1)}}, false));
  EXPECT_THAT(open_captions("good", "test")->get(0).captions, ElementsAre("one", "two"));
}

/// Planar pixels of picture(shade) enlarged to 32 x 32.
std::string planes(const Image& image) {
  std::string bytes;
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < 32; ++y)
      for (int x = 0; x < 32; ++x) bytes += static_cast<char>(image.at(y / 4, x / 4)[c]);
  return bytes;
}

TEST_F(LayoutTest, CifarBinaryIsPlanarWithTheFineLabelLast) {
  for (int i = 1; i <= 5; ++i)
    write("c10/data_batch_" + std::to_string(i) + ".bin",
          std::string(1, static_cast<char>(i % 2)) + planes(picture(i)));
  write("c10/test_batch.bin", std::string(1, '\1') + planes(picture(6)) + std::string(1, '\0') + planes(picture(7)));
  write("c10/batches.meta.txt", "cat\ndog\n\n");
  const Listing ten = listing("c10");
  EXPECT_THAT(ten.problems, IsEmpty());
  ASSERT_EQ(ten.items.size(), 7u);
  EXPECT_EQ(ten.class_names[ten.items[5].label], "dog");
  const Image image = decode_item(ten, ten.items[5]);
  for (const int at : {0, 5, 31})
    for (int c = 0; c < 3; ++c) EXPECT_EQ(image.at(at, 31 - at)[c], picture(6).at(at / 4, (31 - at) / 4)[c]);
  write("c100/fine_label_names.txt", "apple\nbaby\n");
  write("c100/train.bin", std::string("\5\1", 2) + planes(picture(1))),
      write("c100/test.bin", std::string("\1\0", 2) + planes(picture(2)));
  const Listing hundred = listing("c100");
  EXPECT_EQ(hundred.items[0].label, 1);
  EXPECT_EQ(hundred.items[1].label, 0);
  EXPECT_EQ(decode_item(hundred, hundred.items[1]).at(0, 0)[1], picture(2).at(0, 0)[1]);
  write("c10/test_batch.bin", std::string(1, '\2') + planes(picture(6)) + "cut");
  EXPECT_THAT(problems("c10"), HasSubstr("3076 bytes, expected a multiple of 3073"));
  EXPECT_THAT(problems("c10"), HasSubstr("label 2, expected one under 2"));
  fs::remove(sets / "c10/data_batch_3.bin");
  EXPECT_THAT(input_error([&] { listing("c10"); }), HasSubstr("data_batch_3.bin"));
}

TEST_F(LayoutTest, IdxPlainAndDigitsAsNames) {
  const auto idx = [](std::vector<int> shape, const std::string& values) {
    std::string bytes{'\0', '\0', '\10', static_cast<char>(shape.size())};
    for (const int side : shape) bytes += {'\0', '\0', '\0', static_cast<char>(side)};
    return bytes + values;
  };
  for (const std::string stem : {"train", "t10k"}) {
    write("digits/" + stem + "-images-idx3-ubyte", idx({2, 2, 3}, "abcdefghijkl"));
    write("digits/" + stem + "-labels-idx1-ubyte", idx({2}, std::string("\3\0", 2)));
  }
  const Listing read = listing("digits");
  EXPECT_THAT(read.class_names, ElementsAre("0", "1", "2", "3"));
  const Image image = decode_item(read, read.items[3]);
  EXPECT_EQ(image.at(1, 2)[0], 'l');
  EXPECT_EQ(image.at(1, 2)[2], 'l');
  write("digits/t10k-labels-idx1-ubyte", idx({1}, std::string("\3", 1)));
  EXPECT_THAT(input_error([&] { listing("digits"); }), HasSubstr("2 pictures, expected 1"));
  fs::remove(sets / "digits/t10k-labels-idx1-ubyte");
  EXPECT_THAT(problems("digits"), HasSubstr("no labels of t10k"));
}

TEST_F(LayoutTest, UnknownFoldersSayWhatIsKnown) {
  write("odd/readme.txt", "nothing");
  EXPECT_THAT(input_error([&] { listing("odd"); }), HasSubstr("labels.tsv"));
  EXPECT_THAT(input_error([&] { listing("none"); }), HasSubstr("no folder"));
}

TEST_F(LayoutTest, MutationsGiveOnlyInputErrors) {
  Rng rng(5);
  const std::string table = std::string(kHead) + kRows,
                    packed = archive_of({{"a.png", png(1)}, {"x/b.png", png(2)}}, true),
                    plain =
                        archive_of({{"s0.cls", "1"}, {"s0.png", png(1)}, {"s1.png", png(2)}, {"s1.cls", "0"}}, false);
  write("wds/classnames.txt", "cat\ndog\n");
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    write_labels(kRows, mutate(packed, rng));
    write("table/labels.tsv", mutate(table, rng));
    write("wds/test/0.tar", mutate(plain, rng));
    for (const char* name : {"table", "wds"})
      refused += !input_error([&] {
                    const Listing read = listing(name);
                    for (const Item& item : read.items) decode_item(read, item);
                  }).empty();
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace cliplab
