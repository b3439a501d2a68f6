// Prompt files: names joined by name, what a file may say besides, and what is wrong with hostile ones.
#include "sets/prompts.hpp"

#include <gmock/gmock.h>

#include "base/rng.hpp"
#include "corpora/fake_corpus.hpp"
#include "sets/built_set.hpp"
#include "sets/dataset.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

/// Classes and nothing else.
class Named : public Dataset {
 public:
  explicit Named(std::vector<std::string> names) : names_(std::move(names)) {
    truth_.num_classes = static_cast<int>(names_.size());
  }
  std::string id() const override { return "named/test@0"; }
  std::int64_t size() const override { return 0; }
  Sample get(std::int64_t) const override { return {}; }
  const Truth& truth() const override { return truth_; }
  std::span<const std::string> class_names() const override { return names_; }

 private:
  std::vector<std::string> names_;
  Truth truth_;
};

class PromptsTest : public FakeRoot {
 protected:
  Prompts prompts(const json& document, const std::vector<std::string>& labels = {"animals", "food"}) const {
    overwrite(root / "data/prompts/p.json", document.dump());
    return load_prompts(Named(labels), "p");
  }
  std::string error_of(const json& document) const {
    return input_error([&] { prompts(document); });
  }
  const json classes{{"food", {"fruit", "food"}}, {"animals", {"animal"}}};
};

TEST_F(PromptsTest, JoinByName) {
  EXPECT_THAT(prompts({{"classes", classes}, {"templates", {"{}", "a {}."}}}).class_names,
              ElementsAre(ElementsAre("animal"), ElementsAre("fruit", "food")));
  EXPECT_THAT(prompts({{"classes", "own"}, {"templates", {"{}"}}}).class_names,
              ElementsAre(ElementsAre("animals"), ElementsAre("food")));
}

TEST_F(PromptsTest, OwnNamesAreTheLabelsUnlessTheySayNothingElse) {
  const json templates{"{}"};
  EXPECT_THAT(prompts({{"classes", classes}, {"templates", templates}}).own_names, ElementsAre("animals", "food"));
  EXPECT_THAT(prompts({{"classes", "own"}, {"templates", templates}}).own_names, IsEmpty());
  const json pie{{"Apple_pie", {"apple pie"}}, {"ice", {"ice"}}},
      changed{{"Apple_pie", {"apple pie"}}, {"ice", {"ice cream"}}};
  EXPECT_THAT(prompts({{"classes", pie}, {"templates", templates}}, {"Apple_pie", "ice"}).own_names, IsEmpty());
  EXPECT_THAT(prompts({{"classes", changed}, {"templates", templates}}, {"Apple_pie", "ice"}).own_names,
              ElementsAre("Apple pie", "ice"));
  const json numbers{{"0", {"zero"}}, {"1", {"one"}}},
      ids{{"n02012849", {"crane bird"}}, {"n03126707", {"construction crane"}}};
  EXPECT_THAT(prompts({{"classes", numbers}, {"templates", templates}}, {"0", "1"}).own_names, IsEmpty());
  EXPECT_THAT(prompts({{"classes", ids}, {"templates", templates}}, {"n02012849", "n03126707"}).own_names, IsEmpty());
  EXPECT_THAT(prompts({{"classes", ids},
                       {"templates", templates},
                       {"own_names", {{"n02012849", "crane"}, {"n03126707", "crane"}, {"n00000001", "more"}}}},
                      {"n02012849", "n03126707"})
                  .own_names,
              ElementsAre("crane", "crane"));
}

TEST_F(PromptsTest, SubsetsAreOfTheTemplates) {
  const json three{"{}", "a {}.", "the {}."};
  EXPECT_THAT(prompts({{"classes", "own"}, {"templates", three}, {"subsets", {{"2", {"the {}.", "{}"}}}}}).subsets,
              ElementsAre(Pair("2", ElementsAre(2, 0))));
  EXPECT_THAT(error_of({{"classes", "own"}, {"templates", three}, {"subsets", {{"2", {"an {}."}}}}}),
              HasSubstr("in subset '2' the template 'an {}.'"));
  EXPECT_THAT(error_of({{"classes", "own"}, {"templates", three}, {"subsets", {{"0", json::array()}}}}),
              HasSubstr("subset '0' without a template"));
}

TEST_F(PromptsTest, WrongFilesNameTheFileAndTheFault) {
  json extra = classes, missing = classes, empty = classes, number = classes;
  extra["fod"] = {"x"}, missing.erase("food"), empty["food"] = json::array(), number["food"] = {3};
  EXPECT_THAT(error_of({{"classes", extra}, {"templates", {"{}"}}}), HasSubstr("'fod'"));
  EXPECT_THAT(error_of({{"classes", missing}, {"templates", {"{}"}}}), HasSubstr("'food'"));
  EXPECT_THAT(error_of({{"classes", empty}, {"templates", {"{}"}}}), HasSubstr("without a name"));
  EXPECT_THAT(error_of({{"classes", number}, {"templates", {"{}"}}}), HasSubstr("another type"));
  EXPECT_THAT(error_of({{"classes", 7}, {"templates", {"{}"}}}), HasSubstr("classes of another type"));
  EXPECT_THAT(error_of({{"classes", classes}, {"templates", {"a photo"}}}), HasSubstr("without {}"));
  EXPECT_THAT(error_of({{"classes", classes}, {"templates", json::array()}}), HasSubstr("no template"));
  EXPECT_THAT(error_of({{"classes", classes}, {"templates", {"{}"}}, {"own_names", 3}}), HasSubstr("another type"));
  EXPECT_THAT(error_of(json::array()), HasSubstr("p.json"));
  EXPECT_THAT(input_error([] { load_prompts(Named({"a"}), "absent"); }), HasSubstr("absent.json"));
}

TEST_F(PromptsTest, BytesFromStrangersAreReadOrRefused) {
  const std::string good = json{
      {"classes", classes},
      {"templates", {"{}", "a {}."}},
      {"own_names", {{"food", "f"}}},
      {"subsets",
       {{"1", {"{}"}}}}}.dump();
  Rng rng(5);
  int read = 0, refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = good;
    for (std::uint64_t flips = 1 + rng.below(3); flips > 0; --flips)
      bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
    if (rng.below(4) == 0) bytes.resize(rng.below(bytes.size()));
    overwrite(root / "data/prompts/p.json", bytes);
    try {
      const Prompts p = load_prompts(Named({"animals", "food"}), "p");
      EXPECT_EQ(p.class_names.size(), 2u);
      EXPECT_FALSE(p.templates.empty());
      EXPECT_TRUE(p.own_names.empty() || p.own_names.size() == 2);
      ++read;
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(read, 20);
  EXPECT_GT(refused, 500);
}

/// Every shipped prompt file fits the data set it is named after; needs the built sets.
TEST(RealDatasets, OpenWithTheirPrompts) {
  int opened = 0;
  for (const BuiltSet& info : built_sets()) {
    if (info.captions || !SetRef::parse(info.name).absence().empty()) continue;
    for (const std::string& split : info.splits) {
      const auto set = open_labels(info.name, split);
      const Prompts prompts = load_prompts(*set, info.name);
      EXPECT_EQ(prompts.class_names.size(), set->class_names().size());
      EXPECT_GE(prompts.templates.size(), 6u) << info.name;
      EXPECT_THAT(prompts.templates, ::testing::Contains("{}")) << info.name;
      std::set<int> used(set->truth().labels.begin(), set->truth().labels.end());
      EXPECT_EQ(used.size(), set->class_names().size()) << info.name << '/' << split << ": a class without a picture";
      EXPECT_EQ(set->get(0).image.channels, 3);
      ++opened;
    }
  }
  if (opened == 0) GTEST_SKIP() << "no set is built here: ./cliplab data fetch NAME";
}

}  // namespace
}  // namespace cliplab
