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

TEST(Fuzz, MutatedBmpsPnmsAndTiffsAreDecodedOrRefused) {
  const auto little = [](std::uint32_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(i < 4 ? value >> (8 * i) : 0);
    return text;
  };
  const auto bmp = [&](std::uint32_t bits, std::uint32_t compression, const std::string& rest) {
    const std::uint32_t palette = bits == 8 ? 1024 : 0;
    return "BM" + little(0, 8) + little(54 + palette, 4) + little(40, 4) + little(8, 4) + little(5, 4) + little(1, 2) +
           little(bits, 2) + little(compression, 4) + little(0, 20) + std::string(palette, '\x33') + rest;
  };
  const std::string pixels(200, '\x5a');
  std::string tiff = std::string("II*\0\x08\0\0\0", 8) + little(8, 2);
  const std::uint32_t fields[8][2] = {{256, 8}, {257, 5}, {258, 8}, {259, 1}, {262, 1}, {273, 120}, {277, 1}, {278, 5}};
  for (const auto& [tag, value] : fields) tiff += little(tag, 2) + little(4, 2) + little(1, 4) + little(value, 4);
  tiff.resize(120, '\0');
  std::string packed = tiff;
  packed[10 + 12 * 3 + 8] = 5;  // LZW
  fuzz({bmp(24, 0, pixels), bmp(8, 0, pixels), bmp(16, 0, pixels),
        bmp(8, 1, std::string("\x08\x01\0\0\x08\x02\0\0\0\x02\0\x03", 12)), "P5 8 5 255 " + pixels,
        "P6\n# c\n8 5 65535\n" + pixels + pixels, "P2 3 2 9 1 2 3 4 5 6", "P1 4 2 10101010", "P4 8 5 " + pixels,
        tiff + pixels, packed + std::string("\x80\x0b\x60\x50\x38\x24\x16\x0d\x07\x84\x42", 11)},
       6000, [](const std::string& bytes) { return decode_image(bytes, "fuzz", 1 << 22); });
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
