// Variation of training pairs: outlines, colours, views.
#include "train/augment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

namespace cliplab {
namespace {

constexpr int kSide = 12;

/// A square [4, 8) x [4, 8) of one colour on a transparent ground; its right half may have another colour.
std::vector<std::uint8_t> square(std::array<std::uint8_t, 3> left, std::array<std::uint8_t, 3> right) {
  std::vector<std::uint8_t> picture(kSide * kSide * 4, 0);
  for (int y = 4; y < 8; ++y)
    for (int x = 4; x < 8; ++x) {
      std::uint8_t* p = picture.data() + (y * kSide + x) * 4;
      std::copy_n((x < 6 ? left : right).data(), 3, p);
      p[3] = 255;
    }
  return picture;
}

const std::uint8_t* at(const std::vector<std::uint8_t>& picture, int y, int x) { return picture.data() + (y * kSide + x) * 4; }

TEST(Outlined, BlackLineAroundTheSilhouetteOnly) {
  const auto out = outlined(square({200, 30, 30}, {200, 30, 30}), kSide);
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) {
      const bool inside = y >= 4 && y < 8 && x >= 4 && x < 8;
      const bool beside = !inside && ((y >= 4 && y < 8 && (x == 3 || x == 8)) || (x >= 4 && x < 8 && (y == 3 || y == 8)));
      EXPECT_EQ(at(out, y, x)[3], inside || beside ? 255 : 0) << y << " " << x;
      EXPECT_EQ(at(out, y, x)[0], inside ? 200 : 0) << y << " " << x;
    }
}

TEST(Outlined, BlackLineWhereColoursMeet) {
  const auto out = outlined(square({250, 250, 250}, {10, 10, 250}), kSide);
  EXPECT_EQ(at(out, 6, 4)[0], 250);
  EXPECT_EQ(at(out, 6, 5)[2], 0);
  EXPECT_EQ(at(out, 6, 6)[2], 0);
  EXPECT_EQ(at(out, 6, 7)[2], 250);
}

TEST(DrawView, SaturationZeroIsGreyAndBackgroundStays) {
  View view;
  view.height = view.width = kSide, view.saturation = 0;
  view.background[0] = 255, view.background[1] = 0, view.background[2] = 0;
  std::vector<std::uint8_t> out(kSide * kSide * 3);
  draw_view(square({200, 30, 30}, {200, 30, 30}), kSide, view, kSide, out.data());
  const std::uint8_t *inside = out.data() + (5 * kSide + 5) * 3, *outside = out.data();
  const int light = static_cast<int>(0.299 * 200 + 0.587 * 30 + 0.114 * 30 + 0.5);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(inside[c], light, 1) << c;
  EXPECT_THAT(std::vector<int>(outside, outside + 3), testing::ElementsAre(255, 0, 0));
}

TEST(DrawView, PlainViewIsThePictureOnWhite) {
  Rng rng(1, 2);
  const auto picture = square({200, 30, 30}, {10, 20, 30});
  std::vector<std::uint8_t> out(kSide * kSide * 3);
  draw_view(picture, kSide, choose_view(Augment::kNone, kSide, kSide, rng), kSide, out.data());
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x)
      for (int c = 0; c < 3; ++c) {
        const std::uint8_t* p = at(picture, y, x);
        EXPECT_NEAR(out[(y * kSide + x) * 3 + c], p[3] ? p[c] : 255, 1) << y << " " << x;
      }
}

TEST(ChooseView, CropStaysInside) {
  Rng rng(3, 4);
  std::set<double> tops;
  for (int i = 0; i < 200; ++i) {
    const View view = choose_view(Augment::kCrop, 36, 32, rng);
    EXPECT_TRUE(view.top >= 0 && view.top + view.height <= 36 && view.left >= 0 && view.left + view.width <= 36);
    tops.insert(view.top);
  }
  EXPECT_EQ(tops.size(), 5u);  // 0 to 4
}

}  // namespace
}  // namespace cliplab
