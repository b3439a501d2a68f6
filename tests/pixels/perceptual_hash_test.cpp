// What counts as the same picture.
#include "pixels/perceptual_hash.hpp"

#include <gtest/gtest.h>

#include "base/rng.hpp"
#include "pixels/codecs.hpp"

namespace cliplab {
namespace {

Image drawing(const std::string& content, const std::string& box = "0 0 100 100", int size = 128) {
  return render_svg("<svg xmlns='http://www.w3.org/2000/svg' viewBox='" + box + "'>" + content + "</svg>", size,
                    "test");
}

const std::string kFace =
    "<circle cx='50' cy='50' r='40' fill='gold' stroke='black' stroke-width='4'/><circle cx='35' cy='40' "
    "r='6'/>"
    "<circle cx='65' cy='40' r='6'/><path d='M30 62 Q50 82 70 62' fill='none' stroke='black' "
    "stroke-width='5'/>";
const std::string kHouse =
    "<rect x='20' y='45' width='60' height='45' fill='gold' stroke='black' stroke-width='4'/>"
    "<path d='M12 48 L50 10 L88 48 Z' fill='brown'/><rect x='42' y='62' width='16' height='28'/>";

TEST(PerceptualHash, SizeAndMarginDoNotCount) {
  const PerceptualHash face = perceptual_hash(drawing(kFace));
  EXPECT_TRUE(is_same_picture(face, perceptual_hash(drawing(kFace, "0 0 100 100", 300))));
  EXPECT_TRUE(is_same_picture(face, perceptual_hash(drawing(kFace, "-60 -30 200 200", 256))));
}

TEST(PerceptualHash, AnotherPictureOrColourCounts) {
  const PerceptualHash face = perceptual_hash(drawing(kFace));
  EXPECT_FALSE(is_same_picture(face, perceptual_hash(drawing(kHouse))));
  std::string blue = kFace;
  blue.replace(blue.find("gold"), 4, "blue");
  EXPECT_FALSE(is_same_picture(face, perceptual_hash(drawing(blue))));
}

TEST(PerceptualHash, NothingDrawnIsLikeNothing) {
  const PerceptualHash blank = perceptual_hash(drawing("")),
                  white = perceptual_hash(drawing("<rect width='90' height='90' fill='white'/>"));
  EXPECT_FALSE(is_same_picture(blank, blank));
  EXPECT_FALSE(is_same_picture(blank, white));
  EXPECT_FALSE(is_same_picture(white, perceptual_hash(drawing("<rect width='3' height='3' fill='#eee'/>"))));
}

TEST(PerceptualHash, DistanceIsSymmetricAndZeroForItself) {
  Rng rng(3);
  for (int i = 0; i < 50; ++i) {
    PerceptualHash a, b;
    for (int k = 0; k < 4; ++k) a.bits[k] = rng.next(), b.bits[k] = rng.next();
    EXPECT_EQ(hash_distance(a, a), 0);
    EXPECT_EQ(hash_distance(a, b), hash_distance(b, a));
    EXPECT_LE(hash_distance(a, b), 256);
    EXPECT_LE(hash_contrast(a, b), 2);
  }
}

TEST(Thumbnail, SeesTheHandOfAClock) {
  const std::string clock =
      "<circle cx='50' cy='50' r='40' fill='white' stroke='blue' stroke-width='6'/><path stroke='black' "
      "stroke-width='4' d='M50 50 ";
  const Image three = thumbnail(drawing(clock + "L75 50'/>")), nine = thumbnail(drawing(clock + "L25 50'/>"));
  EXPECT_GT(largest_difference(three, nine), 60);
  EXPECT_EQ(largest_difference(three, thumbnail(drawing(clock + "L75 50'/>"))), 0);
}

}  // namespace
}  // namespace cliplab
