// Sets that their authors divide several times or by a rule: STL-10's folds, UCF101's lists, KITTI's drives, so many of
// each class.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "base/text.hpp"
#include "sets/twins.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

class RoundsTest : public TwinTest {
 protected:
  /// Pictures whose left half has the shade of their number; columns first, as MATLAB stores them.
  void write_stl(int train, int test) const {
    for (const auto& [split, count] : {std::pair{"train", train}, std::pair{"test", test}}) {
      std::string pixels, labels;
      for (int i = 0; i < count; ++i) {
        for (int channel = 0; channel < 3; ++channel)
          for (int x = 0; x < 96; ++x)
            for (int y = 0; y < 96; ++y) pixels += static_cast<char>(x < 48 ? 10 * i + channel : y);
        labels += static_cast<char>(i % 2 + 1);
      }
      write(fmt::format("stl10/{}_X.bin", split), pixels), write(fmt::format("stl10/{}_y.bin", split), labels);
    }
    write("stl10/class_names.txt", "airplane\nbird\n");
  }
};

TEST_F(RoundsTest, Stl10HasPlanarColumnsAndFoldsOfItsTrainingPictures) {
  write_stl(6, 4);
  write("stl10/fold_indices.txt", "0 1 2 \n3 4 5 \n1 5\n");
  write_table({entry("stl10")});
  const auto train = open_labels("stl10", "train"), test = open_labels("stl10", "test");
  EXPECT_THAT(train->class_names(), ElementsAre("airplane", "bird"));
  EXPECT_THAT(test->truth().labels, ElementsAre(0, 1, 0, 1));
  const Image image = train->get(4).image;
  ASSERT_EQ(image.width, 96);
  const auto at = [&](int y, int x, int channel) { return image.pixels[3 * (96 * y + x) + channel]; };
  EXPECT_EQ(at(7, 3, 0), 40);
  EXPECT_EQ(at(7, 3, 2), 42);
  EXPECT_EQ(at(7, 60, 1), 7);
  ASSERT_EQ(train->rounds().size(), 3);
  using enum RoundRole;
  EXPECT_THAT(train->rounds()[0], ElementsAre(kTrain, kTrain, kTrain, kNone, kNone, kNone));
  EXPECT_THAT(train->rounds()[2], ElementsAre(kNone, kTrain, kNone, kNone, kNone, kTrain));
  EXPECT_THAT(test->rounds()[1], ElementsAre(kTest, kTest, kTest, kTest));
}

TEST_F(RoundsTest, Stl10SaysWhatIsWrong) {
  write_stl(4, 2);
  EXPECT_THAT(notices("stl10"), HasSubstr("fitted on all training pictures at once"));
  write("stl10/fold_indices.txt", "0 1\n2 4\n-1 x\n");
  EXPECT_THAT(problems("stl10"), HasSubstr("fold_indices.txt:2: '4', expected a number of 0 to 3"));
  EXPECT_THAT(problems("stl10"), HasSubstr("'x'"));
  write("stl10/fold_indices.txt", "0 1\n");
  write("stl10/test_y.bin", std::string("\x01\x03", 2));
  EXPECT_THAT(problems("stl10"), HasSubstr("picture 1 has label 3, expected 1 to 2"));
  write("stl10/test_y.bin", "\x01");
  EXPECT_THAT(input_error([&] { listing("stl10"); }), HasSubstr("27648 for each of 1 labels"));
}

TEST_F(RoundsTest, Ucf101IsEachClipOnceWithItsPartInEachSplit) {
  const std::string walk = "Walk/v_Walk_g0", run = "Run/v_Run_g0";
  for (int i = 1; i <= 3; ++i)
    write(fmt::format("ucf/UCF-101/{}{}_c01.jpg", walk, i), png(i)),
        write(fmt::format("ucf/{}{}_c01.png", run, i), png(10 + i));
  write("ucf/ucfTrainTestlist/classInd.txt", "1 Run\n2 Walk\n");
  for (int split = 1; split <= 3; ++split) {
    std::string train, test;
    for (int i = 1; i <= 3; ++i)
      for (const std::string& clip : {run, walk})
        if (i == split)
          test += fmt::format("{}{}_c01.avi\n", clip, i);
        else
          train += fmt::format("{}{}_c01.avi {}\n", clip, i, clip == run ? 1 : 2);
    write(fmt::format("ucf/ucfTrainTestlist/trainlist0{}.txt", split), train);
    write(fmt::format("ucf/ucfTrainTestlist/testlist0{}.txt", split), test);
  }
  write_table({entry("ucf")});
  const auto train = open_labels("ucf", "train"), test = open_labels("ucf", "test");
  EXPECT_EQ(train->size(), 4);
  EXPECT_THAT(test->key(1), HasSubstr("UCF-101/Walk/v_Walk_g01_c01.jpg"));
  using enum RoundRole;
  ASSERT_EQ(test->rounds().size(), 3);
  EXPECT_THAT(test->rounds()[0], ElementsAre(kTest, kTest));
  EXPECT_THAT(test->rounds()[1], ElementsAre(kTrain, kTrain));
  EXPECT_THAT(train->rounds()[0], ElementsAre(kTrain, kTrain, kTrain, kTrain));
  EXPECT_THAT(train->rounds()[1], ElementsAre(kTest, kTest, kTrain, kTrain));
  write("ucf/ucfTrainTestlist/testlist03.txt",
        "Walk/v_Walk_g03_c01.avi\nFly/v_Fly_g01_c01.avi\nWalk/v_Walk_g03_c01.avi\n");
  EXPECT_THAT(problems("ucf"), HasSubstr("no picture of Fly/v_Fly_g01_c01.avi"));
  EXPECT_THAT(problems("ucf"), HasSubstr("'Walk/v_Walk_g03_c01.avi' a second time"));
}

TEST_F(RoundsTest, KittiIsDividedByDriveAsTfdsDoes) {
  // Of 57 drives, by NumPy: RandomState(123).choice(sorted(drives), 5, replace=False), then of the others.
  const std::set<std::string> test{"d20", "d33", "d45", "d46", "d55"}, held{"d16", "d21", "d36", "d49", "d8"};
  std::string mapping, order;
  for (int i = 0; i < 57; ++i) {
    mapping += fmt::format("2011_09_26 d{} {:010}\n", i, i);
    order += fmt::format("{}{}", i == 0 ? "" : ",", 57 - i);  // picture 0 is of the last line
    write(fmt::format("kitti/training/label_2/{:06}.txt", i), "Car 0 0 0 1 2 3 4 1.5 1.6 4 0.1 1.7 8.0 0\n");
    write(fmt::format("kitti/training/image_2/{:06}.png", i), png(i));
  }
  write("kitti/mapping/train_mapping.txt", mapping), write("kitti/mapping/train_rand.txt", order);
  const Listing found = listing("kitti");
  EXPECT_THAT(found.problems, IsEmpty());
  ASSERT_EQ(found.items.size(), 57);
  for (int i = 0; i < 57; ++i) {
    const std::string drive = fmt::format("d{}", 56 - i);
    EXPECT_EQ(found.splits[found.items[i].split], test.contains(drive)   ? "test"
                                                  : held.contains(drive) ? "val"
                                                                         : "train");
  }
  write("kitti/mapping/train_mapping.txt", "2011_09_26 alone 0\n");  // nothing is left to validate on
  write("kitti/mapping/train_rand.txt", "1");
  EXPECT_THAT(listing("kitti").splits, ElementsAre("test"));
  write("kitti/mapping/train_mapping.txt", mapping);
  write("kitti/mapping/train_rand.txt", "1,2,99");
  EXPECT_THAT(input_error([&] { listing("kitti"); }), HasSubstr("'99'"));
  write("kitti/mapping/train_rand.txt", "1,2");
  EXPECT_THAT(problems("kitti"), HasSubstr("a number that train_rand.txt does not have"));
}

TEST_F(RoundsTest, ObjectNetHasImageNetsClassesAndNoBorder) {
  const auto shaded = [](int shade, int border) {
    Image image = Image::make(6 + 2 * border, 8 + 2 * border, 3);
    std::ranges::fill(image.pixels, std::uint8_t{255});
    for (int y = 0; y < 6; ++y)
      for (int x = 0; x < 8; ++x)
        for (int c = 0; c < 3; ++c)
          image.at(y + border, x + border)[c] = static_cast<std::uint8_t>(40 * shade + 6 * y + c);
    return image;
  };
  for (const auto& [folder, shade] :
       {std::pair{"chair", 1}, std::pair{"alarm_clock", 2}, std::pair{"air_freshener", 3}})
    write(fmt::format("objectnet/images/{}/1.png", folder), encode_png(shaded(shade, 2)));
  const auto mappings = [&](const std::string& name, const std::string& text) {
    write("objectnet/mappings/" + name, text);
  };
  mappings("folder_to_objectnet_label.json",
           R"({"air_freshener": "Air freshener", "alarm_clock": "Alarm clock", "chair": "Chair"})");
  mappings("objectnet_to_imagenet_1k.json",
           R"({"Alarm clock": "analog clock; digital clock", "Chair": "rocking chair, rocker"})");
  mappings("imagenet_to_label_2012_v2", "digital clock\nrocking chair, rocker\ntench\nanalog clock \n");
  mappings("pytorch_to_imagenet_2012_id.json", R"({"530": 0, "765": 1, "0": 2, "409": 3})");
  write_table({entry("objectnet")});
  const auto set = open_labels("objectnet", "test");
  EXPECT_THAT(set->class_names(), ElementsAre("Alarm clock", "Chair"));
  ASSERT_EQ(set->subclasses().size(), 2u);
  EXPECT_EQ(set->subclasses()[0][0].id, "409");
  EXPECT_EQ(set->subclasses()[0][1].id, "530");
  EXPECT_EQ(set->subclasses()[1][0].name, "rocking chair, rocker");
  EXPECT_EQ(set->size(), 2);
  EXPECT_EQ(set->get(0).image.pixels, shaded(2, 0).pixels);
  EXPECT_THAT(notices("objectnet"), HasSubstr("1 classes that ImageNet lacks"));
  mappings("objectnet_to_imagenet_1k.json", R"({"Chair": "throne"})");
  EXPECT_THAT(input_error([&] { listing("objectnet"); }), HasSubstr("'throne' of Chair"));
  mappings("objectnet_to_imagenet_1k.json", R"({"Chair": 3})");
  EXPECT_THAT(input_error([&] { listing("objectnet"); }), HasSubstr("objectnet_to_imagenet_1k.json: not readable"));
  mappings("objectnet_to_imagenet_1k.json", R"({"Chair": "tench"})");
  write("objectnet/images/chair/1.png", encode_png(Image::make(4, 9, 3)));
  const Listing narrow = listing("objectnet");
  EXPECT_THAT(input_error([&] { decode_item(narrow, narrow.items[0]); }), HasSubstr("9 x 4 pixels"));
}

TEST_F(RoundsTest, SoManyOfEachClassTrainAndTheRestTests) {
  for (int i = 0; i < 24; ++i) write(fmt::format("drawn/{}/{}.png", i < 18 ? "many" : "few", i), png(i));
  json set = entry("drawn");
  set["draw"] = {{"train", 8}, {"test", 16}};
  write_table({set});
  const std::string before = open_labels("drawn", "train")->id();
  set["draw_a_class"] = 4;
  write_table({set});
  fs::rename(sets / "drawn", sets / "drawn_again"), set["folders"] = {"drawn_again"}, write_table({set});
  const auto train = open_labels("drawn", "train"), test = open_labels("drawn", "test");
  EXPECT_THAT(train->truth().labels, ElementsAre(0, 0, 0, 0, 1, 1, 1, 1));
  EXPECT_EQ(test->size(), 16);
  EXPECT_NE(train->id(), before);  // other rows are another set to the caches
  std::set<std::string> seen;
  for (const auto* part : {train.get(), test.get()})
    for (std::int64_t i = 0; i < part->size(); ++i) EXPECT_TRUE(seen.insert(part->key(i)).second);
}

TEST_F(RoundsTest, ASampleIsOfTheSplitThatItsRuleNames) {
  for (int i = 0; i < 12; ++i)
    write(fmt::format("shapes/{}/{}/{}.png", i < 8 ? "train" : "val", i % 2 ? "a" : "b", i), png(i));
  json set = entry("shapes");
  set["splits"] = {{"train", {"train"}}, {"test", {"val"}}}, set["sample"] = {{"train", 5}, {"test", 9}};
  write_table({set});
  EXPECT_EQ(open_labels("shapes", "train")->size(), 5);
  EXPECT_EQ(open_labels("shapes", "test")->size(), 4);  // fewer than asked: all
  set.erase("splits");
  write_table({set});
  EXPECT_THAT(input_error([] { read_published_sets(); }), HasSubstr("a sample of 't"));
}

}  // namespace
}  // namespace cliplab
