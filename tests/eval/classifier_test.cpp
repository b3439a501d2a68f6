// Prompts to a linear classifier.
#include "eval/classifier.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace cliplab {
namespace {

/// Encodes a text by its length and first letter, so that the expected mean can be written down.
class FakeText : public TextEncoder {
 public:
  std::string id() const override { return "fake"; }
  Matrix encode(std::span<const std::string> texts) override {
    seen.assign(texts.begin(), texts.end());
    Matrix rows(std::ssize(texts), 2);
    for (std::size_t i = 0; i < texts.size(); ++i)
      rows.row(i) = Eigen::RowVector2f(static_cast<float>(texts[i].size()), 1).normalized();
    return rows;
  }
  std::vector<std::string> seen;
};

TEST(ZeroShotClassifier, AveragesInEmbeddingSpaceAndScales) {
  FakeText text;
  const std::vector<std::vector<std::string>> names{{"cat"}, {"dog", "puppy"}};
  const std::vector<std::string> templates{"{}", "a {}."};
  const LinearClassifier classifier = zero_shot_classifier(text, names, templates, 10);
  EXPECT_EQ(text.seen, (std::vector<std::string>{"cat", "a cat.", "dog", "a dog.", "puppy", "a puppy."}));
  const Eigen::RowVector2f mean = (Eigen::RowVector2f(3, 1).normalized() + Eigen::RowVector2f(6, 1).normalized()) / 2;
  EXPECT_TRUE(classifier.weight.row(0).isApprox(10 * mean.normalized(), 1e-5f));
  EXPECT_NEAR(classifier.weight.row(1).norm(), 10, 1e-4);
}

TEST(ZeroShotClassifier, RefusesTemplatesAndClassesWithoutNames) {
  FakeText text;
  EXPECT_THROW(
      zero_shot_classifier(text, std::vector<std::vector<std::string>>{{"a"}}, std::vector<std::string>{"no place"}, 1),
      InputError);
  EXPECT_THROW(zero_shot_classifier(text, std::vector<std::vector<std::string>>{{}}, std::vector<std::string>{"{}"}, 1),
               InputError);
  EXPECT_THROW(zero_shot_classifier(text, std::vector<std::vector<std::string>>{{"a"}}, std::vector<std::string>{}, 1),
               InputError);
}

TEST(LinearClassifier, RefusesFeaturesOfAnotherWidth) {
  const LinearClassifier classifier{Matrix::Zero(2, 3), Vector::Zero(2)};
  EXPECT_THROW(classifier.logits(Matrix::Zero(1, 4)), InputError);
}

}  // namespace
}  // namespace cliplab
