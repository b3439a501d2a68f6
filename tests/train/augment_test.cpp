// Variation of training pairs: outlines, colours, views.
#include "train/augment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace cliplab {
namespace {

constexpr int kSide = 12;

/// A square [4, 8) x [4, 8) of one colour on a transparent ground; its right half may have another colour.
Picture square(std::array<std::uint8_t, 3> left, std::array<std::uint8_t, 3> right) {
  std::vector<std::uint8_t> picture(kSide * kSide * 4, 0);
  for (int y = 4; y < 8; ++y)
    for (int x = 4; x < 8; ++x) {
      std::uint8_t* p = picture.data() + (y * kSide + x) * 4;
      std::copy_n((x < 6 ? left : right).data(), 3, p);
      p[3] = 255;
    }
  return {kSide, kSide, picture};
}

const std::uint8_t* at(const Picture& picture, int y, int x) { return picture.rgba.data() + (y * kSide + x) * 4; }

TEST(Outlined, BlackLineAroundTheSilhouetteOnly) {
  const auto out = outlined(square({200, 30, 30}, {200, 30, 30}));
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) {
      const bool inside = y >= 4 && y < 8 && x >= 4 && x < 8;
      const bool beside =
          !inside && ((y >= 4 && y < 8 && (x == 3 || x == 8)) || (x >= 4 && x < 8 && (y == 3 || y == 8)));
      EXPECT_EQ(at(out, y, x)[3], inside || beside ? 255 : 0) << y << " " << x;
      EXPECT_EQ(at(out, y, x)[0], inside ? 200 : 0) << y << " " << x;
    }
}

TEST(Outlined, BlackLineWhereColoursMeet) {
  const auto out = outlined(square({250, 250, 250}, {10, 10, 250}));
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
  draw_view(square({200, 30, 30}, {200, 30, 30}), view, kSide, out.data());
  const std::uint8_t *inside = out.data() + (5 * kSide + 5) * 3, *outside = out.data();
  const int light = static_cast<int>(0.299 * 200 + 0.587 * 30 + 0.114 * 30 + 0.5);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(inside[c], light, 1) << c;
  EXPECT_THAT(std::vector<int>(outside, outside + 3), testing::ElementsAre(255, 0, 0));
}

TEST(DrawView, PlainViewIsThePictureOnWhite) {
  Rng rng(1, 2);
  const auto picture = square({200, 30, 30}, {10, 20, 30});
  std::vector<std::uint8_t> out(kSide * kSide * 3);
  draw_view(picture, choose_view(Augment::kNone, picture, kSide, rng), kSide, out.data());
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x)
      for (int c = 0; c < 3; ++c) {
        const std::uint8_t* p = at(picture, y, x);
        EXPECT_NEAR(out[(y * kSide + x) * 3 + c], p[3] ? p[c] : 255, 1) << y << " " << x;
      }
}

TEST(ChooseView, CropsStayInsideAndReachBothEnds) {
  Rng rng(3, 4);
  const Picture picture{36, 48, {}};
  std::set<double> tops, lefts;
  for (int i = 0; i < 400; ++i) {
    const View view = choose_view(Augment::kCrop, picture, 32, rng);
    EXPECT_TRUE(view.top >= 0 && view.top + view.height <= 36 && view.left >= 0 && view.left + view.width <= 48);
    tops.insert(view.top), lefts.insert(view.left);
    const View photo = choose_view(Augment::kPhotos, picture, 32, rng);
    EXPECT_TRUE(photo.top >= 0 && photo.top + photo.height <= 36 && photo.left >= 0 && photo.left + photo.width <= 48);
    // 40 % to all of 36 x 36, at most as high as the picture where the aspect would make it higher
    EXPECT_GE(photo.height * photo.width, 0.4 * 36 * 36 * 0.999);
    EXPECT_LE(photo.height * photo.width, 36 * 36 * std::exp(0.15));
  }
  EXPECT_EQ(tops.size(), 5u);    // 0 to 4
  EXPECT_EQ(lefts.size(), 17u);  // 0 to 16
}

TEST(ChooseView, ValidationSeesTheMiddleSquare) {
  Rng rng(3, 4);
  const View view = choose_view(Augment::kNone, {36, 48, {}}, 32, rng);
  EXPECT_EQ(std::vector({view.top, view.left, view.height, view.width}), std::vector({0.0, 6.0, 36.0, 36.0}));
}

TEST(StoredPicture, DrawingsAreWholeOnASquareAndPhotosAreFilled) {
  Image wide = Image::make(10, 30, 3);
  for (int y = 0; y < 10; ++y)
    for (int x = 0; x < 30; ++x) *wide.at(y, x) = static_cast<std::uint8_t>(8 * x);  // red says where
  const Picture drawing = stored_picture(wide, 30, Augment::kDrawings);
  EXPECT_EQ(std::pair(drawing.height, drawing.width), std::pair(30, 30));
  const auto pixel = [](const Picture& picture, int y, int x) {
    return picture.rgba.data() + (y * picture.width + x) * 4;
  };
  EXPECT_EQ(pixel(drawing, 0, 0)[3], 0);
  EXPECT_EQ(pixel(drawing, 15, 29)[0], 8 * 29);
  const Picture photo = stored_picture(wide, 10, Augment::kCrop);
  EXPECT_EQ(std::pair(photo.height, photo.width), std::pair(10, 20)) << "twice the short side, the middle";
  EXPECT_EQ(pixel(photo, 0, 0)[0], 8 * 5);
  EXPECT_EQ(pixel(photo, 9, 19)[0], 8 * 24);
  EXPECT_EQ(pixel(photo, 0, 0)[3], 255);
}

}  // namespace
}  // namespace cliplab
