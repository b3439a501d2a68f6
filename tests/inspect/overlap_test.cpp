// Copies of pictures between sets: found after another size, compression and margin, and only those.
#include "inspect/overlap.hpp"

#include <gmock/gmock.h>

#include "pixels/preprocess.hpp"
#include "sets/twins.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

/// A smooth picture of its own: 6 x 8 colours, enlarged.
Image scene(std::uint64_t seed) {
  Rng rng(seed);
  Image image = Image::make(6, 8, 3);
  for (auto& value : image.pixels) value = static_cast<std::uint8_t>(rng.below(230));
  return resize_bicubic(image, 60, 80);
}

PictureSource source(const std::string& id, const std::vector<Image>& images) {
  return {id, std::ssize(images),
          [&images](std::int64_t i) {
            if (images[i].height == 0) fail(std::to_string(i), "nothing", "a picture");
            return images[i];
          },
          [](std::int64_t i) { return std::to_string(i); }};
}

std::vector<std::string> pairs(const Overlap& overlap) {
  std::vector<std::string> text;
  for (const OverlapPair& pair : overlap.pairs)
    text.push_back(std::to_string(pair.first) + (pair.exact ? "=" : "~") + std::to_string(pair.second));
  return text;
}

Image on_larger_page(const Image& image) {
  Image page = Image::make(image.height + 20, image.width + 30, 3);
  std::fill(page.pixels.begin(), page.pixels.end(), 255);
  for (int y = 0; y < image.height; ++y) std::copy_n(image.at(y, 0), image.width * 3, page.at(y + 5, 20));
  return page;
}

TEST(Overlap, FindsCopiesAfterAnotherSizeAndMarginAndNothingElse) {
  std::vector<Image> train, test;
  for (std::uint64_t i = 0; i < 40; ++i) train.push_back(scene(i));
  for (std::uint64_t i = 100; i < 130; ++i) test.push_back(scene(i));
  test[3] = scene(7), test[11] = resize_bicubic(scene(20), 30, 40), test[12] = on_larger_page(scene(21));
  test.push_back({});  // cannot be read
  const Overlap overlap = find_overlap(source("train", train), source("test", test));
  EXPECT_THAT(pairs(overlap), ElementsAre("7=3", "20~11", "21~12"));
  EXPECT_EQ(overlap.unreadable, 1);
}

TEST(Overlap, ABlankPageIsAPicture) {
  std::vector<Image> one{Image::make(12, 9, 3), scene(1)};
  std::fill(one[0].pixels.begin(), one[0].pixels.end(), 255);
  std::vector<Image> other{scene(2), one[0]};
  EXPECT_THAT(pairs(find_overlap(source("one", one), source("other", other))), ElementsAre("0=1"));
}

TEST(Overlap, WithinOneSetEachPairIsToldOnce) {
  std::vector<Image> images;
  for (std::uint64_t i = 0; i < 10; ++i) images.push_back(scene(i));
  images[9] = images[2], images[5] = resize_bicubic(images[0], 45, 60);
  EXPECT_THAT(pairs(find_overlap(source("set", images), source("set", images))), UnorderedElementsAre("0~5", "2=9"));
}

class OverlapSets : public TwinTest {};

TEST_F(OverlapSets, NamesComeFromTheFilesOfTheSet) {
  write("pets/test/cat/one.png", encode_png(scene(1))), write("pets/test/dog/two.png", encode_png(scene(2)));
  const auto set = open_labels("pets", "test");
  const PictureSource pictures = pictures_of(*set);
  EXPECT_EQ(pictures.size, 2);
  EXPECT_EQ(pictures.key(1), "test/dog/two.png");
  EXPECT_EQ(pictures.image(0).pixels, scene(1).pixels);
}

}  // namespace
}  // namespace cliplab
