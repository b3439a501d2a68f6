// The table of the paper's sets, and what it makes of a folder: split rules, counts, prompts. Real files where they
// are.
#include "sets/set_ref.hpp"
#include "sets/verify.hpp"

#include <gmock/gmock.h>

#include <set>

#include "base/text.hpp"
#include "inspect/contact_sheet.hpp"
#include "sets/twins.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
using ::testing::_;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

class FolderSetTest : public TwinTest {
 protected:
  void write_tree(const std::string& name) const {
    int shade = 0;
    for (const std::string split : {"train", "val", "test"})
      for (const std::string label : {"Apple_pie", "waffles"})
        for (int i = 0; i < 2; ++i, ++shade)
          write(name + "/" + split + "/" + label + "/" + std::to_string(shade) + ".png", png(shade));
  }
  std::string table_error(const std::vector<json>& sets_of_table) const {
    write_table(sets_of_table);
    return input_error([] { read_published_sets(); });
  }
};

TEST_F(FolderSetTest, SplitRuleOfTheTableApplies) {
  write_tree("foods");
  json set = entry("food");
  set["folders"] = {"foods"}, set["splits"] = {{"train", {"train", "val"}}, {"test", {"test"}}};
  set["classes"] = 2, set["counts"] = {{"train", 8}, {"test", 4}}, set["counts_from"] = "this test";
  write_table({set});
  EXPECT_EQ(open_labels("food", "train")->size(), 8);
  EXPECT_EQ(open_labels("food", "test")->size(), 4);
  EXPECT_EQ(open_labels("foods", "train")->size(), 4);  // the folder by its own name: no rule
  EXPECT_THAT(SetRef::parse("food").splits(), ElementsAre("train", "test"));
  EXPECT_THAT(verify_set(SetRef::parse("food"), true), IsEmpty());
  EXPECT_EQ(open_labels("food", "test")->id(), set_id("food", "test"));
  const auto part = open_labels("foods/val", "test");
  EXPECT_EQ(part->size(), 4);
  EXPECT_EQ(part->get(0).image.pixels, picture(4).pixels);
  EXPECT_THAT(input_error([] { open_labels("foods/val", "train"); }), HasSubstr("no sample in split 'train'"));
  EXPECT_THAT(input_error([] { open_labels("foods/vale", "test"); }), HasSubstr("foods/test, ../train, ../val"));
}

TEST_F(FolderSetTest, FoldersWithoutSplitsNameTheirPartsAndEachHasItsBalance) {
  write("art/labels.tsv",
        "path\tsplit\tlabel\tclass\na.png\tsketch\t0\tcat\nb.png\tsketch\t1\tdog\nc.png\tphoto\t1\tdog\n");
  write("art/classes.txt", "cat\ndog\n");
  for (const int i : {0, 1, 2}) write(std::string("art/") + static_cast<char>('a' + i) + ".png", png(i));
  write_table({});
  EXPECT_THAT(input_error([] { open_labels("art", "test"); }),
              HasSubstr("expected the name of a part of it: art/photo, ../sketch"));
  EXPECT_THAT(describe_copy(SetRef::parse("art")),
              HasSubstr("sketch 2 (1 a class), photo 1 (0 to 1 a class), 2 classes"));
}

TEST_F(FolderSetTest, CountsAreHeldAgainstTheTableWithBothNumbers) {
  write_tree("food");
  json set = entry("food");
  set["classes"] = 3, set["counts"] = {{"train", 4}, {"test", 5}}, set["counts_from"] = "this test";
  write_table({set});
  EXPECT_THAT(verify_set(SetRef::parse("food"), false),
              ElementsAre(HasSubstr("2 classes, expected 3"), HasSubstr("4 pictures in test, expected 5")));
  write("food/test/waffles/bad.png", "no picture");
  EXPECT_THAT(verify_set(SetRef::parse("food"), true),
              ElementsAre(HasSubstr("2 classes"), HasSubstr("bad.png: none of these by its first bytes")));
  fs::remove_all(sets / "food/train/waffles");
  EXPECT_THAT(verify_set(SetRef::parse("food"), false),
              Contains(HasSubstr("class 'waffles' without a picture in train")));
}

TEST_F(FolderSetTest, DamagedSetsDoNotOpen) {
  write_tree("food");
  fs::create_directories(sets / "food/train/empty");
  EXPECT_THAT(input_error([] { open_labels("food", "test"); }), HasSubstr("the first of 1 problems"));
  EXPECT_THAT(verify_set(SetRef::parse("food"), false), Contains(HasSubstr("empty: a class without a picture")));
}

TEST_F(FolderSetTest, DrawnSplitsShareNothingAndStayTheSame) {
  for (int i = 0; i < 30; ++i)
    write("drawn/" + std::string(i % 2 ? "a" : "b") + "/" + std::to_string(i) + ".png", png(i));
  json set = entry("drawn");
  set["draw"] = {{"train", 12}, {"test", 9}};
  write_table({set});
  const auto train = open_labels("drawn", "train"), test = open_labels("drawn", "test");
  EXPECT_EQ(train->size(), 12);
  EXPECT_EQ(test->size(), 9);
  std::set<std::vector<std::uint8_t>> seen;
  for (const auto* drawn : {train.get(), test.get()})
    for (std::int64_t i = 0; i < drawn->size(); ++i) EXPECT_TRUE(seen.insert(drawn->get(i).image.pixels).second);
  set["draw"] = {{"train", 12}, {"test", 19}};
  write_table({set});
  EXPECT_THAT(input_error([] { open_labels("drawn", "test"); }), HasSubstr("no sample in split 'test'"));
}

TEST_F(FolderSetTest, NamesOfTheWheelsJoinByNameAndByIdNeverByPlace) {
  write_tree("food");
  json set = entry("food");
  set["prompts"] = "food";
  write_table({set});
  const auto names = [&](const json& wheel) {
    fs::create_directories(root / "data/prompts/wheels");
    overwrite(root / "data/prompts/wheels/food.json", wheel.dump());
    return load_prompts(*open_labels("food", "test"), "food");
  };
  const json templates{"a {}."};
  const Prompts joined = names({{"classes", {{"waffles", "a waffle"}, {"apple pie", "a pie"}, {"more", "x"}}},
                                {"ids", json::array()},
                                {"templates", templates}});
  EXPECT_THAT(joined.class_names, ElementsAre(ElementsAre("a pie"), ElementsAre("a waffle")));
  EXPECT_THAT(joined.templates, ElementsAre("a {}."));
  EXPECT_THAT(joined.own_names, ElementsAre("Apple pie", "waffles"));
  const Prompts own = names({{"classes", json::object()}, {"ids", json::array()}, {"templates", templates}});
  EXPECT_THAT(own.class_names, ElementsAre(ElementsAre("Apple pie"), ElementsAre("waffles")));
  EXPECT_THAT(own.own_names, IsEmpty());
  EXPECT_THAT(input_error([&] {
                names({{"classes", {{"waffles", "w"}}}, {"ids", json::array()}, {"templates", templates}});
              }),
              HasSubstr("no name for class 'Apple_pie'"));
  EXPECT_THAT(input_error([&] {
                names({{"classes", 3}, {"ids", json::array()}, {"templates", templates}});
              }),
              HasSubstr("another type"));
  EXPECT_THAT(input_error([&] { names(json::array()); }), HasSubstr("fields missing"));
  const json more{{"classes", {{"waffles", "a waffle"}, {"apple pie", "a pie"}}},
                  {"ids", json::array()},
                  {"templates", templates},
                  {"own_names", {{"Apple_pie", "pie"}, {"waffles", "pie"}}}};
  EXPECT_THAT(names(more).own_names, ElementsAre("pie", "pie"));
  for (const std::string id : {"0", "10", "2"}) write("numbers/" + id + "/a.png", png(std::stoi(id)));
  set["name"] = "numbers";
  write_table({set});
  json ids = json::array();
  for (int i = 0; i < 11; ++i) ids.push_back("name " + std::to_string(i));
  overwrite(root / "data/prompts/wheels/food.json",
            json{{"classes", {{"zebra", "z"}}}, {"ids", ids}, {"templates", templates}}.dump());
  EXPECT_THAT(load_prompts(*open_labels("numbers", "test"), "numbers").class_names,
              ElementsAre(ElementsAre("name 0"), ElementsAre("name 10"), ElementsAre("name 2")));
}

/// The prompts of a set of the catalogue whose folder has these classes.
TEST_F(FolderSetTest, ThePapersNamesJoinWhateverALayoutCallsTheClasses) {
  const std::filesystem::path lists = std::filesystem::path(CLIPLAB_SOURCE_DIR) / "data/prompts/paper";
  const auto names = [&](const std::string& list, const std::vector<std::string>& labels) {
    std::vector<std::string> found;
    for (const auto& synonyms : read_prompt_list(lists / (list + ".json"), labels).class_names)
      found.push_back(synonyms[0]);
    return found;
  };
  EXPECT_THAT(names("sun397", {"/a/abbey", "/a/apartment_building/outdoor", "abbey"}),
              ElementsAre("abbey", "apartment building outdoor", "abbey"));
  EXPECT_THAT(names("country211", {"AD", "Andorra", "CI"}), ElementsAre("Andorra", "Andorra", "Cote d'Ivoire"));
  EXPECT_THAT(names("pets", {"american_bulldog", "Abyssinian"}), ElementsAre("american bulldog", "Abyssinian"));
  EXPECT_THAT(names("ucf101", {"ApplyEyeMakeup"}), ElementsAre("Apply Eye Makeup"));
  EXPECT_THAT(names("eurosat", {"SeaLake", "lake or sea"}), ElementsAre("lake or sea", "lake or sea"));
  EXPECT_THAT(names("flowers102", {"1", "102"}), ElementsAre("pink primrose", "blackberry lily"));
  EXPECT_THAT(names("gtsrb", {"00000", "42"}), ElementsAre("red and white circle 20 kph speed limit", _));
  EXPECT_THAT(names("imagenet", {"n01440764", "0", "tench"}), ElementsAre("tench", "tench", "tench"));
  EXPECT_THAT(names("clevr_counts", {"ten", "3"}), ElementsAre("10", "3"));
  const Prompts feelings = read_prompt_list(lists / "fer2013.json", std::vector<std::string>{"happiness", "3"});
  EXPECT_THAT(feelings.class_names, ElementsAre(ElementsAre("happy", "smiling"), ElementsAre("happy", "smiling")));
  EXPECT_THAT(input_error([&] { names("pets", {"Abyssinian", "tiger"}); }), HasSubstr("no name for class 'tiger'"));
  EXPECT_THAT(read_prompt_list(lists / "pets.json", std::vector<std::string>{"tiger"}).templates, IsEmpty());
}

TEST_F(FolderSetTest, AbsentAndUnknownSetsSayWhatToDo) {
  write_table({entry("food")});
  EXPECT_THAT(input_error([] { open_labels("food", "test"); }), HasSubstr("write it"));
  EXPECT_THAT(input_error([] { open_labels("fod", "test"); }), HasSubstr("./cliplab data list"));
  EXPECT_THAT(input_error([] { open_labels("../food", "test"); }), HasSubstr("../food: shards"));
  EXPECT_THAT(input_error([] { use_data_root("/no/such/folder"); }), HasSubstr("data-root"));
}

TEST_F(FolderSetTest, TableIsReadStrictly) {
  const auto with = [&](const char* key, const json& value) {
    json set = entry("food");
    set[key] = value;
    return std::vector<json>{set};
  };
  EXPECT_EQ(table_error({entry("food")}), "");
  EXPECT_THAT(table_error(with("comparabel", "exact")), HasSubstr("the unknown field 'comparabel'"));
  EXPECT_THAT(table_error(with("comparable", "maybe")), HasSubstr("comparable 'maybe'"));
  EXPECT_THAT(table_error(with("name", "../x")), HasSubstr("the name '../x'"));
  EXPECT_THAT(table_error(with("folders", {"../x"})), HasSubstr("the folder '../x'"));
  EXPECT_THAT(table_error(with("folders", "x")), HasSubstr("'folders' of another type"));
  EXPECT_THAT(table_error(with("draw", {{"train", -3}})), HasSubstr("a count of -3"));
  EXPECT_THAT(table_error(with("counts", {{"train", 3}})), HasSubstr("no 'counts_from'"));
  EXPECT_THAT(table_error(with("splits", {{"val", {"val"}}})), HasSubstr("a rule for the split 'val'"));
  json file{{"url", "https://host/a.tar"}, {"bytes", 3}, {"sha256", std::string(64, 'a')}};
  const auto with_file = [&](const char* key, const json& value) {
    json changed = file;
    changed[key] = value;
    return table_error(with("downloads", json::array({changed})));
  };
  EXPECT_EQ(with_file("strip", 1), "");
  EXPECT_THAT(with_file("url", "file:///etc/passwd"), HasSubstr("the address 'file:///etc/passwd'"));
  EXPECT_THAT(with_file("url", "https://host/"), HasSubstr("the address"));
  EXPECT_THAT(with_file("url", "https://host/.."), HasSubstr("the address"));
  EXPECT_THAT(with_file("sha256", "A"), HasSubstr("the sha256 'A'"));
  EXPECT_THAT(with_file("bytes", 0), HasSubstr("bytes under 1"));
  EXPECT_THAT(with_file("md5", "x"), HasSubstr("the unknown field 'md5'"));
  EXPECT_THAT(table_error(with("downloads", file)), HasSubstr("downloads that are no list"));
  EXPECT_THAT(table_error(with("downloads", json::array({file, file}))), HasSubstr("two downloads of one name"));
  EXPECT_THAT(table_error({entry("food"), entry("food")}), HasSubstr("'food' a second time"));
  EXPECT_THAT(table_error({json::object()}), HasSubstr("no 'name'"));
  EXPECT_THAT(table_error({3}), HasSubstr("no object"));
  overwrite(root / "data/datasets.json", "[");
  EXPECT_THAT(input_error([] { read_published_sets(); }), HasSubstr("not JSON"));
}

TEST(PublishedTable, HasThePapersSetsWithItsNumbers) {
  ::setenv("CLIPLAB_ROOT", CLIPLAB_SOURCE_DIR, 1);
  std::map<std::string, int> groups;
  for (const PublishedSet& set : read_published_sets()) {
    ++groups[set.group];
    EXPECT_TRUE(set.paper.contains("where")) << set.name;
  }
  EXPECT_EQ(groups["Table 9"], 27);
  EXPECT_EQ(groups["shift"], 7);
  EXPECT_EQ(groups["retrieval"], 2);
  const char* shared = std::getenv("CLIPLAB_SHARED");
  const fs::path csv =
      fs::path(shared == nullptr ? CLIPLAB_SOURCE_DIR "/../shared" : shared) / "reference/paper_table09_datasets.csv";
  if (!fs::exists(csv)) GTEST_SKIP() << "no " << csv << "; set CLIPLAB_SHARED";
  std::map<std::string, PublishedSet> by_title;
  for (PublishedSet& set : read_published_sets())
    by_title[set.title == "KITTI closest vehicle" ? "KITTI" : set.title] = set;
  const auto lines = read_lines(csv);
  ASSERT_EQ(lines.size(), 28u);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto cells = split_columns(lines[i], ',');  // no comma before the fifth cell
    ASSERT_TRUE(by_title.contains(cells[1])) << cells[1];
    EXPECT_EQ(by_title[cells[1]].paper["classes"], cells[3]) << cells[1];
    EXPECT_EQ(by_title[cells[1]].paper["train"], cells[4]) << cells[1];
    EXPECT_EQ(by_title[cells[1]].paper["test"], cells[5]) << cells[1];
  }
}

/// The copies of the shared folder, as a user points to them.
class RealSets : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* shared = std::getenv("CLIPLAB_SHARED");
    folder = fs::path(shared == nullptr ? CLIPLAB_SOURCE_DIR "/../shared" : shared) / "datasets";
    if (!fs::is_directory(folder)) GTEST_SKIP() << "no " << folder << "; set CLIPLAB_SHARED";
    ::setenv("CLIPLAB_ROOT", CLIPLAB_SOURCE_DIR, 1);
    use_data_root(folder);
  }
  void TearDown() override { use_data_root({}); }
  static std::map<int, int> balance(const Dataset& set) {
    std::map<int, int> counts;
    for (const int label : set.truth().labels) ++counts[label];
    return counts;
  }
  fs::path folder;
};

TEST_F(RealSets, Cifar10HasAThousandAndFiveThousandAClass) {
  const auto test = open_labels("cifar10_test_png", "test"), train = open_labels("cifar10_train_q92", "train");
  EXPECT_EQ(test->size(), 10000);
  EXPECT_EQ(train->size(), 50000);
  for (const auto& [label, count] : balance(*test)) EXPECT_EQ(count, 1000) << label;
  for (const auto& [label, count] : balance(*train)) EXPECT_EQ(count, 5000) << label;
  EXPECT_EQ(test->class_names()[9], "truck");
  EXPECT_EQ(test->get(9999).image.width, 32);
}

TEST_F(RealSets, MnistHasItsDigits) {
  const auto test = open_labels("mnist_idx", "test");
  EXPECT_EQ(test->size(), 10000);
  EXPECT_EQ(open_labels("mnist_idx", "train")->size(), 60000);
  EXPECT_THAT(balance(*test), ElementsAre(std::pair{0, 980}, std::pair{1, 1135}, std::pair{2, 1032}, std::pair{3, 1010},
                                          std::pair{4, 982}, std::pair{5, 892}, std::pair{6, 958}, std::pair{7, 1028},
                                          std::pair{8, 974}, std::pair{9, 1009}));
  EXPECT_EQ(open_labels("mnist_idx", "test")->id(), set_id("mnist_idx", "test"));
}

TEST_F(RealSets, PacsAndTextureOpenByDomain) {
  std::int64_t total = 0;
  for (const char* part : {"photo", "art_painting", "cartoon", "sketch"})
    total += open_labels(std::string("pacs_112/") + part, "test")->size();
  EXPECT_EQ(total, 9991);
  EXPECT_EQ(open_labels("pacs_112/photo", "test")->size(), 1670);
  EXPECT_EQ(open_labels("texture_vs_shape_112/edges", "test")->class_names().size(), 16u);
}

TEST_F(RealSets, FlickrHasFiveCaptionsAPicture) {
  std::int64_t pictures = 0;
  for (const char* split : {"train", "val", "test", "unused"}) {
    const auto set = open_captions("flickr8k_224_q80", split);
    pictures += set->size();
    EXPECT_EQ(set->get(set->size() - 1).captions.size(), 5u);
  }
  EXPECT_EQ(pictures, 8091);
}

TEST_F(FolderSetTest, ContactSheetShowsEachClassInTurn) {
  write_tree("food");
  const auto set = open_labels("food", "train");
  const std::vector<Tile> tiles = sample_tiles(*set, 3, 0);
  ASSERT_EQ(tiles.size(), 3u);
  EXPECT_EQ(tiles[0].label, "Apple_pie");
  EXPECT_EQ(tiles[2].label, "waffles");
  EXPECT_EQ(sample_tiles(*set, 64, 0).size(), 4u);
}

}  // namespace
}  // namespace cliplab
