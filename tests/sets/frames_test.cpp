// The video sets' layout: clips around an anchor frame.
#include <gmock/gmock.h>

#include "eval/scores.hpp"
#include "sets/set_ref.hpp"
#include "sets/twins.hpp"
#include "sets/verify.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Frames : public TwinTest {
 protected:
  json clips = {{"val/a/1.png", {"val/a/0.png", "val/a/1.png", "val/a/2.png"}}, {"val/b/0.png", json::array()}};
  json labels = {{"val/a/0.png", {0}}, {"val/a/1.png", {0}}, {"val/a/2.png", {0}}, {"val/b/0.png", {1}}};
  json names = {{"0", {"n10", "car, motor_car"}}, {"1", {"n20", "dog"}}};
  json below = {{"n10", {"n11", "n12"}}, {"n20", {"n21"}}},
       imagenet = {{"0", {"n11", "cab"}}, {"1", {"n12", "jeep"}}, {"2", {"n21", "beagle"}}};

  void write_all() const {
    for (const char* key : {"val/a/0.png", "val/a/1.png", "val/a/2.png"}) write("video/" + std::string(key), png(0));
    write("video/val/b/0.png", png(1));
    write("video/metadata/pmsets.json", clips.dump()), write("video/metadata/labels.json", labels.dump());
    write("video/misc/imagenet_vid_class_index.json", names.dump()),
        write("video/misc/imagenet_class_index.json", imagenet.dump());
    write("video/misc/rev_wnid_map.json", below.dump());
  }
};

TEST_F(Frames, ClipsLabelsNamesAndImageNetsClassesAreRead) {
  write_all();
  const auto set = open_labels("video", "test");
  EXPECT_THAT(set->truth().clips, ElementsAre(1, -1, -1, 2));  // the anchor once, though its own list has it too
  EXPECT_EQ(set->key(0), "val/a/1.png");
  EXPECT_THAT(set->truth().labels, ElementsAre(0, 0, 0, 1));
  EXPECT_TRUE(set->truth().targets.empty());
  ASSERT_EQ(set->subclasses().size(), 2u);
  EXPECT_EQ(set->subclasses()[0][1].id, "n12");
  EXPECT_EQ(set->subclasses()[0][1].name, "jeep");
  EXPECT_THAT(set->own_prompts().class_names[0], ElementsAre("car", "motor car"));
}

TEST_F(Frames, APictureOfTwoClassesIsRightByEither) {
  labels["val/a/2.png"] = {0, 1};
  write_all();
  const auto set = open_labels("video", "test");
  ASSERT_EQ(set->truth().targets.size(), 8u);
  Matrix logits(4, 2);
  logits << 1, 0, 1, 0, 0, 1, 0, 1;  // the frame of two classes is called the second
  const Truth& answers = set->truth();
  EXPECT_EQ(score_named("pm-10", logits, answers).value, 1);
  EXPECT_EQ(score_named("pm-10", logits, Truth{set->truth().labels, {}, set->truth().clips, 2}).value, 0.5);
  logits.row(0) << 0, 1;  // the anchor wrong: its clip is, at both
  EXPECT_EQ(score_named("pm-0", logits, answers).value, 0.5);
  EXPECT_EQ(score_named("mean of pm-0 and pm-10", logits, answers).value, 0.5);
  EXPECT_EQ(score_named("pm-0", logits, answers).n, 2);
}

TEST_F(Frames, AClipWithoutItsAnchorCountsNowhere) {
  const std::vector<int> all{0, 0, 1}, clips_of{-1, -1, 2};
  Matrix logits(3, 2);
  logits << 0, 1, 0, 1, 0, 1;
  EXPECT_EQ(score_named("pm-10", logits, Truth{all, {}, clips_of, 2}).n, 1);
  EXPECT_EQ(score_named("pm-10", logits, Truth{all, {}, clips_of, 2}).value, 1);
}

TEST_F(Frames, WhatIsWrongIsNamed) {
  labels["val/a/0.png"] = {7};
  labels.erase("val/b/0.png");
  clips["../../x.png"] = {"val/a/9.png"};
  labels["val/a/9.png"] = {0};
  write_all();
  const std::string found = problems("video");
  EXPECT_THAT(found, HasSubstr("val/a/0.png: a label of 7, expected one under 2"));
  EXPECT_THAT(found, HasSubstr("val/b/0.png: no label"));
  EXPECT_THAT(found, HasSubstr("val/a/9.png: no such picture"));
  EXPECT_THAT(found, HasSubstr("../../x.png: a name that leads out of the folder"));
  write("video/metadata/pmsets.json", "{\"a\": 3}");
  EXPECT_THAT(input_error([&] { listing("video"); }), HasSubstr("pmsets.json: not readable"));
  write("video/misc/other_class_index.json", "{}");
  EXPECT_THAT(input_error([&] { listing("video"); }),
              HasSubstr("misc: 2 files *_class_index.json besides ImageNet's, expected one"));
}

}  // namespace
}  // namespace cliplab
