// The paper's metrics by name against scikit-learn (tests/golden/scores.json).
#include "eval/scores.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace cliplab {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class Scores : public ::testing::Test {
 protected:
  Matrix matrix(const char* name) const {
    const auto rows = golden[name].get<std::vector<std::vector<float>>>();
    Matrix values(std::ssize(rows), std::ssize(rows[0]));
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (std::size_t c = 0; c < rows[i].size(); ++c)
        values(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(c)) = rows[i][c];
    return values;
  }
  std::vector<std::int8_t> targets() const {
    std::vector<std::int8_t> values;
    for (const json& row : golden["targets"])
      for (const json& value : row) values.push_back(value.get<std::int8_t>());
    return values;
  }
  /// Sums of at most 80 rates of magnitude 1 in double: 80 * 2.2e-16 = 1.8e-14, far below the 1e-12 that is asked.
  void expect_sklearns(const std::string& metric, const Matrix& logits, const Truth& truth) const {
    const Interval score = score_named(metric, logits, truth);
    EXPECT_NEAR(score.value, golden[metric].get<double>(), 1e-12) << metric;
    EXPECT_EQ(score.n, logits.rows()) << metric;
    EXPECT_LT(score.low, score.value) << metric;
    EXPECT_GT(score.high, score.value) << metric;
    const Interval again = score_named(metric, logits, truth);
    EXPECT_EQ(again.low, score.low) << metric << ": a seed gives one interval";
  }
  std::string error(const std::function<void()>& body) const {
    try {
      body();
    } catch (const InputError& caught) {
      return caught.what();
    }
    return "";
  }
  const json golden = json::parse(std::ifstream(CLIPLAB_SOURCE_DIR "/tests/golden/scores.json"));
  const std::vector<int> labels = golden["labels"], binary = golden["binary"];
};

TEST_F(Scores, AreSklearns) {
  const Matrix wide = matrix("wide");
  for (const char* metric : {"accuracy", "mean per class", "mean of top-1 and top-5"})
    expect_sklearns(metric, wide, {labels});
  expect_sklearns("ROC AUC", matrix("narrow"), {binary});
  const auto several = targets();
  expect_sklearns("11-point mAP", matrix("several"), {{}, several});
}

TEST_F(Scores, TheValueAloneIsTheIntervals) {
  const Matrix wide = matrix("wide");
  for (const char* metric : {"accuracy", "mean per class", "mean of top-1 and top-5"})
    EXPECT_NEAR(score_value(metric, wide, {labels}), score_named(metric, wide, {labels}).value, 1e-12) << metric;
  const Matrix two = wide.leftCols(2);
  std::vector<int> halves;
  for (const int label : labels) halves.push_back(label % 2);
  EXPECT_NEAR(score_value("ROC AUC", two, {halves}), score_named("ROC AUC", two, {halves}).value, 1e-12);
  EXPECT_THAT(error([&] { score_value("pm-0", wide, {labels}); }), HasSubstr("a metric of single labels"));
  for (const char* metric : {"pm-10", "ROC AUC"}) EXPECT_EQ(name_of_metric(record_name(metric)), metric);
}

TEST_F(Scores, ClassSubsetsTakeTheirColumnsAndSynonymsTheirBest) {
  const Matrix wide = matrix("wide");
  const std::vector<int> subset = golden["subset"], owner = golden["owner"];
  const Matrix columns = columns_of(wide, subset);
  std::vector<int> rows, small, coarse;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    coarse.push_back(owner[labels[i]]);
    if (const auto at = std::find(subset.begin(), subset.end(), labels[i]); at != subset.end())
      rows.push_back(static_cast<int>(i)), small.push_back(static_cast<int>(at - subset.begin()));
  }
  const Matrix kept = columns(rows, Eigen::all);
  EXPECT_NEAR(score_named("accuracy", kept, {small}).value, golden["subset accuracy"].get<double>(), 1e-12);
  EXPECT_NEAR(score_named("accuracy", best_of_columns(wide, owner, 4), {coarse}).value,
              golden["synonym accuracy"].get<double>(), 1e-12);
  EXPECT_THAT(error([&] { columns_of(wide, std::vector<int>{12}); }), HasSubstr("class 12, expected one under 12"));
  EXPECT_THAT(error([&] { best_of_columns(wide, owner, 5); }), HasSubstr("no column of class 4"));
  EXPECT_THAT(error([&] { best_of_columns(wide, owner, 3); }), HasSubstr("class 3, expected one under 3"));
  EXPECT_THAT(error([&] { best_of_columns(wide, subset, 12); }), HasSubstr("4 owners"));
}

TEST_F(Scores, WhatDoesNotFitIsRefused) {
  const Matrix wide = matrix("wide");
  EXPECT_THAT(error([&] { score_named("acuracy", wide, {labels}); }),
              HasSubstr("'acuracy', expected one of accuracy, mean per class"));
  EXPECT_THAT(error([&] { score_named("ROC AUC", wide, {labels}); }), HasSubstr("12 classes, expected two"));
  EXPECT_THAT(error([&] { score_named("accuracy", wide, {binary}); }), HasSubstr("60 answers"));
  EXPECT_THAT(error([&] { score_named("11-point mAP", wide, {labels}); }), HasSubstr("0 answers"));
  EXPECT_THAT(error([&] { score_named("accuracy", Matrix(0, 3), {}); }), HasSubstr("at least one"));
}

}  // namespace
}  // namespace cliplab
