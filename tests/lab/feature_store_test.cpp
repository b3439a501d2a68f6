// Features are computed once, keep their truth, leave out what cannot be decoded, and belong to their device.
#include "lab/feature_store.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "lab/lab_fixture.hpp"
#include "lab/probe_store.hpp"

namespace cliplab {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StoreTest : public LabTest {
 protected:
  std::filesystem::path folder() const { return root / "results/features"; }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder()), {}));
  }
};

TEST_F(StoreTest, ASecondRunReadsWhatTheFirstOneComputed) {
  write_colours("colours", {"train", "test"}, 3);
  const Options options = options_of("few_shot", {"--eval.datasets=colours"});
  FakeClip model("fake");
  Sets first_sets(options), second_sets(options);
  FeatureStore first(options, first_sets, folder()), second(options, second_sets, folder());
  const FeatureSet computed = first.features(model, "colours", "test", Space::kTrunk);
  const std::int64_t before = pictures_encoded();
  const FeatureSet read = second.features(model, "colours", "test", Space::kTrunk);
  EXPECT_EQ(pictures_encoded(), before);
  EXPECT_EQ(read.x, computed.x);
  EXPECT_EQ(read.truth.labels, computed.truth.labels);
  EXPECT_EQ(read.truth.num_classes, 3);
  EXPECT_EQ(std::ssize(read.rows), 9);
}

TEST_F(StoreTest, FeaturesOfAnotherDeviceAreOthers) {
  write_colours("colours", {"train", "test"}, 2);
  FakeClip model("fake");
  std::vector<std::string> ids;
  for (const std::string device : {"cpu", "cuda"}) {
    const Options options = options_of("few_shot", {"--eval.datasets=colours", "--model.device=" + device});
    Sets sets(options);
    FeatureStore store(options, sets, folder());
    ids.push_back(store.features(model, "colours", "test", Space::kTrunk).id);
  }
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(files(), 2u);
}

TEST_F(StoreTest, PicturesThatCannotBeDecodedAreLeftOutAndCounted) {
  write_colours("colours", {"train", "test"}, 3);
  write("colours/test/red/broken.png", "not a picture");
  const Options options = options_of("few_shot", {"--eval.datasets=colours"});
  FakeClip model("fake");
  for (int pass = 0; pass < 2; ++pass) {  // computed, then read
    Sets sets(options);
    FeatureStore store(options, sets, folder());
    const FeatureSet& set = store.features(model, "colours", "test", Space::kJoint);
    EXPECT_EQ(set.x.rows(), 9);
    EXPECT_EQ(set.truth.size(), 9);
    EXPECT_EQ(set.undecodable, 1);
    EXPECT_EQ(store.undecodable("colours", "test"), 1);
    EXPECT_EQ(store.undecodable("colours", "train"), 0);
  }
}

TEST_F(StoreTest, FeaturesThatAreNotFiniteNameModelSetAndPicture) {
  write_colours("colours", {"train", "test"}, 3);
  write_captions("flickr", {"test"});
  const Options options = options_of("few_shot", {"--eval.datasets=colours"});
  FakeClip model("fake", std::nan(""));
  Sets sets(options);
  FeatureStore store(options, sets, folder());
  const auto message = [&](const auto& action) -> std::string {
    try {
      action();
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message([&] { store.features(model, "colours", "test", Space::kTrunk); }),
              AllOf(HasSubstr("fake"), HasSubstr("NaN"), HasSubstr("colours/test"), HasSubstr("blue/15.png")));
  EXPECT_THAT(message([&] {
                store.pairs("flickr", "test", 100, {{&model, Space::kJoint}});
              }),
              AllOf(HasSubstr("fake"), HasSubstr("NaN"), HasSubstr("flickr/test"), HasSubstr("0.png")));
  EXPECT_FALSE(std::filesystem::exists(folder())) << "nothing is kept";
}

TEST_F(StoreTest, ACaptionedPictureThatCannotBeDecodedGoesWithItsCaptions) {
  write_captions("flickr", {"test"});
  write("flickr/2.png", "not a picture");
  const Options options = options_of("retrieval", {"--retrieval.sets=flickr"});
  FakeClip model("fake");
  Sets sets(options);
  FeatureStore store(options, sets, folder());
  const PairFeatures pairs = store.pairs("flickr", "test", 100, {{&model, Space::kJoint}, {&model, Space::kTrunk}});
  EXPECT_EQ(pairs.size(), 5);
  ASSERT_EQ(pairs.features.size(), 2u);
  EXPECT_EQ(pairs.features[0].rows(), 5);
  EXPECT_EQ(pairs.features[1].cols(), 4);
  EXPECT_THAT(pairs.keys, ElementsAre("0.png", "1.png", "3.png", "4.png", "5.png"));
  EXPECT_THAT(pairs.captions[2], ElementsAre("a red thing"));
  EXPECT_EQ(store.undecodable("flickr", "test"), 1);
}

TEST_F(StoreTest, AProbeIsFittedOnceAndAgainIfItsFileIsDamaged) {
  write_colours("colours", {"train", "test"}, 6);
  const Options options = options_of("few_shot", {"--eval.datasets=colours"});
  FakeClip model("fake");
  Sets sets(options);
  FeatureStore features(options, sets, folder());
  const FeatureSet& train = features.features(model, "colours", "train", Space::kTrunk);
  const std::filesystem::path probes = root / "results/probes";
  ProbeStore store(options, probes);
  const SweepResult fitted = store.fit(train, nullptr), read = store.fit(train, nullptr);
  EXPECT_EQ(read.classifier.weight, fitted.classifier.weight);
  EXPECT_EQ(read.classifier.bias, fitted.classifier.bias);
  EXPECT_EQ(read.lambda, fitted.lambda);
  ASSERT_EQ(read.points.size(), fitted.points.size());
  EXPECT_EQ(read.points.back().validation_accuracy, fitted.points.back().validation_accuracy);
  const std::filesystem::path file = std::filesystem::directory_iterator(probes)->path();
  std::string bytes = read_file(file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  overwrite(file, bytes);
  EXPECT_EQ(store.fit(train, nullptr).classifier.weight, fitted.classifier.weight);
}

}  // namespace
}  // namespace cliplab
