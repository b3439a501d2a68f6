// What a fit refuses: the test split, rows of two encoders, rows without their labels.
#include "eval/feature_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace cliplab {
namespace {

TEST(FeatureSets, WhatAFitRefuses) {
  using ::testing::HasSubstr;
  const auto make = [](const std::string& encoder, const std::string& split) {
    return FeatureSet{encoder + "|set/" + split, encoder, split, encoder, Matrix::Zero(3, 2), {{0, 1, 0}, {}, {}, 2}};
  };
  const auto message = [](const FeatureSet& train, const FeatureSet* validation,
                          const FeatureSet& test) -> std::string {
    try {
      check_fit(train, validation, test);
    } catch (const InputError& error) {
      return error.what();
    }
    return "accepted";
  };
  const FeatureSet train = make("vit", "train"), validation = make("vit", "validation"), test = make("vit", "test");
  EXPECT_EQ(message(train, nullptr, test), "accepted");
  EXPECT_EQ(message(train, &validation, test), "accepted");
  EXPECT_THAT(message(test, nullptr, test), HasSubstr("a fit on the test split vit|set/test"));
  EXPECT_THAT(message(train, &test, test), HasSubstr("a fit on the test split"));
  EXPECT_THAT(message(make("rn", "train"), nullptr, test), HasSubstr("features of rn, expected of vit"));
  FeatureSet short_of_one = train;
  short_of_one.truth.labels.pop_back();
  EXPECT_THAT(message(short_of_one, nullptr, test), HasSubstr("2 labels for 3 feature rows"));
}

}  // namespace
}  // namespace cliplab
