// Ranks equal to a stable argsort of numpy's, ties included.
#include "eval/retrieval.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "eval/metrics.hpp"

namespace cliplab {
namespace {

Matrix matrix_of(const nlohmann::json& rows) {
  Matrix matrix(rows.size(), rows[0].size());
  for (Eigen::Index i = 0; i < matrix.rows(); ++i)
    for (Eigen::Index d = 0; d < matrix.cols(); ++d) matrix(i, d) = rows[i][d].get<float>();
  return matrix;
}

TEST(Retrieval, RanksEqualNumpysStableSort) {
  const nlohmann::json golden = nlohmann::json::parse(std::ifstream(CLIPLAB_SOURCE_DIR "/tests/golden/retrieval.json"));
  const Matrix images = matrix_of(golden["images"]);
  Matrix texts = matrix_of(golden["texts"]);
  const auto owner = golden["owner"].get<std::vector<int>>();
  const RetrievalRanks ranks = retrieval_ranks(images, texts, owner);
  EXPECT_EQ(ranks.text_of_image, golden["text_of_image"].get<std::vector<int>>());
  EXPECT_EQ(ranks.image_of_text, golden["image_of_text"].get<std::vector<int>>());
  for (const int k : {1, 5, 10}) {
    EXPECT_NEAR(top_k(ranks.text_of_image, k).value, golden["recall"]["text_of_image"][std::to_string(k)].get<double>(),
                1e-12);
    EXPECT_NEAR(top_k(ranks.image_of_text, k).value, golden["recall"]["image_of_text"][std::to_string(k)].get<double>(),
                1e-12);
  }
  texts.row(7) *= -1;  // the negative twin: one caption turned round
  EXPECT_NE(retrieval_ranks(images, texts, owner).image_of_text, ranks.image_of_text);
}

TEST(Retrieval, AnyOwnCaptionIsAHitAndSizesAreChecked) {
  Matrix images = Matrix::Identity(2, 2), texts(3, 2);
  texts << 0, 1, 1, 0, 0.5f, 0.5f;  // picture 0 owns the first and the second
  const RetrievalRanks ranks = retrieval_ranks(images, texts, std::vector<int>{0, 0, 1});
  EXPECT_THAT(ranks.text_of_image, ::testing::ElementsAre(0, 1));
  EXPECT_THAT(ranks.image_of_text, ::testing::ElementsAre(1, 0, 1));
  EXPECT_THROW(retrieval_ranks(images, texts, std::vector<int>{0, 0}), InputError);
  EXPECT_THROW(retrieval_ranks(images, texts, std::vector<int>{0, 0, 2}), InputError);
  EXPECT_THROW(retrieval_ranks(images, texts, std::vector<int>{0, 0, 0}), InputError);
  texts(2, 1) = std::nanf("");
  EXPECT_THROW(retrieval_ranks(images, texts, std::vector<int>{0, 0, 1}), InputError);
  texts(2, 1) = 0, images(0, 1) = std::numeric_limits<float>::infinity();
  EXPECT_THROW(retrieval_ranks(images, texts, std::vector<int>{0, 0, 1}), InputError);
}

}  // namespace
}  // namespace cliplab
