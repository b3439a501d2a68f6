// The shape of an error message is part of the interface: people and tests/configs/ rely on it.
#include "base/error.hpp"

#include <gtest/gtest.h>

namespace cliplab {
namespace {

std::string message_of(std::string_view what_to_do) {
  try {
    fail("run.cfg:3", "seed = x", "an integer", what_to_do);
  } catch (const InputError& error) {
    return error.what();
  }
}

TEST(Error, SaysWhereWhatWasFoundAndWhatWasExpected) {
  EXPECT_EQ(message_of(""), "run.cfg:3: seed = x, expected an integer");
}

TEST(Error, EndsWithWhatToDo) {
  EXPECT_EQ(message_of("see describe"), "run.cfg:3: seed = x, expected an integer; see describe");
}

TEST(Error, StaysOneLineWhateverAStrangersNameHolds) {
  EXPECT_EQ(message_of("a\nb\x1b[31m\x7f"), "run.cfg:3: seed = x, expected an integer; a?b?[31m?");
  EXPECT_EQ(message_of("\xff\xc2\x9b\xe2\x82 caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xc3"),
            "run.cfg:3: seed = x, expected an integer; ????? caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 ?");
}

}  // namespace
}  // namespace cliplab
