// Against Pillow and torchvision by SHA-256 (tests/golden/resize.tsv), and the size rules one by one.
#include "pixels/preprocess.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/rng.hpp"

namespace cliplab {
namespace {

/// The formula of tests/golden/make_resize_golden.py.
Image picture(const std::string& kind, int height, int width, int channels) {
  Image image = Image::make(height, width, channels);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c) {
        const auto mixed =
            static_cast<std::uint32_t>((y * 7919ull + x * 104729ull + c * 1299709ull + 1) * 2654435761ull);
        const auto noise = static_cast<std::uint8_t>((mixed ^ (mixed >> 13)) * 2246822519u >> 24);
        image.at(y, x)[c] = kind == "edges" ? static_cast<std::uint8_t>((y / 5 + x / 7 + c) % 2 * 255) : noise;
      }
  return image;
}

std::string digest(const Image& image) {
  return sha256_hex({reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()});
}

TEST(Preprocess, BytesEqualPillowAndTorchvision) {
  std::ifstream file(CLIPLAB_SOURCE_DIR "/tests/golden/resize.tsv");
  int cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    std::string what, kind, expected;
    int height, width, channels, out_height, out_width;
    ASSERT_TRUE(fields >> what >> kind >> height >> width >> channels >> out_height >> out_width >> expected) << line;
    Image image = picture(kind, height, width, channels);
    const auto result = [&] {
      return what == "transform" ? clip_transform(image, out_height) : resize_bicubic(image, out_height, out_width);
    };
    const Image out = result();
    EXPECT_EQ(out.height, out_height);
    EXPECT_EQ(out.width, out_width);
    EXPECT_EQ(digest(out), expected) << line;
    for (int c = 0; c < channels; ++c) image.at(height / 2, width / 2)[c] ^= 0x80;
    if (out_height * out_width > 1) {
      EXPECT_NE(digest(result()), expected) << "a changed pixel must show: " << line;
    }
    ++cases;
  }
  EXPECT_EQ(cases, 58);
}

TEST(Preprocess, CroppingFirstChangesNothing) {
  Rng rng(7);
  for (int round = 0; round < 60; ++round) {
    const int height = 1 + static_cast<int>(rng.below(150)), width = 1 + static_cast<int>(rng.below(150));
    const int size = 1 + static_cast<int>(rng.below(60));
    const Image image = picture("noise", height, width, 3);
    const Image whole = center_crop(resize_short_side(image, size), size), window = clip_transform(image, size);
    ASSERT_EQ(window.height, size);
    ASSERT_EQ(window.width, size);
    ASSERT_EQ(window.pixels, whole.pixels) << height << " x " << width << " to " << size;
  }
}

TEST(Preprocess, ShortSideRuleTruncatesTheLongOne) {
  const Image tall = resize_short_side(picture("noise", 100, 30, 3), 7);
  EXPECT_EQ(tall.width, 7);
  EXPECT_EQ(tall.height, 23);  // int(7 * 100 / 30)
  const Image wide = resize_short_side(picture("noise", 30, 100, 3), 7);
  EXPECT_EQ(wide.height, 7);
  EXPECT_EQ(wide.width, 23);
  const Image same = picture("noise", 12, 40, 3);
  EXPECT_EQ(resize_short_side(same, 12).pixels, same.pixels);
}

TEST(Preprocess, CropOffsetsRoundHalfToEven) {
  Image image = Image::make(1, 1, 3);
  const auto first_column = [](int width, int size) {
    Image row = Image::make(size, width, 1);
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < width; ++x) row.at(y, x)[0] = static_cast<std::uint8_t>(x);
    return static_cast<int>(center_crop(row, size).at(0, 0)[0]);
  };
  EXPECT_EQ(first_column(11, 10), 0);  // 0.5 -> 0
  EXPECT_EQ(first_column(13, 10), 2);  // 1.5 -> 2
  EXPECT_EQ(first_column(15, 10), 2);  // 2.5 -> 2
  EXPECT_EQ(first_column(17, 10), 4);  // 3.5 -> 4
  EXPECT_EQ(first_column(14, 10), 2);
}

TEST(Preprocess, SmallImagesArePaddedWithZeroLessBefore) {
  Image image = Image::make(2, 9, 1);
  std::fill(image.pixels.begin(), image.pixels.end(), 255);
  const Image out = center_crop(image, 5);  // rows: 1 before, 2 behind; columns: 2 cut on each side
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 5; ++x) EXPECT_EQ(out.at(y, x)[0], y == 1 || y == 2 ? 255 : 0);
  Image dot = Image::make(1, 1, 3);
  dot.pixels = {1, 2, 3};
  const Image padded = center_crop(dot, 4);
  EXPECT_EQ(padded.at(1, 1)[2], 3);
  EXPECT_EQ(std::count(padded.pixels.begin(), padded.pixels.end(), 0), 45);
}

TEST(Preprocess, ChannelsAreIndependent) {
  const Image four = picture("noise", 40, 33, 4), small = resize_bicubic(four, 21, 50);
  for (int c = 0; c < 4; ++c) {
    Image one = Image::make(40, 33, 1);
    for (std::size_t i = 0; i < one.pixels.size(); ++i) one.pixels[i] = four.pixels[4 * i + c];
    const Image expected = resize_bicubic(one, 21, 50);
    for (std::size_t i = 0; i < expected.pixels.size(); ++i) ASSERT_EQ(small.pixels[4 * i + c], expected.pixels[i]);
  }
}

TEST(Preprocess, CompositeIsRoundedToNearest) {
  Image image = Image::make(1, 256, 4);
  for (int a = 0; a < 256; ++a) {
    const std::array<std::uint8_t, 4> pixel{10, 100, 200, static_cast<std::uint8_t>(a)};
    std::copy(pixel.begin(), pixel.end(), image.at(0, a));
  }
  const Image out = composite(image, {255, 0, 50});
  ASSERT_EQ(out.channels, 3);
  for (int a = 0; a < 256; ++a) {
    EXPECT_EQ(out.at(0, a)[0], std::lround((10 * a + 255 * (255 - a)) / 255.0));
    EXPECT_EQ(out.at(0, a)[1], std::lround(100 * a / 255.0));
    EXPECT_EQ(out.at(0, a)[2], std::lround((200 * a + 50 * (255 - a)) / 255.0));
  }
  EXPECT_EQ(composite(out, {1, 2, 3}).pixels, out.pixels);
}

TEST(Preprocess, AlphaIsDroppedAfterAPremultipliedResize) {
  Image image = Image::make(30, 50, 4);  // clear on the left, red on the right
  for (int y = 0; y < 30; ++y)
    for (int x = 25; x < 50; ++x) image.at(y, x)[0] = image.at(y, x)[3] = 255;
  const Image small = clip_transform(image, 10);
  for (int y = 0; y < 10; ++y) {
    EXPECT_EQ(small.at(y, 0)[0], 0) << "what is clear comes out black";
    EXPECT_EQ(small.at(y, 9)[0], 255);
    EXPECT_EQ(small.at(y, 5)[0], 255) << "half covered: the colour is not mixed with that of the clear side";
  }
}

TEST(Preprocess, ExtremeAspectsCostNoMemory) {
  const Image needle = picture("noise", 1, 3'000'000, 3);  // resized whole: 224 x 672,000,000
  EXPECT_EQ(clip_transform(needle, 224).size(), 224u * 224 * 3);
  EXPECT_THROW(resize_short_side(needle, 224), InputError);
  EXPECT_EQ(clip_transform(picture("noise", 200'000, 2, 3), 224).size(), 224u * 224 * 3);
}

}  // namespace
}  // namespace cliplab
