// Round trips, limits, cut files. That the pixels are Pillow's is checked by
// tests/parity/test_preprocess_parity.py, which has Pillow to make the kinds that we only read.
#include "pixels/codecs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "pixels/encoded.hpp"

/// fontconfig, behind SVG text, keeps its configuration until the process ends; librsvg 2.54 forgets 100
/// bytes of libxml2's for each entity that a drawing declares, also one that is drawn.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig\nleak:xmlParseEntityValue\n"; }

namespace cliplab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}
std::string decode_error(std::string_view bytes, std::int64_t max_pixels = 1 << 24) {
  return message_of([&] { decode_image(bytes, "file.x", max_pixels); });
}
std::string svg_error(std::string_view bytes) {
  return message_of([&] { render_svg(bytes, 16, "file.svg"); });
}

TEST(Png, RoundTripKeepsEveryPixelAndTheBytesAreStable) {
  for (const int channels : {3, 4})
    for (const auto& [height, width] : {std::pair{1, 1}, {1, 70}, {70, 1}, {37, 53}, {200, 300}}) {
      const Image image = noise(height, width, channels);
      const std::string bytes = encode_png(image);
      const Image read = decode_image(bytes, "round trip");
      ASSERT_EQ(read.height, height);
      ASSERT_EQ(read.width, width);
      ASSERT_EQ(read.channels, channels);
      EXPECT_EQ(read.pixels, image.pixels);
      EXPECT_EQ(encode_png(read), bytes);
    }
}

TEST(Png, TooManyPixelsAreRefusedBeforeMemoryIsTaken) {
  const std::string bytes = encode_png(noise(4, 4, 3));
  EXPECT_THAT(decode_error(bytes, 15), AllOf(StartsWith("file.x: 4 x 4 pixels, expected "), HasSubstr("15")));
  EXPECT_EQ(decode_error(bytes, 16), "no error");
  EXPECT_THAT(decode_error(with_png_size(bytes, 2000000000, 2000000000), std::int64_t{1} << 62), HasSubstr("pixels"));
  EXPECT_THAT(decode_error(with_png_size(bytes, 13000, 13000), 178956970), HasSubstr("too short for its size"));
}

TEST(Jpeg, DecodesNearTheOriginal) {
  const Image image = gradient(50, 70);
  for (const bool progressive : {false, true}) {
    const Image read = decode_image(encode_jpeg(image, progressive), "a");
    ASSERT_EQ(read.pixels.size(), image.pixels.size());
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
      ASSERT_NEAR(read.pixels[i], image.pixels[i], 6) << i;  // quality 95 on a smooth picture
    const Image grey = decode_image(encode_jpeg(image, progressive, true), "a");
    ASSERT_EQ(grey.channels, 3);
    EXPECT_EQ(grey.at(3, 4)[0], grey.at(3, 4)[2]);
  }
}

TEST(Jpeg, TooManyPixelsAreRefused) {
  std::string bytes = encode_jpeg(gradient(50, 70), true);
  EXPECT_THAT(decode_error(bytes, 3499), HasSubstr("70 x 50 pixels"));
  const std::size_t frame = bytes.find("\xff\xc2");
  ASSERT_NE(frame, std::string::npos);
  bytes.replace(frame + 5, 4, "\x0a\x28\xfd\xe8", 4);  // 65000 x 2600
  EXPECT_THAT(decode_error(bytes, 178956970), HasSubstr("too short for its size"));
}

TEST(Jpeg, StrayBytesBetweenMarkersAreNoReasonToRefuse) {
  const std::string bytes = encode_jpeg(gradient(20, 20), false);
  const std::string stray = bytes.substr(0, 20) + std::string(5, '\x11') + bytes.substr(20);  // after the JFIF segment
  EXPECT_EQ(decode_image(stray, "a").pixels, decode_image(bytes, "a").pixels);
  EXPECT_EQ(decode_image(bytes + "behind the end", "a").pixels, decode_image(bytes, "a").pixels);
}

TEST(Jpeg, EndlessScansAreRefused) {
  // A progressive file whose first scan comes again and again: each one costs a walk over all blocks.
  const std::string bytes = encode_jpeg(gradient(64, 64), true);
  const std::size_t first = bytes.find("\xff\xda");
  std::size_t end = first + 2;
  while (bytes[end] != '\xff' || bytes[end + 1] == '\0') ++end;
  std::string many = bytes.substr(0, bytes.size() - 2);
  for (int i = 0; i < 80; ++i) many += bytes.substr(first, end - first);
  EXPECT_EQ(decode_error(many + "\xff\xd9"), "no error");
  for (int i = 0; i < 80; ++i) many += bytes.substr(first, end - first);
  EXPECT_THAT(decode_error(many + "\xff\xd9"), HasSubstr("more than 100 scans"));
}

TEST(Decode, EveryCutIsRefusedInOneLineThatNamesTheFileOrLosesNoPixel) {
  const Image image = gradient(24, 20);
  for (const std::string& bytes :
       {encode_png(image), encode_jpeg(image, false), encode_jpeg(image, true), encode_webp(image, false)})
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const std::string message = decode_error(std::string_view(bytes).substr(0, size));
      if (message == "no error") {  // Pillow needs no bytes behind the last pixel
        ASSERT_GT(size + 64, bytes.size());
        ASSERT_EQ(decode_image(bytes.substr(0, size), "a").pixels, decode_image(bytes, "a").pixels);
        continue;
      }
      ASSERT_THAT(message, AllOf(StartsWith("file.x: "), HasSubstr(", expected "))) << size << " of " << bytes.size();
      ASSERT_EQ(message.find('\n'), std::string::npos);
    }
}

TEST(Decode, OtherFilesAreRefused) {
  EXPECT_THAT(decode_error(""), HasSubstr("an empty file"));
  EXPECT_THAT(decode_error(".........."), HasSubstr("none of these by its first bytes"));
  EXPECT_THAT(decode_error(std::string_view("\0\0\0\x18"
                                            "ftypavif\0\0\0\0",
                                            16)),
              HasSubstr("AVIF, which is not read"));
}

TEST(Svg, IsDrawnWholeCentredAndTransparentOutside) {
  // 100 x 50 in a square of 40: rows 10..29 are the picture.
  const std::string box = "><rect width='100' height='50' fill='#ff0000'/></svg>";
  for (const std::string& size : {std::string("viewBox='0 0 100 50'"), std::string("width='100' height='50'"),
                                  std::string("width='200' height='100' viewBox='0 0 100 50'")}) {
    const Image image = render_svg(std::string(kSvgHead) + size + box, 40, "a.svg");
    ASSERT_EQ(image.channels, 4);
    for (int y = 0; y < 40; ++y)
      for (int x = 0; x < 40; ++x) {
        const bool inside = y >= 10 && y < 30;
        ASSERT_EQ(image.at(y, x)[3], inside ? 255 : 0) << size << " at " << y << ", " << x;
        ASSERT_EQ(image.at(y, x)[0], inside ? 255 : 0);
      }
  }
}

TEST(Svg, AlphaIsStraight) {
  const Image image = render_svg(
      std::string(kSvgHead) + "viewBox='0 0 1 1'><rect width='1' height='1' fill='#f08' fill-opacity='0.5'/></svg>", 4,
      "a.svg");
  const std::uint8_t* pixel = image.at(2, 2);
  EXPECT_NEAR(pixel[3], 128, 1);
  EXPECT_NEAR(pixel[0], 255, 1);
  EXPECT_NEAR(pixel[2], 136, 1);
}

TEST(Svg, TextIsDrawnInTheProjectsFontWhateverTheMachineHas) {
  ::setenv("FONTCONFIG_FILE", "/dev/null", 1);  // a machine without fonts
  const auto drawn = [](const std::string& family) {
    return render_svg(std::string(kSvgHead) + "viewBox='0 0 100 40'><text y='30' font-size='30' font-family='" +
                          family + "'>Clip</text></svg>",
                      64, "a.svg");
  };
  const Image own = drawn("DejaVu Sans");
  EXPECT_GT(std::count_if(own.pixels.begin(), own.pixels.end(), [](std::uint8_t v) { return v > 128; }), 100);
  for (const char* family : {"Arial", "DejaVu Serif", "monospace"})
    EXPECT_EQ(drawn(family).pixels, own.pixels) << family;
}

TEST(Svg, ReachesNoFiles) {
  const auto folder = std::filesystem::temp_directory_path() / ("cliplab_svg_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "a.png", encode_png(noise(8, 8, 3)));
  write_file_atomically(folder / "a.svg",
                        std::string(kSvgHead) + "viewBox='0 0 1 1'><rect width='1' height='1'/></svg>");
  for (const std::string& address : {"file://" + (folder / "a.png").string(), (folder / "a.png").string(),
                                     "file://" + (folder / "a.svg").string()}) {
    const Image image = render_svg(std::string(kSvgHead) +
                                       "xmlns:xlink='http://www.w3.org/1999/xlink' viewBox='0 0 8 8'>"
                                       "<image xlink:href='" +
                                       address + "' width='8' height='8'/></svg>",
                                   8, "a.svg");
    for (const std::uint8_t value : image.pixels) ASSERT_EQ(value, 0) << address;
  }
  const std::string entity = "<!DOCTYPE svg [<!ENTITY e SYSTEM 'file:///etc/hostname'>]>" + std::string(kSvgHead) +
                             "viewBox='0 0 9 9'><text y='9'>&e;</text></svg>";
  message_of([&] {  // refused or drawn without it
    for (const std::uint8_t value : render_svg(entity, 8, "a.svg").pixels) EXPECT_EQ(value, 0);
  });
  std::filesystem::remove_all(folder);
}

TEST(Svg, BrokenOnesAreRefusedInOneLine) {
  std::string nested(kSvgHead);
  nested += ">";
  for (int i = 0; i < 100'000; ++i) nested += "<g>";
  std::string laughs = "<!DOCTYPE svg [<!ENTITY a0 'aaaaaaaaaa'>";
  for (int i = 1; i < 10; ++i) {
    laughs += "<!ENTITY a" + std::to_string(i) + " '";
    for (int k = 0; k < 10; ++k) laughs += "&a" + std::to_string(i - 1) + ";";
    laughs += "'>";
  }
  laughs += "]>" + std::string(kSvgHead) + "viewBox='0 0 9 9'><text>&a9;</text></svg>";
  for (const std::string& bytes : {std::string(), std::string(" "), std::string("<svg"), std::string("not xml"),
                                   std::string("<a></a>"), std::string(kSvgHead) + ">", nested, laughs}) {
    const std::string message = svg_error(bytes);
    EXPECT_THAT(message, AllOf(StartsWith("file.svg: "), HasSubstr(", expected "))) << bytes.substr(0, 40);
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(Svg, ThreadsDrawTheSame) {
  const std::string bytes = std::string(kSvgHead) +
                            "viewBox='0 0 9 9'><defs><linearGradient id='g'><stop stop-color='red'/><stop offset='1' "
                            "stop-color='blue'/>"
                            "</linearGradient><filter id='f'><feGaussianBlur stdDeviation='0.5'/></filter></defs>"
                            "<circle cx='4' cy='4' r='3' fill='url(#g)' filter='url(#f)'/><text x='1' y='8' "
                            "font-size='4'>ab</text></svg>";
  const Image expected = render_svg(bytes, 48, "a.svg");
  std::vector<Image> images(64);
  parallel_for(64, [&](std::int64_t i) { images[i] = render_svg(bytes, 48, "a.svg"); });
  for (const Image& image : images) EXPECT_EQ(image.pixels, expected.pixels);
}

TEST(Gif, FirstFrameIsDecodedAsAPalette) {
  const Image image = decode_image(plain_gif(5, 40), "a.gif");
  ASSERT_EQ(image.height, 5);
  ASSERT_EQ(image.width, 40);
  EXPECT_EQ(image.mode, PixelMode::kPalette);
  for (int i = 0; i < 200; ++i) {
    const int colour = i * 7 % 128;
    ASSERT_EQ(image.at(i / 40, i % 40)[0], 2 * colour) << i;
    ASSERT_EQ(image.at(i / 40, i % 40)[1], 255 - colour) << i;
  }
}

TEST(WebP, LosslessKeepsEveryPixel) {
  for (const int channels : {3, 4}) {
    Image image = noise(31, 17, channels);
    for (std::size_t i = 3; channels == 4 && i < image.pixels.size(); i += 4)
      image.pixels[i] |= 1;  // clear pixels lose their colour
    const Image decoded = decode_image(encode_webp(image, true), "a.webp");
    ASSERT_EQ(decoded.channels, channels);
    EXPECT_EQ(decoded.pixels, image.pixels);
  }
}

TEST(WebP, AndGifOfTooManyPixelsAreRefused) {
  const auto message = [](const std::string& bytes) { return message_of([&] { decode_image(bytes, "file", 100); }); };
  EXPECT_THAT(message(plain_gif(5, 40)), HasSubstr("40 x 5 pixels"));
  EXPECT_THAT(message(encode_webp(noise(31, 17, 3), true)), HasSubstr("17 x 31 pixels"));
}

}  // namespace
}  // namespace cliplab
