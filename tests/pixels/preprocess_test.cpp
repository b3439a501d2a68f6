// Against Pillow and torchvision by SHA-256 (tests/golden/resize.tsv), and the size rules one by one.
#include "pixels/preprocess.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

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

/// The whole picture resized as torchvision does, and its middle cut out: offsets round half to even.
Image resized_then_cropped(const Image& image, int size) {
  const bool landscape = image.height <= image.width, fits = std::min(image.height, image.width) == size;
  const auto scaled = [&](int side, int other) { return side <= other ? size : size * side / other; };
  const Image whole = fits ? image
                           : resize_bicubic(image, landscape ? size : scaled(image.height, image.width),
                                            scaled(image.width, image.height));
  const auto offset = [&](int extent) { return static_cast<int>(std::nearbyint((extent - size) / 2.0)); };
  const int top = offset(whole.height), left = offset(whole.width);
  Image out = Image::make(size, size, image.channels);
  for (int y = 0; y < size; ++y)
    std::copy_n(whole.at(top + y, left), static_cast<std::size_t>(size) * image.channels, out.at(y, 0));
  return out;
}

TEST(Preprocess, AResizeLargerThanTheCropCutsItsMiddleOut) {
  const Image image = picture("noise", 61, 40, 3);  // 40 -> 37, 61 -> int(37 * 61 / 40) = 56
  Preprocess preprocess;
  preprocess.size = 32, preprocess.resize_to = 37;
  const Image whole = resize_bicubic(image, 56, 37);
  for (const auto& [rule, left] : {std::pair{CropRule::kEven, 2}, {CropRule::kDown, 2}}) {
    preprocess.crop = rule;
    const Image out = preprocess_pixels(image, preprocess);
    for (int y = 0; y < 32; ++y) ASSERT_TRUE(std::equal(out.at(y, 0), out.at(y, 0) + 96, whole.at(12 + y, left))) << y;
  }
  preprocess.resize_to = 39;  // the rest of 7 is halved to 3.5: to 4, or down to 3
  const Image larger = resize_bicubic(image, 59, 39);
  for (const auto& [rule, left, top] : {std::tuple{CropRule::kEven, 4, 14}, {CropRule::kDown, 3, 13}}) {
    preprocess.crop = rule;
    const Image out = preprocess_pixels(image, preprocess);
    ASSERT_TRUE(std::equal(out.at(5, 0), out.at(5, 0) + 96, larger.at(top + 5, left)));
  }
  preprocess.mode = ResizeMode::kSquash;
  const Image square = resize_bicubic(image, 39, 39), out = preprocess_pixels(image, preprocess);
  ASSERT_TRUE(std::equal(out.at(5, 0), out.at(5, 0) + 96, square.at(3 + 5, 3)));
}

TEST(Preprocess, AnIdNamesWhatIsNotOpenAIs) {
  Preprocess preprocess;
  const std::string plain = preprocess.id();
  EXPECT_TRUE(plain.starts_with("bicubic-shortest-224/resize-first/pillow-classic/"));
  preprocess.resize_to = 224;
  EXPECT_EQ(preprocess.id(), plain);
  preprocess.resize_to = 256, preprocess.crop = CropRule::kDown, preprocess.order = ConvertOrder::kWhiteFirst;
  EXPECT_TRUE(preprocess.id().starts_with("bicubic-shortest-256-crop-224-down/white-first/"));
  preprocess = {}, preprocess.mode = ResizeMode::kLongest, preprocess.fill = 127;
  EXPECT_TRUE(preprocess.id().starts_with("bicubic-longest-224-fill-127/"));
}

TEST(Preprocess, CroppingFirstChangesNothing) {
  Rng rng(7);
  for (int round = 0; round < 60; ++round) {
    const int height = 1 + static_cast<int>(rng.below(150)), width = 1 + static_cast<int>(rng.below(150));
    const int size = 1 + static_cast<int>(rng.below(60));
    const Image image = picture("noise", height, width, 3), window = clip_transform(image, size);
    ASSERT_EQ(window.height, size);
    ASSERT_EQ(window.width, size);
    ASSERT_EQ(window.pixels, resized_then_cropped(image, size).pixels) << height << " x " << width << " to " << size;
  }
}

TEST(Preprocess, CropOffsetsRoundHalfToEven) {
  const auto first_column = [](int width, int size) {
    Image row = Image::make(size, width, 3);  // the short side fits: nothing is resized
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < width; ++x) row.at(y, x)[0] = static_cast<std::uint8_t>(x);
    return static_cast<int>(clip_transform(row, size).at(0, 0)[0]);
  };
  EXPECT_EQ(first_column(11, 10), 0);  // 0.5 -> 0
  EXPECT_EQ(first_column(13, 10), 2);  // 1.5 -> 2
  EXPECT_EQ(first_column(15, 10), 2);  // 2.5 -> 2
  EXPECT_EQ(first_column(17, 10), 4);  // 3.5 -> 4
  EXPECT_EQ(first_column(14, 10), 2);
}

TEST(Preprocess, TheRestOfALongSideIsPaddedWithZeroLessBefore) {
  Image image = Image::make(2, 9, 3);
  std::fill(image.pixels.begin(), image.pixels.end(), 255);
  Preprocess preprocess;
  preprocess.size = 9, preprocess.mode = ResizeMode::kLongest;
  const Image out = preprocess_pixels(image, preprocess);  // rows: 3 before, 4 after
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 9; ++x) EXPECT_EQ(out.at(y, x)[0], y == 3 || y == 4 ? 255 : 0);
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
  EXPECT_EQ(clip_transform(picture("noise", 200'000, 2, 3), 224).size(), 224u * 224 * 3);
}

}  // namespace
}  // namespace cliplab
