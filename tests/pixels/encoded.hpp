// Small pictures and their encoded forms, for the tests of the codecs.
#pragma once

#include <webp/encode.h>
#include <zlib.h>

#include <cstdlib>
#include <string>
#include <string_view>

// clang-format off
#include <cstdio>  // before jpeglib.h, which uses it
#include <jpeglib.h>
// clang-format on

#include "base/image.hpp"
#include "base/rng.hpp"

namespace cliplab {

inline constexpr std::string_view kSvgHead = "<svg xmlns='http://www.w3.org/2000/svg' ";

inline Image noise(int height, int width, int channels, std::uint64_t seed = 1) {
  Image image = Image::make(height, width, channels);
  Rng rng(seed);
  for (auto& value : image.pixels) value = static_cast<std::uint8_t>(rng.below(256));
  return image;
}

inline Image gradient(int height, int width) {
  Image image = Image::make(height, width, 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) image.at(y, x)[c] = static_cast<std::uint8_t>(40 + y + x + 30 * c);
  return image;
}

inline std::string encode_jpeg(const Image& image, bool progressive, bool grey = false) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &data, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  if (grey) jpeg_set_colorspace(&info, JCS_GRAYSCALE);
  jpeg_set_quality(&info, 95, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = const_cast<std::uint8_t*>(image.at(static_cast<int>(info.next_scanline), 0));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string bytes(reinterpret_cast<char*>(data), size);
  jpeg_destroy_compress(&info);
  std::free(data);
  return bytes;
}

inline std::string big_endian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

/// `bytes` of a PNG with another width and height in its header, and the checksum put right.
inline std::string with_png_size(std::string bytes, std::uint32_t width, std::uint32_t height) {
  bytes.replace(16, 8, big_endian(width) + big_endian(height));
  const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data() + 12), 17);
  return bytes.replace(29, 4, big_endian(static_cast<std::uint32_t>(crc)));
}

/// A GIF whose codes are bytes: the table never grows, since it is cleared in time.
inline std::string plain_gif(int height, int width) {
  const auto two = [](int value) { return std::string{static_cast<char>(value & 255), static_cast<char>(value >> 8)}; };
  std::string bytes = "GIF89a" + two(width) + two(height) + std::string("\xf6\0\0", 3);  // 128 colours
  for (int i = 0; i < 128; ++i)
    bytes += {static_cast<char>(2 * i), static_cast<char>(255 - i), static_cast<char>(i * i)};
  bytes += "," + two(0) + two(0) + two(width) + two(height) + std::string("\0\x07", 2);
  std::string codes;
  for (int i = 0; i < height * width; ++i) {
    if (i % 100 == 0) codes += '\x80';
    codes += static_cast<char>(i * 7 % 128);
  }
  codes += '\x81';
  for (std::size_t at = 0; at < codes.size(); at += 200) {
    const std::string block = codes.substr(at, 200);
    bytes += static_cast<char>(block.size()) + block;
  }
  return bytes + std::string("\0;", 2);
}

inline std::string encode_webp(const Image& image, bool lossless) {
  std::uint8_t* data = nullptr;
  const int stride = image.width * image.channels;
  const bool alpha = image.channels == 4;
  const std::uint8_t* in = image.pixels.data();
  const std::size_t size =
      lossless
          ? (alpha ? ::WebPEncodeLosslessRGBA : ::WebPEncodeLosslessRGB)(in, image.width, image.height, stride, &data)
          : (alpha ? ::WebPEncodeRGBA : ::WebPEncodeRGB)(in, image.width, image.height, stride, 80, &data);
  std::string bytes(reinterpret_cast<const char*>(data), size);
  ::WebPFree(data);
  return bytes;
}

}  // namespace cliplab
