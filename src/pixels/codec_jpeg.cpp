// JPEG by libjpeg-turbo with its defaults (accurate DCT, fancy upsampling), which is what Pillow does. CMYK
// and YCCK give inks and, by Pillow's rule, RGB; each is taken as stored inverted, Adobe marker or not.
// libjpeg reports errors by longjmp: the functions it may jump in have plain locals only. A file that ends
// early is an error here, though libjpeg fills it up.
#include <csetjmp>
#include <string>
#include <vector>

// clang-format off
#include <cstdio>  // before jpeglib.h, which uses it
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include "base/error.hpp"
#include "pixels/codecs_internal.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

/// A progressive file needs about ten; each one costs a walk over the whole image.
constexpr int kMaxScans = 100;

struct Decoder {
  Decoder() { info.err = jpeg_std_error(&errors); }
  ~Decoder() { jpeg_destroy_decompress(&info); }  // harmless before jpeg_create_decompress: mem is null
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = "";
};

Decoder& decoder_of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

[[noreturn]] void on_error(j_common_ptr info) {
  (*info->err->format_message)(info, decoder_of(info).message);
  std::longjmp(decoder_of(info).jump, 1);
}

/// Warnings of data that stops too early are errors; the others Pillow lives with, and so do we.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  const int code = info->err->msg_code;
  if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER) on_error(info);
}

void on_progress(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
  std::snprintf(decoder_of(info).message, JMSG_LENGTH_MAX, "more than %d scans", kMaxScans);
  std::longjmp(decoder_of(info).jump, 1);
}

bool read_header(Decoder& decoder, std::string_view bytes) {
  if (setjmp(decoder.jump)) return false;
  jpeg_decompress_struct& info = decoder.info;
  info.client_data = &decoder;
  decoder.errors.error_exit = on_error;
  decoder.errors.emit_message = on_message;
  jpeg_create_decompress(&info);  // keeps err and client_data
  decoder.progress.progress_monitor = on_progress;
  info.progress = &decoder.progress;
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&info, TRUE);
  info.out_color_space = info.num_components == 4 ? JCS_CMYK : JCS_RGB;
  return true;
}

bool read_pixels(Decoder& decoder, Image& image) {
  if (setjmp(decoder.jump)) return false;
  jpeg_decompress_struct& info = decoder.info;
  jpeg_start_decompress(&info);
  // CMYK is read as inks, which decode_jpeg turns to RGB. Reserved whole, touched row by row: a short file that
  // claims to be large costs no memory.
  std::vector<std::uint8_t>& target = info.out_color_space == JCS_CMYK ? image.native : image.pixels;
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * info.output_components;
  target.reserve(row_bytes * image.height);
  while (info.output_scanline < info.output_height) {
    const std::size_t begin = row_bytes * info.output_scanline;
    target.resize(begin + row_bytes);
    JSAMPROW row = target.data() + begin;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  return true;
}

}  // namespace

Image decode_jpeg(std::string_view bytes, const std::string& where, std::int64_t max_pixels) {
  const auto refuse = [&](const char* cause) {
    fail(where, std::string("JPEG that cannot be decoded (") + cause + ")", "a whole JPEG");
  };
  Decoder decoder;
  if (!read_header(decoder, bytes)) refuse(decoder.message);
  check_size(decoder.info.image_height, decoder.info.image_width, where, max_pixels);
  // A Huffman-coded block of 8 x 8 costs a bit at least, 512 pixels a byte (sampling may make that 2048): a
  // shorter file is cut or made up, and a progressive one would take memory for all of its coefficients
  // before it shows.
  const std::size_t pixels = std::size_t{decoder.info.image_height} * decoder.info.image_width;
  if (!decoder.info.arith_code && pixels / 2048 > bytes.size()) refuse("too short for its size");
  Image image{static_cast<int>(decoder.info.image_height), static_cast<int>(decoder.info.image_width), 3, {}};
  if (decoder.info.num_components == 1) image.mode = PixelMode::kGrey;
  if (decoder.info.num_components == 4) image.mode = PixelMode::kCmyk;
  if (!read_pixels(decoder, image)) refuse(decoder.message);
  if (image.mode == PixelMode::kCmyk) {
    for (std::uint8_t& ink : image.native) ink = static_cast<std::uint8_t>(255 - ink);
    image.pixels = inks_to_rgb(image.native);
  }
  return image;
}

}  // namespace cliplab
