// Ensembles of chosen templates.
#include "eval/prompt_ensemble.hpp"

#include <gmock/gmock.h>

#include <functional>
#include <set>

#include "base/error.hpp"
#include "base/prompt_template.hpp"

namespace cliplab {
namespace {

using ::testing::Each;
using ::testing::SizeIs;

/// A direction a text, by its hash; counts what it encodes.
class HashedText : public TextEncoder {
 public:
  std::string id() const override { return "hashed"; }
  Matrix encode(std::span<const std::string> texts) override {
    encoded += texts.size();
    Matrix rows(std::ssize(texts), 4);
    for (std::size_t i = 0; i < texts.size(); ++i)
      for (int d = 0; d < 4; ++d)
        rows(static_cast<Eigen::Index>(i), d) =
            static_cast<float>(std::hash<std::string>{}(texts[i] + std::to_string(d)) % 1000) - 500;
    return rows;
  }
  std::size_t encoded = 0;
};

const std::vector<std::vector<std::string>> kNames{{"cat"}, {"dog", "puppy"}, {"ship"}};
const std::vector<std::string> kTemplates{"{}", "a {}.", "the {}.", "art of {}"};

TEST(PromptEnsemble, AChoiceIsTheClassifierOfThoseTemplatesToTheBit) {
  HashedText text;
  const PromptEnsemble ensemble(text, kNames, kTemplates, 100);
  EXPECT_EQ(text.encoded, 16u);
  for (const std::vector<int>& chosen : {std::vector{0}, {2, 1}, {0, 1, 2, 3}, {3, 1}}) {
    std::vector<std::string> templates;
    for (const int t : chosen) templates.push_back(kTemplates[t]);
    HashedText other;
    const LinearClassifier expected = zero_shot_classifier(other, kNames, templates, 100),
                           found = ensemble.classifier(chosen);
    EXPECT_EQ(found.weight, expected.weight);
    EXPECT_EQ(found.bias, expected.bias);
    // By the definition, in double; a weight is at most 100, and a sum of 8 unit vectors and its norm round by less
    // than 2^-20 of it.
    for (int c = 0; c < 3; ++c) {
      Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(4);
      for (const std::string& name : kNames[c])
        for (const std::string& t : templates)
          sum += other.encode(std::vector{fill_template(t, name)}).cast<double>().row(0).normalized();
      EXPECT_LT((found.weight.row(c).cast<double>() - 100 * sum.normalized()).norm(), 1e-4);
    }
  }
  EXPECT_EQ(text.encoded, 16u);
}

TEST(PromptEnsemble, RefusesNoneAndUnknownTemplates) {
  HashedText text;
  const PromptEnsemble ensemble(text, kNames, kTemplates, 1);
  EXPECT_THROW(ensemble.classifier({}), InputError);
  EXPECT_THROW(ensemble.classifier(std::vector{4}), InputError);
  EXPECT_THROW(ensemble.classifier(std::vector{-1}), InputError);
}

TEST(TemplateSubsets, AreDrawnWithoutReplacementBySeed) {
  const auto drawn = template_subsets(10, 4, 50, 3);
  EXPECT_THAT(drawn, SizeIs(50));
  EXPECT_THAT(drawn, Each(SizeIs(4)));
  std::vector<int> uses(10);
  std::set<std::vector<int>> different;
  for (const auto& one : drawn) {
    EXPECT_TRUE(std::is_sorted(one.begin(), one.end()));
    EXPECT_EQ(std::set<int>(one.begin(), one.end()).size(), 4u);
    for (const int t : one) ++uses.at(t);
    different.insert(one);
  }
  EXPECT_GT(different.size(), 35u);                 // 50 of 210: 44.5 in the mean
  for (const int n : uses) EXPECT_NEAR(n, 20, 12);  // hypergeometric: sd 3.5
  EXPECT_EQ(template_subsets(10, 4, 50, 3), drawn);
  EXPECT_NE(template_subsets(10, 4, 50, 4), drawn);
  EXPECT_EQ(template_subsets(3, 1, 50, 0), (std::vector<std::vector<int>>{{0}, {1}, {2}}));
  EXPECT_EQ(template_subsets(3, 3, 1, 0), (std::vector<std::vector<int>>{{0, 1, 2}}));
  EXPECT_THROW(template_subsets(3, 4, 1, 0), InputError);
  EXPECT_THROW(template_subsets(3, 0, 1, 0), InputError);
}

/// Directions that are known: a template's first word is the axis along which its class lies.
class PlannedText : public TextEncoder {
 public:
  std::string id() const override { return "planned"; }
  Matrix encode(std::span<const std::string> texts) override {
    Matrix rows = Matrix::Zero(std::ssize(texts), 3);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const float sign = texts[i].ends_with("cat") ? 1 : -1;
      const auto row = static_cast<Eigen::Index>(i);
      if (texts[i].starts_with("good")) rows.row(row) << sign, 0, 0.2F;
      if (texts[i].starts_with("better")) rows.row(row) << sign, 0.5F * sign, 0;
      if (texts[i].starts_with("same")) rows.row(row) << sign, 0.5F * sign, 0;
      if (texts[i].starts_with("bad")) rows.row(row) << -sign, 0, 1;
      if (texts[i].starts_with("second")) rows.row(row) << 0, sign, 0;
    }
    return rows;
  }
};

TEST(PromptEnsemble, ForwardSelectionTakesWhatRaisesTop1UntilNothingDoes) {
  PlannedText text;
  const std::vector<std::vector<std::string>> names{{"cat"}, {"dog"}};
  const std::vector<std::string> templates{"bad {}", "good {}", "second {}", "better {}", "same {}"};
  const PromptEnsemble ensemble(text, names, templates, 1);
  Matrix x(6, 3);  // by x > 0 or y > 0 four are right, by x + y / 2 > 0 five, by the mean of the last two all
  x << 1, 0.05F, 0, 1, -0.5F, 0, -0.2F, 0.3F, 0, -0.2F, 0.45F, 0, -1, -0.05F, 0, -1, 0.5F, 0;
  const std::vector<int> labels{0, 0, 0, 0, 1, 1};
  const auto steps = forward_selection(ensemble, x, labels, 5, 4);
  ASSERT_THAT(steps, SizeIs(2));
  EXPECT_EQ(steps[0].index, 3);  // the first of two that are equal
  EXPECT_DOUBLE_EQ(steps[0].top1, 5.0 / 6);
  EXPECT_EQ(steps[1].index, 2);
  EXPECT_DOUBLE_EQ(steps[1].top1, 1);
  EXPECT_THAT(forward_selection(ensemble, x, labels, 5, 1), SizeIs(1));
  EXPECT_EQ(forward_selection(ensemble, x, labels, 3, 9).front().index, 1);  // of the first three alone
  EXPECT_THAT(forward_selection(ensemble, x, labels, 0, 9), SizeIs(0));
}

}  // namespace
}  // namespace cliplab
