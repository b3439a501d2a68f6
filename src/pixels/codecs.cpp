// Chooses the decoder by the first bytes, never by the file's name.
#include "pixels/codecs.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "pixels/codecs_internal.hpp"

namespace cliplab {
namespace {

using namespace std::string_view_literals;
using DecodeFunction = Image (*)(std::string_view, const std::string&, std::int64_t);

struct Format {
  std::string_view begin;
  DecodeFunction decode;
};
constexpr std::array<Format, 13> kFormats{{{"\x89PNG\r\n\x1a\n"sv, decode_png},
                                           {"\xff\xd8\xff"sv, decode_jpeg},
                                           {"GIF87a"sv, decode_gif},
                                           {"GIF89a"sv, decode_gif},
                                           {"BM"sv, decode_bmp},
                                           {"II*\0"sv, decode_tiff},
                                           {"MM\0*"sv, decode_tiff},
                                           {"II\0*"sv, decode_tiff},
                                           {"MM*\0"sv, decode_tiff},
                                           {"II+\0"sv, decode_tiff},
                                           {"MM\0+"sv, decode_tiff},
                                           {"\0\0\0\x0cjP  \r\n\x87\n"sv, decode_jpeg2000},
                                           {"\xff\x4f\xff\x51"sv, decode_jpeg2000}}};

/// Formats that are not read, to be named in the message.
struct Known {
  std::string_view begin, name;
};
constexpr std::array<Known, 16> kKnown{{{"\xff\x0a"sv, "JPEG XL"},
                                        {"\0\0\0\x0cJXL \r\n\x87\n"sv, "JPEG XL"},
                                        {"8BPS"sv, "Photoshop (PSD)"},
                                        {"%PDF"sv, "PDF"},
                                        {"%!PS"sv, "PostScript"},
                                        {"\0\0\1\0"sv, "ICO"},
                                        {"\0\0\2\0"sv, "CUR"},
                                        {"qoif"sv, "QOI"},
                                        {"DDS "sv, "DDS"},
                                        {"Pf"sv, "PFM"},
                                        {"PF"sv, "PFM"},
                                        {"P7"sv, "PAM"},
                                        {"<svg"sv, "SVG"},
                                        {"<?xml"sv, "XML or SVG"},
                                        {"<!DOCTYPE"sv, "a web page"},
                                        {"<html"sv, "a web page"}}};

/// "AVIF", "HEIC" or another format in ISO boxes; empty for others. The brand is the third word.
std::string box_format(std::string_view bytes) {
  if (bytes.size() < 12 || bytes.substr(4, 4) != "ftyp") return {};
  const std::string_view brand = bytes.substr(8, 4);
  if (brand == "avif" || brand == "avis") return "AVIF";
  if (brand.starts_with("hei") || brand.starts_with("hev")) return "HEIC";
  if (brand == "mif1" || brand == "msf1") return "HEIF or AVIF";
  return "a video or another file of ISO boxes";
}

}  // namespace

void check_size(std::int64_t height, std::int64_t width, const std::string& where, std::int64_t max_pixels) {
  // Four bytes a pixel must stay addressable by the int offsets of a row.
  max_pixels = std::min<std::int64_t>(max_pixels, (std::int64_t{1} << 31) / 4 - 1);
  if (height > 0 && width > 0 && height <= max_pixels / width) return;
  fail(where, std::to_string(width) + " x " + std::to_string(height) + " pixels",
       "an image of 1 to " + std::to_string(max_pixels) + " pixels");
}

Image decode_image(std::string_view bytes, const std::string& where, std::int64_t max_pixels) {
  for (const Format& format : kFormats)
    if (bytes.starts_with(format.begin)) return format.decode(bytes, where, max_pixels);
  if (bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8).starts_with("WEBP"))
    return decode_webp(bytes, where, max_pixels);
  if (bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
      " \t\n\v\f\r"sv.find(bytes[2]) != std::string_view::npos)
    return decode_pnm(bytes, where, max_pixels);
  std::string name = box_format(bytes);
  for (const Known& known : kKnown)
    if (bytes.starts_with(known.begin)) name = known.name;
  fail(where,
       bytes.empty()  ? "an empty file"
       : name.empty() ? "none of these by its first bytes"
                      : name + ", which is not read",
       "JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, PGM, PBM or JPEG 2000", name.empty() ? "" : "convert it to PNG");
}

}  // namespace cliplab
