// The cells of a sweep: the cross product, and its bound.
#include "lab/sweep.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace cliplab {
namespace {

using Words = std::vector<std::string>;

std::string values(int count) {
  std::string list = "0";
  for (int i = 1; i < count; ++i) list += "," + std::to_string(i);
  return list;
}

TEST(Sweep, IsTheCrossProductOfItsValues) {
  const Sweep sweep = take_sweep({"--seed", "1", "--sweep", "a=x,y", "--sweep", "b=1,2,3", "--jobs", "2"});
  ASSERT_EQ(sweep.cells.size(), 6u);
  EXPECT_EQ(sweep.cells[4].words, (Words{"--seed", "1", "--a", "y", "--b", "2"}));
  EXPECT_EQ(sweep.jobs, 2);
  EXPECT_TRUE(take_sweep({"--seed", "1"}).is_one());
}

TEST(Sweep, OfMillionsIsRefusedBeforeItsCellsAreMade) {
  EXPECT_EQ(take_sweep({"--sweep", "a=" + values(100), "--sweep", "b=" + values(100)}).cells.size(), 10'000u);
  EXPECT_THROW(take_sweep({"--sweep", "a=" + values(101), "--sweep", "b=" + values(100)}), InputError);
  EXPECT_THROW(
      take_sweep({"--sweep", "a=" + values(300), "--sweep", "b=" + values(300), "--sweep", "c=" + values(300)}),
      InputError);
  EXPECT_THROW(take_sweep({"--sweep", "a=" + std::string(3'000'000, ',')}), InputError);
}

}  // namespace
}  // namespace cliplab
