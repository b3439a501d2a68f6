// Units of results: what a failing set loses, and what it does not.
#include "lab/recorder.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "base/error.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;

Record record_of(const std::string& set) { return {set, "test", "m", "zero-shot", "top1"}; }

TEST(Recorder, AFailingSetIsARowAndTheRestIsMeasuredAndSaved) {
  std::vector<std::size_t> saved;
  Recorder recorder([&](const Results& results) { saved.push_back(results.records.size()); });
  const auto measured = recorder.for_each({"a", "bad", "c"}, [&](const std::string& name) {
    recorder.record(record_of(name), {0.5, 0.4, 0.6, 10, "test"});
    if (name == "bad") fail("bad", "damage", "none");
    recorder.record(record_of(name), {0.6, 0.5, 0.7, 10, "test"});
  });
  EXPECT_THAT(measured, ElementsAre("a", "c"));
  EXPECT_THAT(saved, ElementsAre(2u, 4u)) << "after each finished set";
  for (const Record& record : recorder.results().records) EXPECT_NE(record.dataset, "bad");
  ASSERT_EQ(recorder.results().left_out.size(), 1u);
  EXPECT_EQ(recorder.results().left_out[0], (LeftOut{"bad", "bad: damage, expected none"}));
  EXPECT_EQ(recorder.failed(), "bad: damage, expected none");
}

TEST(Recorder, ARecordSaysWhatItsIntervalCovers) {
  Recorder recorder;
  recorder.record(record_of("a"), clopper_pearson(3, 10));
  recorder.record(record_of("a"), point(0.5, 10));
  recorder.record(record_of("a"), {0.5, 0.5, 0.5, 10, "bootstrap(pictures)"});  // both bounds equal the value
  const auto& records = recorder.results().records;
  EXPECT_EQ(records[0].params.at("interval"), "clopper-pearson(pictures)");
  EXPECT_EQ(records[1].params.at("interval"), "none");
  EXPECT_EQ(records[2].params.at("interval"), "none");
  EXPECT_THROW(recorder.record(record_of("a"), {0.5, 0.4, 0.6, 10}), std::logic_error);
}

TEST(Recorder, RefusesValuesThatAreNotFinite) {
  Recorder recorder;
  const double nan = std::nan("");
  EXPECT_THROW(recorder.record(record_of("a"), {nan, 0, 1, 10}), InputError);
  EXPECT_THROW(recorder.record(record_of("a"), {0.5, nan, 1, 10}), InputError);
  EXPECT_THROW(recorder.record(record_of("a"), {0.5, 0, HUGE_VAL, 10}), InputError);
  EXPECT_TRUE(recorder.results().records.empty());
}

TEST(Recorder, ThrowsTheFirstErrorIfAllFail) {
  Recorder recorder;
  try {
    recorder.for_each({"a", "b"}, [](const std::string& name) { fail(name, "damage", "none"); });
    FAIL() << "no error";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "a: damage, expected none");
  }
  EXPECT_EQ(recorder.results().left_out.size(), 2u);
}

TEST(Recorder, AStopLeavesAtOnceAndKeepsWhatWasSaved) {
  std::size_t saved = 0;
  Recorder recorder([&](const Results& results) { saved = results.records.size(); });
  EXPECT_THROW(recorder.for_each({"a", "b", "c"},
                                 [&](const std::string& name) {
                                   if (name == "b") throw Interrupted("stopped");
                                   recorder.record(record_of(name), {});
                                 }),
               Interrupted);
  EXPECT_EQ(saved, 1u);
}

}  // namespace
}  // namespace cliplab
