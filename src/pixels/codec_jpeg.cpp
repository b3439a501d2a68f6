// JPEG by libjpeg-turbo with its defaults (accurate DCT, fancy upsampling), which is what Pillow does. CMYK
// and YCCK give inks and, by Pillow's rule, RGB; each is taken as stored inverted, Adobe marker or not.
// libjpeg reports errors by longjmp: the functions it may jump in have plain locals only. Damage is treated as Pillow
// does: the file must hold data for its last row, what follows may be absent; where a marker ends the data too early,
// libjpeg fills the picture up; it goes on behind damaged codes.
#include <algorithm>
#include <csetjmp>
#include <string>
#include <vector>

// clang-format off
#include <cstdio>  // before jpeglib.h, which uses it
#include <jpeglib.h>
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
  jpeg_source_mgr source{};
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = "";
};

Decoder& decoder_of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

[[noreturn]] void on_error(j_common_ptr info) {
  (*info->err->format_message)(info, decoder_of(info).message);
  std::longjmp(decoder_of(info).jump, 1);
}

void on_message(j_common_ptr, int) {}  // a warning: Pillow lives with it, and so do we

// The source is the whole file. At its end at_end() returns FALSE, "no bytes yet", and libjpeg suspends: this is how a
// file cut short is noticed. libjpeg's own source in memory would put an end marker there and fill the picture up.
void begin_source(j_decompress_ptr) {}
boolean at_end(j_decompress_ptr) { return FALSE; }
void skip_bytes(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  const std::size_t skipped = std::min(static_cast<std::size_t>(count), info->src->bytes_in_buffer);
  info->src->next_input_byte += skipped;
  info->src->bytes_in_buffer -= skipped;
}

void on_progress(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
  std::snprintf(decoder_of(info).message, JMSG_LENGTH_MAX, "more than %d scans", kMaxScans);
  std::longjmp(decoder_of(info).jump, 1);
}

bool too_short(Decoder& decoder) {
  std::snprintf(decoder.message, JMSG_LENGTH_MAX, "ends too early");
  return false;
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
  decoder.source = {reinterpret_cast<const JOCTET*>(bytes.data()),
                    bytes.size(),
                    begin_source,
                    at_end,
                    skip_bytes,
                    jpeg_resync_to_restart,
                    begin_source};
  info.src = &decoder.source;
  int found = JPEG_HEADER_TABLES_ONLY;
  while (found == JPEG_HEADER_TABLES_ONLY) found = jpeg_read_header(&info, FALSE);
  if (found == JPEG_SUSPENDED) return too_short(decoder);
  info.out_color_space = info.num_components == 4 ? JCS_CMYK : JCS_RGB;
  return true;
}

bool read_pixels(Decoder& decoder, Image& image) {
  if (setjmp(decoder.jump)) return false;
  jpeg_decompress_struct& info = decoder.info;
  if (jpeg_start_decompress(&info) == FALSE) return too_short(decoder);
  // CMYK is read as inks, which decode_jpeg turns to RGB. Reserved whole, touched row by row: a short file that
  // claims to be large costs no memory.
  std::vector<std::uint8_t>& target = info.out_color_space == JCS_CMYK ? image.native : image.pixels;
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * info.output_components;
  target.reserve(row_bytes * image.height);
  while (info.output_scanline < info.output_height) {
    const std::size_t begin = row_bytes * info.output_scanline;
    target.resize(begin + row_bytes);
    JSAMPROW row = target.data() + begin;
    if (jpeg_read_scanlines(&info, &row, 1) == 0) return too_short(decoder);
  }
  jpeg_finish_decompress(&info);  // whether or not there is an end marker
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
  // before it shows. An end marker in the middle also makes shorter files, which Pillow reads: small ones are read.
  const std::size_t pixels = std::size_t{decoder.info.image_height} * decoder.info.image_width;
  if (!decoder.info.arith_code && pixels / 2048 > bytes.size() + kSmallPicture / 4) refuse("too short for its size");
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
