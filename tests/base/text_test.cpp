// Nearest names, columns of a line, UTF-8.
#include "base/text.hpp"

#include <gmock/gmock.h>

namespace cliplab {
namespace {

using ::testing::ElementsAre;

TEST(Text, TheNearestWordIsFoundOnlyWhereOneIsNear) {
  const std::vector<std::string> known{"cifar10", "cifar100", "train.batch", "food101"};
  EXPECT_EQ(nearest_of("cifar1", known), "cifar10");
  EXPECT_EQ(nearest_of("fod101", known), "food101");
  EXPECT_EQ(nearest_of("batch", known), "train.batch") << "a key without its section";
  EXPECT_EQ(nearest_of("zzzzzz", known), "");
  EXPECT_EQ(nearest_of("cifar10", {}), "");
}

TEST(Text, ColumnsAreOneMoreThanSeparators) {
  EXPECT_THAT(split_columns("a\tb\t", '\t'), ElementsAre("a", "b", ""));
  EXPECT_THAT(split_columns("", '+'), ElementsAre(""));
  EXPECT_THAT(split_columns("a", '+'), ElementsAre("a"));
}

TEST(Text, Utf8IsToldFromOtherBytes) {
  for (const char* text : {"", "plain", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"})
    EXPECT_TRUE(is_utf8(text)) << text;
  for (const char* text : {"\xff", "caf\xe9", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc0\x80"})
    EXPECT_FALSE(is_utf8(text));
}

}  // namespace
}  // namespace cliplab
