// Tables as text; what pandas reads is compared in tests/parity/test_reader_parity.py.
#include "sets/delimited.hpp"

#include <gmock/gmock.h>

#include "fuzz_inputs.hpp"
#include "sets/split_names.hpp"
#include "sets/twins.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DelimitedTest : public FakeRoot {
 protected:
  static std::vector<std::vector<std::string>> rows(const std::string& text, bool quotes = true) {
    DelimitedReader reader(text, separator_of(text), "t.csv", quotes);
    std::vector<std::vector<std::string>> all;
    for (std::vector<std::string> fields; reader.next(fields);) all.push_back(fields);
    return all;
  }
};

TEST_F(DelimitedTest, QuotesSeparatorsAndLineEnds) {
  EXPECT_THAT(
      rows("a,b\r\n\"x, \"\"y\"\"\",\"two\nlines\"\r\rin\"side,\"ab\"cd"),
      ElementsAre(ElementsAre("a", "b"), ElementsAre("x, \"y\"", "two\nlines"), ElementsAre("in\"side", "abcd")));
  EXPECT_THAT(rows("a;b\n1,5;2"), ElementsAre(ElementsAre("a", "b"), ElementsAre("1,5", "2")));
  EXPECT_THAT(rows("a\tb\n \n\"x\t1\n", false), ElementsAre(ElementsAre("a", "b"), ElementsAre("\"x", "1")));
  EXPECT_THAT(input_error([] { rows("a,b\n1,2\n3,\"open\n4,5\n"); }),
              HasSubstr("t.csv:3: a quoted field without an end"));
  DelimitedReader reader("a,b\n\n\"x\ny\",2\n3,4\n", ',', "t.csv");
  std::vector<std::string> fields;
  std::vector<std::int64_t> lines;
  while (reader.next(fields)) lines.push_back(reader.line());
  EXPECT_THAT(lines, ElementsAre(1, 3, 5));
}

TEST_F(DelimitedTest, MutationsGiveRowsOrInputErrors) {
  const std::string whole = "path,split,label\r\n\"a, \"\"b\"\"\",test,0\r\n\r\nc,\"two\nlines\",1\n";
  Rng rng(6);
  int refused = 0;
  for (int i = 0; i < fuzz_inputs(2000); ++i) refused += !input_error([&] { rows(mutate(whole, rng)); }).empty();
  EXPECT_GT(refused, 50);
}

TEST(SplitNames, AreMatchedByRole) {
  for (const char* name : {"train", "Train", "TRAINING", "Training set", "train_set", "train-data", "train2017", "trn"})
    EXPECT_EQ(split_role(name), "train") << name;
  for (const char* name : {"val", "Valid", "validation", "DEV", "val_images", "validate"})
    EXPECT_EQ(split_role(name), "validation") << name;
  for (const char* name : {"test", "Testing", "eval", "Evaluation", "test_set", "tst"})
    EXPECT_EQ(split_role(name), "test") << name;
  EXPECT_EQ(split_role("trainval"), "trainval");
  for (const char* name : {"", "trains", "cat", "invalid", "tests", "set", "images", "photo", "n01440764"})
    EXPECT_EQ(split_role(name), "") << name;
  EXPECT_TRUE(same_split("Testing", "test"));
  EXPECT_TRUE(same_split("photo", "photo"));
  EXPECT_FALSE(same_split("photo", "sketch"));
}

}  // namespace
}  // namespace cliplab
