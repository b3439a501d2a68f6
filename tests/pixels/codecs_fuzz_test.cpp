// Mutated files through every codec: a picture or one InputError, never a crash, never long. CLIPLAB_FUZZ_INPUTS sets
// the number of inputs a reader.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <functional>

#include "base/error.hpp"
#include "fuzz_inputs.hpp"
#include "pixels/codecs.hpp"
#include "pixels/encoded.hpp"

namespace cliplab {
namespace {

/// A few bytes changed, dropped, doubled or put in; whatever comes out is a picture or an InputError, and
/// soon.
void fuzz(const std::vector<std::string>& seeds, int rounds, const std::function<Image(const std::string&)>& decode) {
  rounds = fuzz_inputs(rounds);
  int decoded = 0, refused = 0;
  double longest_s = 0;
  for (int round = 0; round < rounds; ++round) {
    Rng rng(2021, static_cast<std::uint64_t>(round));
    std::string bytes = seeds[rng.below(seeds.size())];
    for (std::uint64_t edit = 0, edits = 1 + rng.below(8); edit < edits; ++edit) {
      const std::size_t at = rng.below(bytes.size() + 1),
                        count = std::min<std::size_t>(rng.below(16), bytes.size() - at);
      switch (rng.below(5)) {
        case 0:
          bytes.erase(at, count);
          break;
        case 1:
          bytes.insert(at, bytes.substr(at, count));
          break;
        case 2:
          bytes.insert(at, std::string(1, static_cast<char>(rng.below(256))));
          break;
        default:
          if (at < bytes.size())
            bytes[at] = static_cast<char>(rng.below(2) ? rng.below(256) : bytes[at] ^ (1 << rng.below(8)));
      }
      if (bytes.empty()) bytes = "x";
    }
    const std::clock_t start = std::clock();  // processor time: other jobs do not count
    try {
      const Image image = decode(bytes);
      ASSERT_EQ(image.pixels.size(), static_cast<std::size_t>(image.height) * image.width * image.channels);
      ++decoded;
    } catch (const InputError&) {
      ++refused;
    }
    longest_s = std::max(longest_s, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  EXPECT_LT(longest_s, 1.0);
  EXPECT_GT(refused, 0);
  EXPECT_GT(decoded, 0);  // mutations that leave a picture are what reaches the depth of a decoder
  ::testing::Test::RecordProperty("decoded", decoded);
  std::printf("  %d decoded, %d refused, longest %.3f s\n", decoded, refused, longest_s);
}

/// Every chunk's checksum put right, so that what lies behind it is reached.
std::string with_checksums(std::string bytes) {
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    const auto* data = reinterpret_cast<const Bytef*>(bytes.data()) + at;
    const std::size_t size =
        (std::size_t{data[0]} << 24) | (std::size_t{data[1]} << 16) | (std::size_t{data[2]} << 8) | data[3];
    if (size > bytes.size() - at - 12) break;
    const auto crc = ::crc32(0, data + 4, static_cast<uInt>(size + 4));
    bytes.replace(at + 8 + size, 4, big_endian(static_cast<std::uint32_t>(crc)));
    at += size + 12;
  }
  return bytes;
}

TEST(Fuzz, MutatedPngsAreDecodedOrRefused) {
  const std::vector<std::string> seeds{encode_png(noise(9, 7, 3)), encode_png(gradient(40, 30)),
                                       encode_png(noise(5, 11, 4))};
  fuzz(seeds, 2000, [](const std::string& bytes) { return decode_image(bytes, "fuzz", 1 << 24); });
  fuzz(seeds, 4000, [](const std::string& bytes) { return decode_image(with_checksums(bytes), "fuzz", 1 << 24); });
}

TEST(Fuzz, MutatedJpegsAreDecodedOrRefused) {
  fuzz({encode_jpeg(gradient(40, 30), false), encode_jpeg(gradient(40, 30), true), encode_jpeg(noise(17, 19, 3), false),
        encode_jpeg(gradient(16, 16), true, true)},
       4000, [](const std::string& bytes) { return decode_image(bytes, "fuzz", 1 << 24); });
}

TEST(Fuzz, MutatedGifsAreDecodedOrRefused) {
  fuzz({plain_gif(5, 40), plain_gif(1, 1), plain_gif(30, 30)}, 4000,
       [](const std::string& bytes) { return decode_image(bytes, "fuzz", 1 << 24); });
}

TEST(Fuzz, MutatedWebPsAreDecodedOrRefused) {
  fuzz({encode_webp(gradient(40, 30), false), encode_webp(noise(9, 7, 4), false), encode_webp(noise(9, 7, 4), true),
        encode_webp(gradient(16, 16), true)},
       4000, [](const std::string& bytes) { return decode_image(bytes, "fuzz", 1 << 24); });
}

TEST(Fuzz, MutatedSvgsAreDrawnOrRefused) {
  fuzz({std::string(kSvgHead) +
            "viewBox='0 0 10 10'><g transform='rotate(9)'><path d='M1 1L9 1Q5 5 9 9z' fill='#123456' "
            "stroke='red' stroke-width='0.5'/></g><circle r='3' cx='5' cy='5' opacity='.5'/></svg>",
        std::string(kSvgHead) +
            "width='20' height='10'><defs><radialGradient id='g'><stop offset='0' stop-color='#fff'/>"
            "<stop offset='1'/></radialGradient><clipPath id='c'><rect width='5' "
            "height='5'/></clipPath></defs>"
            "<rect width='20' height='10' fill='url(#g)' clip-path='url(#c)'/></svg>"},
       3000, [](const std::string& bytes) { return render_svg(bytes, 32, "fuzz"); });
}

}  // namespace
}  // namespace cliplab
