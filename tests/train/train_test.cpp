// Batches and training: it learns, it repeats to the same bits. What kill -9 does to it: tests/e2e/test_kill.py.
#include "train/train.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/rng.hpp"
#include "model/encoder.hpp"
#include "sets/set_ref.hpp"
#include "store/results.hpp"
#include "train/batches.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

/// 96 pairs: a coloured square at a place, and its description.
class Squares : public PairCorpus {
 public:
  std::string id() const override { return "squares/train@1"; }
  std::int64_t size() const override { return 96; }
  Pair get(std::int64_t i) const override {
    static const char* colours[] = {"red", "green", "blue", "white"};
    static const int rgb[][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {250, 250, 250}};
    Pair pair;
    pair.image = Image::make(32, 32, 4);
    const int colour = static_cast<int>(i % 4), place = static_cast<int>(i / 4 % 4);
    for (int y = 0; y < 12; ++y)
      for (int x = 0; x < 12; ++x) {
        std::uint8_t* p = pair.image.at(y + 18 * (place / 2), x + 18 * (place % 2));
        for (int c = 0; c < 3; ++c) p[c] = static_cast<std::uint8_t>(rgb[colour][c]);
        p[3] = 255;
      }
    pair.captions = {std::string(colours[colour]) + " square " + std::to_string(place)};
    pair.key = "square-" + std::to_string(i);
    return pair;
  }
};

bool vocabulary_present() { return fs::exists(Tokenizer::default_vocabulary()); }

TEST(Batches, AreAFunctionOfSeedAndStep) {
  if (!vocabulary_present()) GTEST_SKIP() << "no tokenizer vocabulary; ./cliplab installs it";
  const Squares corpus;
  const BatchSource a(corpus, 32, 32, 16, 9), b(corpus, 32, 32, 16, 9), c(corpus, 32, 32, 16, 10);
  for (const std::int64_t step : {0, 5, 6, 40}) {
    const Batch x = a.make(step, Augment::kDrawings), y = b.make(step, Augment::kDrawings);
    EXPECT_EQ(x.pairs, y.pairs);
    EXPECT_EQ(x.pixels, y.pixels);
    EXPECT_EQ(x.tokens, y.tokens);
  }
  EXPECT_NE(a.make(0, Augment::kCrop).pixels, a.make(0, Augment::kDrawings).pixels);
  EXPECT_NE(a.make(0, Augment::kNone).pairs, c.make(0, Augment::kNone).pairs);
}

TEST(Batches, AnEpochSeesEveryPairOnce) {
  if (!vocabulary_present()) GTEST_SKIP() << "no tokenizer vocabulary; ./cliplab installs it";
  const BatchSource source(Squares(), 32, 32, 16, 9);
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::vector<int> seen(96, 0);
    for (int i = 0; i < 6; ++i)
      for (const std::int64_t pair : source.make(epoch * 6 + i, Augment::kNone).pairs) ++seen[pair];
    EXPECT_EQ(seen, std::vector<int>(96, 1));
  }
  EXPECT_NE(source.make(0, Augment::kNone).pairs, source.make(6, Augment::kNone).pairs);
}

TEST(Batches, TransparentPixelsBecomeTheBackground) {
  if (!vocabulary_present()) GTEST_SKIP() << "no tokenizer vocabulary; ./cliplab installs it";
  const BatchSource source(Squares(), 32, 32, 16, 9);
  const Batch batch = source.make(0, Augment::kNone);
  // The middle between the four places is transparent in every picture: white in validation.
  for (int i = 0; i < 16; ++i) EXPECT_EQ(batch.pixels[((i * 32 + 15) * 32 + 15) * 3], 255) << i;
}

class Training : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      open_pairs(SetRef::parse("drawings"), "train");
    } catch (const InputError& error) {
      GTEST_SKIP() << error.what();
    }
    folder_ = fs::temp_directory_path() / ("cliplab_train_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    config_.architecture = "vit-test", config_.steps = 30, config_.batch = 32, config_.warmup_steps = 5;
    config_.learning_rate = 1e-3, config_.augment = "drawings";
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }
  fs::path folder_;
  TrainConfig config_;
  Ranks ranks_;
};

TEST_F(Training, LearnsAndRepeatsToTheSameBits) {
  const fs::path first = train_clip(config_, folder_ / "a", ranks_),
                 second = train_clip(config_, folder_ / "b", ranks_);
  EXPECT_EQ(read_file(first), read_file(second));
  const Results log = read_results(first.parent_path() / "train.h5");
  const MatrixD& curve = log.arrays.at(0).values;
  EXPECT_LT(curve(curve.rows() - 1, 2), curve(0, 2) - 0.1);  // the loss falls from ln 32 = 3.47
  EXPECT_FALSE(fs::exists(first.parent_path() / "checkpoint.safetensors"));
}

TEST(TrainConfig, KeysOfContrastiveTrainingsAreThoseOfCachedModels) {
  TrainConfig config;
  EXPECT_EQ(config.key(),
            "architecture = vit-s\ncorpus = drawings\nseed = 0\nsteps = 1000\nbatch = 256\nlr = 0.0005\nwarmup = 50\n"
            "weight_decay = 0.2\nprecision = bf16\naugment = crop\nrecipe = 3\n");
  config.objective = "captioning", config.snapshots = 2;
  EXPECT_EQ(config.key(), TrainConfig{}.key() + "objective = captioning\nsnapshots = 2\n");
}

TEST_F(Training, EveryObjectiveLearnsAndKeepsItsSnapshots) {
  config_.snapshots = 2, config_.steps = 20;
  for (const std::string& objective : objective_names()) {
    config_.objective = objective;
    const fs::path model = train_clip(config_, folder_, ranks_);
    const MatrixD curve = read_results(model.parent_path() / "train.h5").arrays.at(0).values;
    EXPECT_LT(curve(curve.rows() - 1, 2), curve(0, 2) - 0.1) << objective;
    const auto snapshots = snapshot_files(config_, folder_);
    ASSERT_EQ(snapshots.size(), 2u);
    EXPECT_EQ(snapshots[0].filename(), "model-5.safetensors");
    const auto early = open_clip_model(snapshots[0]), last = open_clip_model(model);
    EXPECT_EQ(early->info().pairs_seen, 5 * 32);
    EXPECT_EQ(last->info().pairs_seen, 20 * 32);
    EXPECT_EQ(last->info().architecture.objective, objective);
    EXPECT_NE(early->info().weights_id, last->info().weights_id);
  }
}

TEST_F(Training, RefusesAnotherConfigurationsCheckpoint) {
  const fs::path folder = training_folder(config_, folder_);
  fs::create_directories(folder);
  std::ofstream(folder / "checkpoint.safetensors") << "garbage";
  EXPECT_THROW(train_clip(config_, folder_, ranks_), InputError);
}

TEST(WordDropout, LeavesOutItsShareBetweenStartAndEndAndRepeats) {
  const std::vector<std::vector<std::int32_t>> captions(500, {49406, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 49407});
  auto dropped = captions, again = captions, part = std::vector(captions.begin() + 200, captions.end()),
       none = captions, next = captions;
  drop_words(dropped, 0.3, 7, 4, 0), drop_words(again, 0.3, 7, 4, 0), drop_words(part, 0.3, 7, 4, 200),
      drop_words(none, 0, 7, 4, 0), drop_words(next, 0.3, 7, 5, 0);
  EXPECT_EQ(dropped, again);
  EXPECT_EQ(none, captions);
  EXPECT_NE(dropped, next);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), dropped.begin() + 200))
      << "a rank's rows are those of the whole batch";
  std::int64_t kept = 0;
  for (const auto& caption : dropped) {
    ASSERT_GE(caption.size(), 2u);
    EXPECT_EQ(caption.front(), 49406);
    EXPECT_EQ(caption.back(), 49407);
    EXPECT_TRUE(std::is_sorted(caption.begin() + 1, caption.end() - 1));
    kept += std::ssize(caption) - 2;
  }
  EXPECT_NEAR(static_cast<double>(kept) / 5000, 0.7, 4 * std::sqrt(0.21 / 5000));  // four standard deviations
}

}  // namespace
}  // namespace cliplab
