// Params are one text for one set of keys and values; every metric of the table has a unit.
#include "store/record.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/error.hpp"

namespace cliplab {
namespace {

TEST(RecordParams, KeysAreInOrderWhateverTheOrderTheyCameIn) {
  Params first{{"start", "zero"}}, second{{"shots", "4"}};
  first["shots"] = "4", second["start"] = "zero";
  EXPECT_EQ(to_json(first), R"({"shots":"4","start":"zero"})");
  EXPECT_EQ(to_json(first), to_json(second));
  EXPECT_EQ(to_json({}), "{}");
}

TEST(RecordParams, AnyTextComesBack) {
  const Params odd{{"label", "a \"quoted\", \\ back\nslash = 猫"}, {"", ""}};
  EXPECT_EQ(params_from_json(to_json(odd), "test"), odd);
}

TEST(RecordParams, TextThatIsNotUtf8DoesNotStopARun) {
  EXPECT_EQ(params_from_json(to_json({{"over", "model\xff"}}), "test").at("over"), "model\xEF\xBF\xBD");
}

TEST(RecordParams, WhatIsNoObjectOfTextsIsRefused) {
  for (const char* text : {"", "variant", "[\"a\"]", "{\"a\":1}", "{\"a\":{}}"})
    EXPECT_THROW(params_from_json(text, "test"), InputError) << text;
}

TEST(RecordUnits, RatesDifferencesAndTheRestHaveTheirUnits) {
  for (const char* metric :
       {"top1", "mean_per_class", "mean_top1_top5", "roc_auc", "map11", "pm0", "pm10", "mean_pm0_pm10"})
    EXPECT_EQ(unit_of(metric), "fraction") << metric;  // the names of eval/scores.cpp
  EXPECT_EQ(unit_of("within_25km"), "fraction");
  EXPECT_EQ(unit_of("gain"), "fraction difference");
  EXPECT_EQ(unit_of("p_value"), "p-value");
  EXPECT_EQ(unit_of("gflops"), "gflops");
  EXPECT_THROW(unit_of("top2"), std::logic_error);
}

}  // namespace
}  // namespace cliplab
