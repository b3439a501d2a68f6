// What a plan finds, refuses and leaves out, and what its content depends on.
#include "lab/plan.hpp"

#include <gmock/gmock.h>

#include "base/hash.hpp"

#include "lab/lab_fixture.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PlanTest : public LabTest {
 protected:
  Plan settled(const Options& options, bool leave_out = false) const {
    Plan plan(options);
    plan.settle(leave_out);
    return plan;
  }
  std::string error(const std::string& studies, const std::vector<std::string>& words, bool leave_out = false) const {
    return input_error([&] { settled(options_of(studies, words), leave_out); });
  }
};

TEST_F(PlanTest, AStudyWithoutSetsOfItsOwnTakesThoseOfEval) {
  write_colours("colours", {"train", "test"}, 2);
  const Options options = options_of("few_shot,zero_shot_vs_probe",
                                     {"--eval.datasets=colours", "--zero_shot_vs_probe.extra_datasets=colours"});
  const Plan plan = settled(options);
  EXPECT_THAT(plan.items("few_shot.datasets"), ElementsAre("colours"));
  EXPECT_THAT(plan.items("zero_shot_vs_probe.datasets"), ElementsAre("colours"));
  EXPECT_THAT(plan.studies(), ElementsAre("few_shot", "zero_shot_vs_probe"));
  EXPECT_THAT(plan.gaps(), IsEmpty());
}

TEST_F(PlanTest, AMisspeltNameIsAnErrorEvenIfAbsentSetsMayBeLeftOut) {
  write_colours("colours", {"train", "test"}, 2);
  for (const bool leave_out : {false, true})
    EXPECT_THAT(error("few_shot", {"--eval.datasets=colour"}, leave_out), HasSubstr("did you mean 'colours'?"));
}

TEST_F(PlanTest, AnAbsentSetOfTheCatalogueIsAnErrorOrAGap) {
  write_colours("colours", {"train", "test"}, 2);
  write_table({entry("cifar10")});
  const std::vector<std::string> words{"--eval.datasets=colours,cifar10"};
  EXPECT_THAT(error("few_shot", words), HasSubstr("cifar10"));
  const Plan plan = settled(options_of("few_shot", words), true);
  EXPECT_THAT(plan.items("few_shot.datasets"), ElementsAre("colours"));
  ASSERT_EQ(plan.gaps().size(), 1u);
  EXPECT_EQ(plan.gaps()[0].item, "cifar10");
  EXPECT_THAT(plan.gaps()[0].reason, HasSubstr("cifar10"));
}

TEST_F(PlanTest, CheckingNamesAbsentSetsAndStillSeesWhatDoesNotFit) {
  write_captions("flickr", {"train", "test"});
  write_table({entry("cifar10")});
  Plan plan(options_of("few_shot", {"--eval.datasets=cifar10"}));
  plan.settle(false, true);
  EXPECT_TRUE(plan.absent().contains("cifar10"));
  EXPECT_THAT(plan.text(), HasSubstr("not here: cifar10"));
  Plan wrong(options_of("few_shot", {"--eval.datasets=cifar10,flickr"}));
  EXPECT_THAT(input_error([&] { wrong.settle(false, true); }), HasSubstr("captions instead of classes"));
}

TEST_F(PlanTest, ASetWithoutTrainAndTestNamesItsParts) {
  write("drawn/classes.txt", "red\ngreen\n");
  write("drawn/labels.tsv",
        "path\tsplit\tlabel\tclass\na.png\tsketch\t0\tred\nb.png\tphoto\t0\tred\nc.png\tphoto\t1\tgreen\n");
  for (int i = 0; i < 3; ++i) write(std::string("drawn/") + static_cast<char>('a' + i) + ".png", coloured(i % 2, i));
  const std::string line = error("few_shot", {"--eval.datasets=drawn"});
  EXPECT_THAT(line, HasSubstr("photo"));
  EXPECT_THAT(line, HasSubstr("sketch"));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_THAT(error("visual_ngrams", {"--visual_ngrams.datasets=drawn/photo"}), IsEmpty()) << "a part is a test set";
}

TEST_F(PlanTest, TheNameOfASplitIsNotTakenForASet) {
  write_captions("places", {"train", "test"});
  const Plan plan = settled(options_of("geolocalization", {"--geolocalization.sets=places"}), true);
  EXPECT_THAT(plan.studies(), ElementsAre("geolocalization"));
  EXPECT_THAT(plan.items("geolocalization.sets"), ElementsAre("places"));
  EXPECT_THAT(plan.gaps(), IsEmpty());
}

TEST_F(PlanTest, AReferenceIsOneOfTheSetsOfItsKey) {
  write_colours("colours", {"train", "test"}, 2), write_colours("others", {"train", "test"}, 2);
  const std::vector<std::string> words{"--eval.datasets=colours,others", "--task_shift.reference=nothing"};
  EXPECT_THAT(error("task_shift", words), HasSubstr("task_shift.reference: 'nothing', expected one of"));
  const Plan plan = settled(options_of("task_shift", words), true);
  EXPECT_THAT(plan.studies(), IsEmpty());
  EXPECT_EQ(plan.gaps_of("task_shift").size(), 1u);
}

TEST_F(PlanTest, ASplitOfACaptionedFolderIsASet) {
  write_captions("flickr", {"train", "test"});
  EXPECT_THAT(error("retrieval", {"--retrieval.sets=flickr/test"}), IsEmpty());
  EXPECT_THAT(error("retrieval", {"--retrieval.sets=flickr", "--retrieval.split=dev"}),
              HasSubstr("no sample in split 'dev', expected one of test, train"));
}

TEST_F(PlanTest, CaptionsAndClassesAreNotTakenForEachOther) {
  write_captions("flickr", {"train", "test"}), write_colours("colours", {"train", "test"}, 2);
  EXPECT_THAT(error("few_shot", {"--eval.datasets=flickr"}), HasSubstr("captions instead of classes"));
  EXPECT_THAT(error("retrieval", {"--retrieval.sets=colours"}), HasSubstr("classes instead of captions"));
}

TEST_F(PlanTest, ASetWithoutATrainSplitIsStillClassifiedZeroShot) {
  write_colours("colours", {"train", "test"}, 2), write_colours("tested", {"test"}, 2);
  const Plan plan = settled(options_of("zero_shot_vs_probe", {"--eval.datasets=colours,tested"}), true);
  EXPECT_THAT(plan.items("zero_shot_vs_probe.datasets"), ElementsAre("colours"));
  EXPECT_THAT(plan.items("zero_shot_vs_probe.extra_datasets"), ElementsAre("tested"));
}

TEST_F(PlanTest, AShiftNeedsItsArrowAndEachKeyItsOwnForm) {
  write_colours("colours", {"train", "test"}, 2);
  EXPECT_THAT(error("distribution_shift", {"--distribution_shift.pairs=colours"}), HasSubstr("expected source>shift"));
  EXPECT_THAT(error("few_shot", {"--eval.datasets=colours>colours"}), HasSubstr("the name of a data set"));
}

TEST_F(PlanTest, ContentDependsOnPromptsFilesAndPixels) {
  write_colours("colours", {"train", "test"}, 2), write_captions("people", {"test"});
  overwrite(root / "labels.txt", "a\nb\n");
  const std::vector<std::string> words{"--eval.datasets=colours", "--bias.member_sets=people",
                                       "--bias.sets=", "--bias.label_file=" + (root / "labels.txt").string()};
  const auto content = [&] { return settled(options_of("few_shot,bias", words)).content(); };
  const std::string before = content();
  EXPECT_EQ(content(), before);
  overwrite(root / "data/prompts/colours.json", R"({"classes": "own", "templates": ["a {} picture"]})");
  const std::string prompts = content();
  EXPECT_NE(prompts, before) << "prompt files";
  overwrite(root / "data/prompts/colours.json", R"({"classes": "own", "templates": ["one {} picture"]})");
  EXPECT_NE(content(), prompts) << "their text";
  const std::string labels = content();
  overwrite(root / "labels.txt", "a\nc\n");
  EXPECT_NE(content(), labels) << "files of a study";
  const std::string model = content();
  overwrite(root / "model.fake", "another");
  EXPECT_NE(Plan(options_of("few_shot", words)).files().size(), 0u);
}

TEST_F(PlanTest, AModelsConfigurationIsContentAndItsHashIsKept) {
  write_colours("colours", {"train", "test"}, 2);
  const std::vector<std::string> words{"--eval.datasets=colours"};
  const auto content = [&] { return settled(options_of("few_shot", words)).content(); };
  const std::string before = content();
  overwrite(root / "config.json", "{}");
  const std::string with = content();
  EXPECT_NE(with, before);
  overwrite(root / "config.json", R"({"model_type": "clip"})");
  EXPECT_NE(content(), with) << "what it states may change every feature";

  const Plan plan = settled(options_of("few_shot", words));
  const std::string first = plan.model_sha256(root / "model.fake");
  EXPECT_EQ(first, sha256_hex("fake"));
  overwrite(root / "model.fake", "another");
  EXPECT_EQ(plan.model_sha256(root / "model.fake"), first) << "read once";
  overwrite(root / "other.fake", "other");
  EXPECT_EQ(plan.model_sha256(root / "other.fake"), sha256_hex("other")) << "not planned";
}

TEST_F(PlanTest, NamedPromptSetsAreFoundByName) {
  write_colours("colours", {"train", "test"}, 2);
  std::filesystem::create_directories(root / "data/prompts/named");
  overwrite(root / "data/prompts/named/short.json", R"({"templates": ["{}"]})");
  const std::vector<std::string> words{"--eval.datasets=colours"};
  const std::string own = settled(options_of("few_shot", words)).content();
  EXPECT_NE(settled(options_of("few_shot", {"--eval.datasets=colours", "--prompts=short"})).content(), own);
  EXPECT_THAT(error("few_shot", {"--eval.datasets=colours", "--prompts=shorts"}), HasSubstr("did you mean 'short'?"));
}

TEST_F(PlanTest, AMissingFileAndAStudyWithoutDataAreNamed) {
  EXPECT_THAT(error("human_comparison", {"--human_comparison.answers=/nowhere"}),
              HasSubstr("human_comparison.answers: '/nowhere', expected an existing file"));
  EXPECT_THAT(error("retrieval", {"--retrieval.sets="}), HasSubstr("study retrieval: no data set"));
}

}  // namespace
}  // namespace cliplab
