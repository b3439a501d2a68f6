// Every set of data/datasets.json that has a reader, end to end on a twin of four pictures a class of which one is
// drawn as another class: opened by its name and split rule, its pictures classified by what they show, scored by its
// own metric. What comes out is known. (The authors' own annotation files have their tests in
// official_layouts_test.cpp.)
#include <gmock/gmock.h>

#include "eval/retrieval.hpp"
#include "eval/scores.hpp"
#include "sets/twins.hpp"

namespace cliplab {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr int kEach = 4;  // pictures a class

class AllSets : public TwinTest {
 protected:
  AllSets() {
    fs::copy_file(CLIPLAB_SOURCE_DIR "/data/datasets.json", root / "data/datasets.json",
                  fs::copy_options::overwrite_existing);
  }

  static int classes_of(const PublishedSet& set) { return set.metric == "ROC AUC" ? 2 : 4; }
  /// The last picture of each class shows the next class.
  static int shown(int label, int i, int classes) { return i == kEach - 1 ? (label + 1) % classes : label; }

  /// CLIP_benchmark's shards where its users have the set in them, else an ImageFolder tree in the splits of the rule.
  void write_twin(const PublishedSet& set) const {
    const auto wds = std::find_if(set.folders.begin(), set.folders.end(),
                                  [](const std::string& folder) { return folder.starts_with("wds_"); });
    const int classes = classes_of(set);
    std::string names;
    for (int c = 0; c < classes; ++c) names += "class " + std::to_string(c) + "\n";
    for (const std::string split : {"train", "test"}) {
      const auto rule = set.splits.find(split);
      if (split == "train" && rule == set.splits.end()) continue;
      const std::string part = rule == set.splits.end() ? split : rule->second.front();
      std::vector<Member> members;
      for (int c = 0; c < classes; ++c)
        for (int i = 0; i < kEach; ++i) {
          const std::string key = "s" + std::to_string(c) + std::to_string(i), picture = png(shown(c, i, classes));
          if (wds != set.folders.end())
            members.push_back({key + ".png", picture}), members.push_back({key + ".cls", std::to_string(c)});
          else
            write(set.name + "/" + part + "/class " + std::to_string(c) + "/" + key + ".png", picture);
        }
      if (wds == set.folders.end()) continue;
      write(*wds + "/" + part + "/0.tar", archive_of(members, false));
      write(*wds + "/classnames.txt", names),
          write(*wds + "/zeroshot_classification_templates.txt", "a drawing of {c}.\n");
    }
  }
  /// Two clips a class of an anchor and the picture beside it.
  void write_clips(const PublishedSet& set) const {
    nlohmann::json clips, labels, names;
    for (int c = 0; c < 4; ++c) {
      names[std::to_string(c)] = {"n0" + std::to_string(c), "class_" + std::to_string(c)};
      for (int i = 0; i < kEach; ++i) {
        const auto key = [&](int k) { return "val/v" + std::to_string(c) + "/" + std::to_string(k) + ".png"; };
        write(set.name + "/" + key(i), png(shown(c, i, 4)));
        labels[key(i)] = {c};
        if (i % 2 == 0) clips[key(i)] = {key(i + 1)};
      }
    }
    write(set.name + "/metadata/pmsets.json", clips.dump()), write(set.name + "/metadata/labels.json", labels.dump());
    write(set.name + "/misc/video_class_index.json", names.dump());
  }
  void write_captions(const PublishedSet& set) const {
    std::string rows = "path\tsplit\tcaption_no\tcaption\n";
    for (int i = 0; i < kEach; ++i) {
      write(set.name + "/" + std::to_string(i) + ".png", png(i));
      for (int k = 0; k < 5; ++k)  // of the last picture all five are about the first one
        rows += std::to_string(i) + ".png\ttest\t" + std::to_string(k) + "\tit shows " +
                std::to_string(i == kEach - 1 ? 0 : i) + "\n";
    }
    write(set.name + "/captions.tsv", rows);
  }
  void write_voc() const {
    const std::vector<std::string> names{"cat", "dog", "person"};
    std::string list;
    for (int i = 0; i < 7; ++i) {
      const std::string id = "00000" + std::to_string(i);
      list += id + "\n";
      write("voc2007/JPEGImages/" + id + ".jpg", png(i % 3));
      // The last shows a cat and is a person: but the only cat that is said of it is difficult, and so is the person.
      const std::string object = i < 6 ? "<object><name>" + names[i % 3] + "</name><difficult>0</difficult></object>"
                                       : "<object><name>cat</name><difficult>1</difficult></"
                                         "object><object><name>person</name><difficult>1</difficult></object>";
      write("voc2007/Annotations/" + id + ".xml", "<annotation>" + object + "</annotation>");
    }
    write("voc2007/ImageSets/Main/trainval.txt", list), write("voc2007/ImageSets/Main/test.txt", list);
  }

  /// 1 for the class that the picture shows, 0 for the rest: [N, C].
  static Matrix classify(const Dataset& set) {
    Matrix logits = Matrix::Zero(set.size(), std::ssize(set.class_names()));
    for (Eigen::Index i = 0; i < logits.rows(); ++i)
      for (int c = 0; c < logits.cols(); ++c) logits(i, c) = set.get(i).image.pixels == picture(c).pixels;
    return logits;
  }
};

TEST_F(AllSets, EvaluateToTheKnownScoreOfTheirTwins) {
  // Three of four pictures a class are right. Of four classes the fifth-best is never missed. Two classes: 9 of 16
  // pairs in order, 6 tied, so (9 + 3) / 16. Of clips all anchors are right, and the frames beside half of them.
  const std::map<std::string, double> expected{{"accuracy", 0.75},
                                               {"mean per class", 0.75},
                                               {"mean of top-1 and top-5", 0.875},
                                               {"ROC AUC", 0.75},
                                               {"mean of pm-0 and pm-10", 0.75}};
  std::map<std::string, int> groups;
  for (const PublishedSet& set : read_published_sets()) {
    if (set.task != "classes" || set.metric == "11-point mAP") continue;
    SCOPED_TRACE(set.name);
    ++groups[set.group];
    const bool clips = set.metric == "mean of pm-0 and pm-10";
    clips ? write_clips(set) : write_twin(set);
    const int classes = classes_of(set);
    for (const std::string& split : SetRef::parse(set.name).splits())
      EXPECT_EQ(open_labels(set.name, split)->size(), kEach * classes) << split;
    EXPECT_EQ(SetRef::parse(set.name).splits().size(), set.splits.contains("train") ? 2u : 1u);
    const auto test = open_labels(set.name, "test");
    EXPECT_THAT(test->truth().labels, ::testing::Each(::testing::AllOf(::testing::Ge(0), ::testing::Lt(classes))));
    for (int c = 0; c < classes; ++c)
      EXPECT_EQ(std::count(test->truth().labels.begin(), test->truth().labels.end(), c), kEach);
    const Prompts prompts = load_prompts(*test, set.name);
    ASSERT_EQ(prompts.class_names.size(), static_cast<std::size_t>(classes));
    EXPECT_EQ(prompts.class_names[1][0], "class 1");
    EXPECT_THAT(prompts.templates, ::testing::Each(HasSubstr("{}")));
    ASSERT_TRUE(expected.contains(set.metric)) << set.metric;
    EXPECT_NEAR(score_named(set.metric, classify(*test), test->truth()).value, expected.at(set.metric), 1e-12);
  }
  EXPECT_EQ(groups["Table 9"], 26);  // and VOC below
  EXPECT_EQ(groups["shift"], 7);
}

TEST_F(AllSets, VocScoresOneBecauseTheDifficultCountNeitherWay) {
  write_voc();
  const auto test = open_labels("voc2007", "test");
  ASSERT_EQ(test->truth().targets.size(), 21u);
  EXPECT_NEAR(score_named(find_published_set("voc2007")->metric, classify(*test), test->truth()).value, 1, 1e-12);
  Truth counted = test->truth();
  counted.targets[20] = 1;  // the person of the last picture counted: a third person that comes after all cats and dogs
  EXPECT_LT(score_named("11-point mAP", classify(*test), counted).value, 0.95);
}

TEST_F(AllSets, MeansOf12And27SetsAreTakenWhereAllAreThere) {
  std::vector<std::string> names{"mine"};
  for (const PublishedSet& set : read_published_sets())
    if (set.group == "Table 9") names.push_back(set.name);
  ASSERT_EQ(names.size(), 28u);
  const auto titles = [&] {
    std::vector<std::string> found;
    for (const auto& [title, places] : suites_of(names)) {
      found.push_back(title);
      EXPECT_EQ(std::to_string(places.size()) + " data sets", title);
    }
    return found;
  };
  EXPECT_EQ(titles(), (std::vector<std::string>{"12 data sets", "27 data sets", "28 data sets"}));
  EXPECT_EQ(names.at(suites_of(names)[0].second[9]), "pets");
  names.erase(names.begin());  // all that there is are the 27: they stand once
  EXPECT_EQ(titles(), (std::vector<std::string>{"12 data sets", "27 data sets"}));
  std::erase(names, "pets");
  EXPECT_EQ(titles(), (std::vector<std::string>{"26 data sets"}));
}

TEST_F(AllSets, RetrievalFindsAllButThePictureWhoseCaptionsAreAnothers) {
  int sets_found = 0;
  for (const PublishedSet& set : read_published_sets()) {
    if (set.task != "captions") continue;
    ++sets_found;
    write_captions(set);
    const auto test = open_captions(set.name, "test");
    ASSERT_EQ(test->size(), kEach);
    Matrix images = Matrix::Zero(kEach, kEach), texts = Matrix::Zero(5 * kEach, kEach);
    std::vector<int> owner;
    for (int i = 0; i < kEach; ++i) {
      const Pair pair = test->get(i);
      ASSERT_EQ(pair.captions.size(), 5u);
      for (int k = 0; k < kEach; ++k) images(i, k) = pair.image.pixels == picture(k).pixels;
      for (const std::string& caption : pair.captions)
        texts(std::ssize(owner), caption.back() - '0') = 1, owner.push_back(i);
    }
    const RetrievalRanks ranks = retrieval_ranks(images, texts, owner);
    EXPECT_DOUBLE_EQ(top_k(ranks.text_of_image, 1).value, 0.75);
    EXPECT_DOUBLE_EQ(top_k(ranks.image_of_text, 1).value, 0.75);
    EXPECT_DOUBLE_EQ(top_k(ranks.image_of_text, 5).value, 1);
  }
  // Two for retrieval and Flickr8k; words, numbers, actions, places and people come as captions too.
  EXPECT_EQ(sets_found, 9);
}

}  // namespace
}  // namespace cliplab
