// The vector code against the plain loops, and the plain loops against the definition of the passes.
#include "pixels/resize.hpp"

#include <gtest/gtest.h>

#include "base/rng.hpp"
#include "pixels/resize_passes.hpp"

namespace cliplab {
namespace {

struct Shape {
  int height, width, out_height, out_width;
};

Image noise(int height, int width, int channels, Rng& rng) {
  Image image = Image::make(height, width, channels);
  const bool binary = rng.below(2) == 0;  // 0 and 255 only: overshoots and clips
  for (auto& value : image.pixels) value = static_cast<std::uint8_t>(binary ? rng.below(2) * 255 : rng.below(256));
  return image;
}

std::vector<Shape> shapes(Rng& rng) {
  std::vector<Shape> all{{375, 500, 224, 299}, {500, 375, 299, 224}, {32, 32, 224, 224},  {224, 500, 224, 224},
                         {500, 224, 224, 224}, {1, 1, 7, 9},         {1, 300, 8, 8},      {300, 1, 8, 8},
                         {900, 100, 100, 90},  {3000, 4, 9, 9},      {4, 3000, 9, 11},    {64, 64, 448, 384},
                         {17, 23, 17, 5},      {29, 31, 3, 31},      {2000, 1500, 30, 22}};
  const auto side = [&] { return 1 + static_cast<int>(rng.below(120)); };
  for (int i = 0; i < 200; ++i) all.push_back({side(), side(), side(), side()});
  return all;
}

class Resize : public ::testing::TestWithParam<Simd> {};

TEST_P(Resize, EveryVariantEqualsThePlainLoops) {
  if (!has_simd(GetParam())) GTEST_SKIP() << "this processor lacks the instructions";
  Rng rng(5);
  for (const Shape& s : shapes(rng))
    for (const int channels : {1, 3, 4})
      for (const auto interpolation : {Interpolation::kBicubic, Interpolation::kBilinear})
        for (const auto rule : {PillowRule::kClassic, PillowRule::k13}) {
          const Image image = noise(s.height, s.width, channels, rng);
          const int rows = 1 + static_cast<int>(rng.below(s.out_height)),
                    columns = 1 + static_cast<int>(rng.below(s.out_width));
          const ResizeAxis vertical{s.height, s.out_height, static_cast<int>(rng.below(s.out_height - rows + 1)), rows};
          const ResizeAxis horizontal{s.width, s.out_width, static_cast<int>(rng.below(s.out_width - columns + 1)),
                                      columns};
          const Image expected = resample(image, vertical, horizontal, interpolation, rule, Simd::kScalar);
          const Image found = resample(image, vertical, horizontal, interpolation, rule, GetParam());
          ASSERT_EQ(found.pixels, expected.pixels) << s.height << " x " << s.width << " to " << s.out_height << " x "
                                                   << s.out_width << ", " << channels << " channels";
        }
}

INSTANTIATE_TEST_SUITE_P(Variants, Resize, ::testing::Values(Simd::kAvx2, Simd::kAvx512),
                         [](const auto& info) { return info.param == Simd::kAvx2 ? "Avx2" : "Avx512"; });

/// The negative twin: a kernel whose largest weight of one pixel is off by 1 % gives other bytes in every variant.
TEST(ResizePasses, OneTapOffByOnePercentShows) {
  Rng rng(6);
  const Image image = noise(40, 64, 3, rng);
  const std::int32_t one = 1 << kResizePrecision;
  Kernel kernel{{}, {}, 4};
  for (int i = 0; i < 20; ++i) {
    kernel.taps.push_back({i + 3, 3});
    kernel.weights.insert(kernel.weights.end(), {one / 4, one / 2, one / 4, 0});
  }
  Kernel off = kernel;
  off.weights[10 * 4 + 1] += one / 200;
  const PixelRows rows{image.pixels.data(), 64 * 3, image.pixels.data() + image.size()};
  std::vector<const Passes*> variants{&kScalarPasses};
#ifdef __x86_64__
  if (has_simd(Simd::kAvx2)) variants.push_back(&kAvx2Passes);
  if (has_simd(Simd::kAvx512)) variants.push_back(&kAvx512Passes);
#endif
  for (const Passes* passes : variants) {
    const auto across = [&](const Kernel& k) {
      std::vector<std::uint8_t> out(40 * 20 * 3);
      passes->horizontal(rows, 40, 3, k, out.data());
      return out;
    };
    const auto down = [&](const Kernel& k) {
      std::vector<std::uint8_t> out(20 * 64 * 3);
      passes->vertical(rows, 64 * 3, k, out.data());
      return out;
    };
    EXPECT_NE(across(off), across(kernel));
    EXPECT_NE(down(off), down(kernel));
    for (int x = 0; x < 64 * 3; ++x) {  // the definition, on one row
      const int sum = rows.row(13)[x] + 2 * rows.row(14)[x] + rows.row(15)[x];
      ASSERT_EQ(down(kernel)[10 * 64 * 3 + x], (sum + 2) / 4);
    }
  }
}

TEST(PillowRules, DifferOnTallImagesOnlyAndSwapThePasses) {
  Rng rng(7);
  const auto both = [&](int height, int width, int out_height, int out_width) {
    const Image image = noise(height, width, 3, rng);
    const ResizeAxis rows{height, out_height, 0, out_height}, columns{width, out_width, 0, out_width};
    const auto run = [&](PillowRule rule) { return resample(image, rows, columns, Interpolation::kBicubic, rule); };
    const ResizeAxis whole_columns{width, width, 0, width};
    const Image low = resample(image, rows, whole_columns, Interpolation::kBicubic, PillowRule::kClassic);
    const Image vertical_first =
        resample(low, {out_height, out_height, 0, out_height}, columns, Interpolation::kBicubic, PillowRule::kClassic);
    EXPECT_NE(run(PillowRule::kClassic).pixels, vertical_first.pixels);
    return std::pair{run(PillowRule::k13).pixels == run(PillowRule::kClassic).pixels,
                     run(PillowRule::k13).pixels == vertical_first.pixels};
  };
  EXPECT_EQ(both(400, 300, 224, 168), std::pair(true, false));   // 176 <= 2 * 132
  EXPECT_EQ(both(1000, 300, 600, 180), std::pair(false, true));  // 400 > 2 * 120
  EXPECT_EQ(both(340, 300, 100, 180), std::pair(true, false));   // 240 = 2 * 120: not more
  EXPECT_EQ(both(341, 300, 100, 180), std::pair(false, true));
  EXPECT_EQ(both(100, 30, 99, 60), std::pair(false, true));  // a width that grows counts as 0
}

TEST(Nearest, TakesThePixelUnderTheMiddle) {
  Image row = Image::make(1, 10, 3);
  for (int x = 0; x < 10; ++x) row.at(0, x)[0] = static_cast<std::uint8_t>(x);
  const Image small = pick_nearest(row, {1, 1, 0, 1}, {10, 4, 1, 3});  // middles at 1.25, 3.75, 6.25, 8.75
  EXPECT_EQ(small.at(0, 0)[0], 3);
  EXPECT_EQ(small.at(0, 1)[0], 6);
  EXPECT_EQ(small.at(0, 2)[0], 8);
}

}  // namespace
}  // namespace cliplab
