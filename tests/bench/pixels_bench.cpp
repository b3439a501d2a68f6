// Google Benchmark: a 500 x 375 picture to a square of 224 in each variant of the resampler, and from bytes to floats.
// tests/bench/compare_pixels.py sets real JPEG files against Pillow + torchvision.
#include <benchmark/benchmark.h>

#include "base/rng.hpp"
#include "kernels/normalize.hpp"
#include "pixels/codecs.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

Image noise() {
  Image image = Image::make(375, 500, 3);
  Rng rng(1);
  for (auto& value : image.pixels) value = static_cast<std::uint8_t>(rng.below(256));
  return image;
}

void resample_to_224(benchmark::State& state) {
  const auto simd = static_cast<Simd>(state.range(0));
  if (!has_simd(simd)) return state.SkipWithError("this processor lacks the instructions");
  const Image image = noise();
  for (auto _ : state)
    benchmark::DoNotOptimize(
        resample(image, {375, 224, 0, 224}, {500, 298, 37, 224}, Interpolation::kBicubic, PillowRule::kClassic, simd));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(resample_to_224)
    ->Arg(static_cast<int>(Simd::kScalar))
    ->Arg(static_cast<int>(Simd::kAvx2))
    ->Arg(static_cast<int>(Simd::kAvx512));

void png_to_floats(benchmark::State& state) {
  const std::string bytes = encode_png(noise());
  const NormalizeTable table = make_normalize_table(Normalization{}.mean, Normalization{}.std);
  std::vector<float> floats(3 * 224 * 224);
  for (auto _ : state) {
    const Image square = clip_transform(decode_image(bytes, "png"), 224);
    normalize_cpu(square.pixels.data(), 1, 224, table, floats.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(png_to_floats);

}  // namespace
}  // namespace cliplab
