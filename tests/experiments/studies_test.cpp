// Studies over fake models on pictures of three colours, whose right answers are known: every prompt names its colour.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "base/files.hpp"
#include "lab/lab_fixture.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Studies : public LabTest {
 protected:
  /// A file of the project's own data/ in the root of this test.
  void bring(const std::string& file) const {
    std::filesystem::create_directories((root / file).parent_path());
    overwrite(root / file, read_file(std::filesystem::path(CLIPLAB_SOURCE_DIR) / file));
  }
  static std::set<std::string> values_of(const std::vector<Record>& records, const std::string& param) {
    std::set<std::string> values;
    for (const Record& record : records)
      if (record.params.contains(param)) values.insert(record.params.at(param));
    return values;
  }
};

TEST_F(Studies, ZeroShotAndProbeAreRightOnColours) {
  for (const char* name : {"a", "b", "c"}) write_colours(name, {"train", "test"}, 4);
  const Results results = run_study("zero_shot_vs_probe", {"--eval.datasets=a,b,c"});
  EXPECT_THAT(results.left_out, IsEmpty());
  for (const Record& record : records_of(results, "zero-shot", "top1")) EXPECT_EQ(record.value, 1) << record.dataset;
  const auto probes = records_of(results, "linear-probe", "top1");
  ASSERT_THAT(probes, SizeIs(9));  // of the model, its untrained twin and raw pixels on each set
  for (const Record& record : probes) {
    EXPECT_EQ(record.n, 12);
    EXPECT_EQ(record.unit, "fraction");
  }
  EXPECT_THAT(records_of(results, "fit", "slope"), IsEmpty()) << "no line through points of one x";
}

TEST_F(Studies, OneBadSetIsARowAndTheOthersAreMeasured) {
  for (const char* name : {"a", "b"}) write_colours(name, {"train", "test"}, 4);
  write_colours("bad", {"train", "test"}, 1);
  for (int shade = 0; shade < 6; ++shade)
    for (const std::string& colour : kColours)
      for (const char* split : {"train", "test"})
        if (const auto file = sets / "bad" / split / colour / (std::to_string(shade) + ".png"); exists(file))
          overwrite(file, "no picture");
  const Results results = run_study("encoder_scaling", {"--eval.datasets=a,bad,b"});
  ASSERT_THAT(results.left_out, SizeIs(1));
  EXPECT_EQ(results.left_out[0].name, "bad");
  EXPECT_THAT(results.left_out[0].reason, HasSubstr("no picture that can be decoded"));
  std::set<std::string> measured;
  for (const Record& record : records_of(results, "zero-shot", "error")) measured.insert(record.dataset);
  EXPECT_THAT(measured, ElementsAre("", "a", "b"));
}

TEST_F(Studies, BaselinesOfOneAccuracyHaveNoLineAndTheRestIsRecorded) {
  for (const char* part :
       {"photos/train", "photos/test", "drawn/test"})  // one picture in all classes: nothing is learnt
    for (int c = 0; c < 3; ++c)
      for (int i = 0; i < 12; ++i) write(fmt::format("{}/{}/{}.png", part, kColours[c], i), coloured(0, 0));
  const Results results =
      run_study("distribution_shift", {"--distribution_shift.pairs=photos>drawn", "--distribution_shift.shares=2"});
  EXPECT_THAT(results.left_out, IsEmpty());
  for (const Record& record : records_of(results, "linear-probe", "source_top1"))
    ASSERT_NEAR(record.value, 1.0 / 3, 1e-12) << "the baselines of this test are equal";
  EXPECT_THAT(records_of(results, "zero-shot", "shift_top1"), SizeIs(1));
  EXPECT_THAT(records_of(results, "fit", "slope"), IsEmpty());
  EXPECT_THAT(records_of(results, "zero-shot", "effective_robustness"), IsEmpty());
}

TEST_F(Studies, ImageNetsShiftsJoinWhateverTheyCallTheirClasses) {
  bring("data/datasets.json"), bring("data/prompts/paper/imagenet.json");
  bring("paper/published/imagenet_testbed.csv");
  // The same three classes: WordNet's ids at the source; numbers, in the order of ImageNet's own, and names at the
  // shift.
  const std::vector<std::pair<std::string, std::vector<std::string>>> sets{
      {"imagenet", {"n01440764", "n01443537", "n01484850"}},
      {"imagenetv2", {"0", "1", "2"}},
      {"imagenet_r", {"great white shark", "tench", "goldfish"}}};
  for (const auto& [name, classes] : sets)
    for (std::size_t c = 0; c < classes.size(); ++c)
      for (const char* split : {"train", "test"})
        for (int i = 0; i < 12; ++i)
          write(fmt::format("{}/{}/{}/{}.png", name, split, classes[c], i),
                coloured(name == "imagenet_r" ? static_cast<int>((c + 2) % 3) : static_cast<int>(c), i));
  // ObjectNet's "Fish" are two classes of ImageNet, by their numbers.
  const auto mappings = [&](const std::string& file, const std::string& text) {
    write("objectnet/mappings/" + file, text);
  };
  mappings("folder_to_objectnet_label.json", R"({"fish": "Fish", "shark": "Shark", "spoon": "Spoon"})");
  mappings("objectnet_to_imagenet_1k.json", R"({"Fish": "tench; goldfish", "Shark": "great white shark"})");
  mappings("imagenet_to_label_2012_v2", "great white shark\ntench\ngoldfish\n");
  mappings("pytorch_to_imagenet_2012_id.json", R"({"0": 1, "1": 2, "2": 0})");
  for (int i = 0; i < 12; ++i)
    write(fmt::format("objectnet/images/{}/{}.png", i < 8 ? "fish" : "shark", i), coloured(i < 8 ? i % 2 : 2, i));
  const Results results = run_study(
      "distribution_shift", {"--distribution_shift.pairs=imagenet>imagenetv2,imagenet>imagenet_r,imagenet>objectnet",
                             "--distribution_shift.shares=2"});
  EXPECT_THAT(results.left_out, IsEmpty());
  for (const Record& record : records_of(results, "linear-probe", "shift_top1"))
    if (record.model == "fake") {
      EXPECT_EQ(record.value, 1) << record.dataset;
    }
  // The line of ImageNet's shifts goes through the testbed's standard models, not through baselines of this run.
  for (const Record& line : records_of(results, "fit", "slope")) {
    EXPECT_EQ(line.params.at("testbed"), "STANDARD");
    EXPECT_GT(line.n, 70);
    EXPECT_NEAR(line.value, line.dataset == "imagenetv2" ? 1.0 : 1.1, 0.5);
  }
  EXPECT_THAT(records_of(results, "fit", "slope"), SizeIs(3));
  for (const Record& record : results.records) EXPECT_FALSE(record.params.contains("share"));
}

TEST_F(Studies, FloorsAreMeasuredWhereTheyAreAskedFor) {
  write_colours("a", {"train", "test"}, 6);
  const auto models = [&](const std::string& floors) {
    std::set<std::string> names;
    for (const char* study : {"zero_shot_vs_probe", "prompt_engineering", "encoder_scaling", "representation"})
      for (const Record& record : run_study(study, {"--eval.datasets=a", "--eval.floors=" + floors}).records)
        if (record.method == "linear-probe") names.insert(record.model);
    return names;
  };
  EXPECT_THAT(models("raw-pixels,untrained"), ElementsAre("fake", "raw-pixels", "untrained fake"));
  EXPECT_THAT(models("untrained"), ElementsAre("fake", "untrained fake"));
  EXPECT_THAT(models(""), ElementsAre("fake"));
}

TEST_F(Studies, LambdaIsChosenOnTheOfficialValidationSplit) {
  bring("data/datasets.json");
  // Every cut of train is separable, so that weak penalties have the least loss. In the validation split colours stand
  // in one another's folders: there the strongest penalty is the least wrong. "dtd" is a set of the catalogue, whose
  // train split its validation split is part of.
  for (const auto& [name, held] : {std::pair{"cut", ""}, std::pair{"own", "validation"}, std::pair{"dtd", "val"}}) {
    write_colours(name, {"train", "test"}, 10);
    for (int c = 0; *held && c < 3; ++c)
      for (int i = 0; i < 4; ++i)
        write(fmt::format("{}/{}/{}/v{}.png", name, held, kColours[(c + 1) % 3], 10 * c + i), coloured(c, i));
  }
  const Results results = run_study("representation", {"--eval.datasets=cut,own,dtd"});
  EXPECT_THAT(results.left_out, IsEmpty());
  std::map<std::string, Record> of;
  for (const Record& record : records_of(results, "linear-probe", "top1"))
    if (record.model == "fake") of[record.dataset] = record;
  EXPECT_LT(std::stod(of.at("cut").params.at("lambda")), 1);
  EXPECT_FALSE(of.at("cut").params.contains("validation"));
  for (const char* name : {"own", "dtd"}) {
    EXPECT_GT(std::stod(of.at(name).params.at("lambda")), 100) << name;
    EXPECT_EQ(of.at(name).params.at("validation"), "official") << name;
  }
}

TEST_F(Studies, MeansHaveIntervals) {
  for (const char* name : {"a", "b"}) write_colours(name, {"train", "test"}, 5);
  for (const auto& [study, method, metric] :
       {std::tuple{"encoder_scaling", "linear-probe", "error"}, std::tuple{"encoder_scaling", "floor", "error"},
        std::tuple{"prompt_engineering", "zero-shot", "top1"}}) {
    int means = 0;
    for (const Record& record : records_of(run_study(study, {"--eval.datasets=a,b"}), method, metric))
      if (record.dataset.empty()) {
        EXPECT_LT(record.ci_low, record.ci_high) << study << " " << method;
        ++means;
      }
    EXPECT_GT(means, 0) << study << " " << method;
  }
}

TEST_F(Studies, MoreShotsThanAnyClassHasAreNotRecorded) {
  write_colours("few", {"train", "test"}, 10);
  const Results results = run_study("few_shot", {"--eval.datasets=few", "--few_shot.draws=2"});
  EXPECT_THAT(values_of(records_of(results, "few-shot", "top1"), "shots"), ElementsAre("1", "2", "4", "8"));
}

TEST_F(Studies, RetrievalDropsAnUndecodablePictureFromBothSidesAndSaysSo) {
  write_captions("flickr", {"test"});
  write("flickr/5.png", "no picture");
  const Results results = run_study("retrieval", {"--retrieval.sets=flickr", "--retrieval.prefix="});
  const auto records = records_of(results, "zero-shot", "recall5");
  ASSERT_THAT(records, SizeIs(2));
  for (const Record& record : records) {
    EXPECT_EQ(record.n, 5);
    EXPECT_EQ(record.params.at("undecodable"), "1");
  }
}

TEST_F(Studies, NamedPromptSetsChangeThePrompts) {
  write_colours("a", {"train", "test"}, 4);
  std::filesystem::create_directories(root / "data/prompts/named");
  overwrite(root / "data/prompts/named/blind.json", R"({"templates": ["a picture of {}"],
    "sets": {"a": {"classes": {"red": ["x"], "green": ["y"], "blue": ["z"]}}}})");
  const auto top1 = [&](const std::vector<std::string>& words) {
    return records_of(run_study("visual_ngrams", words), "zero-shot", "top1").at(0).value;
  };
  EXPECT_EQ(top1({"--visual_ngrams.datasets=a"}), 1);
  EXPECT_LT(top1({"--visual_ngrams.datasets=a", "--prompts=blind"}), 1) << "names that no text encoder knows";
}

TEST_F(Studies, AShiftIsScoredOnBothSides) {
  write_colours("photos", {"train", "test"}, 6), write_colours("drawn", {"test"}, 4);
  const Results results =
      run_study("distribution_shift", {"--distribution_shift.pairs=photos>drawn", "--distribution_shift.draws=0"});
  const auto shifted = records_of(results, "zero-shot", "shift_top1");
  ASSERT_THAT(shifted, SizeIs(1));
  EXPECT_EQ(shifted[0].dataset, "drawn");
  EXPECT_EQ(shifted[0].params.at("source_set"), "photos");
  EXPECT_EQ(shifted[0].n, 12);
}

TEST_F(Studies, PlacesComeFromTheNearestNeighbour) {
  std::string table = "path\tsplit\tcaption_no\tcaption\n";
  const char* const places[] = {"10 10", "-20 30", "50 -60"};
  for (int i = 0; i < 6; ++i) {
    write("places/" + std::to_string(i) + ".png", coloured(i % 3, 5 * i));
    table += std::to_string(i) + ".png\t" + (i < 3 ? "train" : "test") + "\t0\t" + places[i % 3] + "\n";
  }
  write("places/captions.tsv", table);
  const auto near =
      records_of(run_study("geolocalization", {"--geolocalization.sets=places"}), "nearest-neighbour", "within_25km");
  ASSERT_THAT(near, SizeIs(1));
  EXPECT_EQ(near[0].value, 1);
}

TEST_F(Studies, EveryStudyDeclaresWhatItReads) {
  for (const ExperimentInfo& info : experiments()) {
    EXPECT_THAT(study_options(info).declared(), Not(IsEmpty())) << info.name;
    EXPECT_FALSE(info.question.empty()) << info.name;
  }
}

}  // namespace
}  // namespace cliplab
