// PNG by libpng, to RGB or RGBA of 8 bits; 16-bit grey also keeps its values, since OpenAI's order resizes them. libpng
// reports errors by longjmp: each part that may jump is a function with plain locals only, and what needs a destructor
// lives in its caller. png_chunks.hpp hands it the chunks that make pixels alone; gamma and profiles are ignored, as
// Pillow does. What libpng finds damaged is inflated by Pillow's rules and handed to it again.
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "pixels/codecs_internal.hpp"
#include "pixels/png_chunks.hpp"

namespace cliplab {
namespace {

struct Message {
  char text[160] = "";
  bool warned = false;
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  std::strncpy(static_cast<Message*>(png_get_error_ptr(png))->text, message, sizeof(Message::text) - 1);
  png_longjmp(png, 1);
}
void on_warning(png_structp png, png_const_charp) { static_cast<Message*>(png_get_error_ptr(png))->warned = true; }

constexpr std::string_view kEnd("\0\0\0\0IEND\xae\x42\x60\x82", 12);

struct Reader {
  explicit Reader(std::vector<std::string_view> parts) : rest(std::move(parts)) {}
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  std::vector<std::string_view> rest;  // to be read one after the other
  std::size_t next = 0;
  Message message;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &message, on_error, on_warning);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
};

void read_bytes(png_structp png, png_bytep out, std::size_t count) {
  auto& reader = *static_cast<Reader*>(png_get_io_ptr(png));
  while (count > 0) {
    if (reader.next == reader.rest.size()) png_error(png, "ends too early");
    std::string_view& part = reader.rest[reader.next];
    const std::size_t given = std::min(count, part.size());
    std::memcpy(out, part.data(), given);
    part.remove_prefix(given);
    out += given, count -= given;
    if (part.empty()) ++reader.next;
  }
}

struct Layout {
  std::int64_t height = 0, width = 0;
  bool alpha = false;
  PixelMode mode = PixelMode::kRgb;
  std::vector<std::uint8_t> palette = {0, 0, 0};  // three bytes a colour
};

/// Pillow's table (PngImagePlugin _MODES): 16-bit grey with alpha is RGBA there, a grey or colour key no alpha.
PixelMode mode_of(int colour_type, int depth) {
  switch (colour_type) {
    case PNG_COLOR_TYPE_GRAY:
      return depth == 1 ? PixelMode::kBilevel : depth == 16 ? PixelMode::kGrey16 : PixelMode::kGrey;
    case PNG_COLOR_TYPE_GRAY_ALPHA:
      return depth == 16 ? PixelMode::kRgba : PixelMode::kGreyAlpha;
    case PNG_COLOR_TYPE_PALETTE:
      return PixelMode::kPalette;
    default:
      return colour_type == PNG_COLOR_TYPE_RGB_ALPHA ? PixelMode::kRgba : PixelMode::kRgb;
  }
}

bool read_layout(Reader& reader, Layout& layout) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_crc_action(reader.png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);  // of the pixels: Pillow does not look either
  png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);     // check_size is the limit
  png_set_chunk_malloc_max(reader.png, 1u << 20);
  png_set_read_fn(reader.png, &reader, read_bytes);
  png_read_info(reader.png, reader.info);
  layout.height = png_get_image_height(reader.png, reader.info);
  layout.width = png_get_image_width(reader.png, reader.info);
  layout.alpha = (png_get_color_type(reader.png, reader.info) & PNG_COLOR_MASK_ALPHA) != 0 ||
                 png_get_valid(reader.png, reader.info, PNG_INFO_tRNS) != 0;
  layout.mode = mode_of(png_get_color_type(reader.png, reader.info), png_get_bit_depth(reader.png, reader.info));
  png_colorp palette = nullptr;
  int colours = 0;
  if (png_get_PLTE(reader.png, reader.info, &palette, &colours) != 0 && colours > 0) layout.palette.clear();
  for (int i = 0; i < colours; ++i)
    layout.palette.insert(layout.palette.end(), {palette[i].red, palette[i].green, palette[i].blue});
  return true;
}

/// Rows of `row_bytes` into `target`, with 16-bit samples cut to their high byte unless `wide` is set.
bool read_rows(Reader& reader, bool wide, std::size_t row_bytes, int height, std::uint8_t* target) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_expand(reader.png);  // palette and small depths to 8 bit, tRNS to alpha
  if (wide) {
    png_set_swap(reader.png);
  } else {
    png_set_strip_16(reader.png);
    png_set_gray_to_rgb(reader.png);
  }
  const int passes = png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  if (png_get_rowbytes(reader.png, reader.info) != row_bytes) png_error(reader.png, "an unknown pixel layout");
  for (int pass = 0; pass < passes; ++pass)
    for (int row = 0; row < height; ++row) png_read_row(reader.png, target + row * row_bytes, nullptr);
  return !reader.message.warned;
}

/// [pixels] of grey, or grey and alpha, in 16 bits: the values to `native`, their high bytes to `pixels`.
void spread_grey16(const std::vector<std::uint8_t>& wide, Image& image) {
  const std::size_t step = image.channels == 4 ? 4 : 2, count = wide.size() / step;
  image.native.resize(count * 2);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* in = wide.data() + i * step;
    std::uint8_t* out = image.pixels.data() + i * image.channels;
    image.native[2 * i] = in[0], image.native[2 * i + 1] = in[1];
    out[0] = out[1] = out[2] = in[1];
    if (image.channels == 4) out[3] = in[3];
  }
}

/// False, with the cause, for what libpng refuses or warns of.
bool read_image(std::vector<std::string_view> parts, Image& image, std::string& cause) {
  Reader reader(std::move(parts));
  Layout layout;
  const auto failed = [&] {
    if (reader.message.text[0] != '\0') cause = reader.message.text;
    return false;
  };
  if (reader.info == nullptr || !read_layout(reader, layout)) return failed();
  image = Image::make(static_cast<int>(layout.height), static_cast<int>(layout.width), layout.alpha ? 4 : 3);
  image.mode = layout.mode;
  const bool wide = layout.mode == PixelMode::kGrey16;
  const std::size_t row_bytes =
      static_cast<std::size_t>(image.width) * (wide ? (layout.alpha ? 4 : 2) : image.channels);
  std::vector<std::uint8_t> samples(wide ? row_bytes * image.height : 0);
  if (!read_rows(reader, wide, row_bytes, image.height, wide ? samples.data() : image.pixels.data())) return failed();
  if (wide) spread_grey16(samples, image);
  if (layout.mode == PixelMode::kPalette) image.native = layout.palette;
  return true;
}

/// A chunk IDAT of these bytes, stored as they are.
std::string stored_chunk(const std::string& rows) {
  uLongf size = ::compressBound(static_cast<uLong>(rows.size()));
  std::string chunk(8 + size + 4, '\0');
  if (::compress2(reinterpret_cast<Bytef*>(chunk.data()) + 8, &size, reinterpret_cast<const Bytef*>(rows.data()),
                  static_cast<uLong>(rows.size()), Z_NO_COMPRESSION) != Z_OK)
    fail("zlib", "no memory", "room for the rows of a PNG");
  chunk.resize(8 + size + 4);
  for (int i = 0; i < 4; ++i) chunk[i] = static_cast<char>(size >> (24 - 8 * i));
  return chunk.replace(4, 4, "IDAT");
}

struct Writer {
  Writer() = default;
  ~Writer() { png_destroy_write_struct(&png, &info); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  std::string bytes;
  Message message;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &message, on_error, on_warning);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
};

void write_bytes(png_structp png, png_bytep data, std::size_t count) {
  static_cast<Writer*>(png_get_io_ptr(png))->bytes.append(reinterpret_cast<const char*>(data), count);
}

bool write_pixels(Writer& writer, const Image& image) {
  if (setjmp(png_jmpbuf(writer.png))) return false;
  png_set_write_fn(writer.png, &writer, write_bytes, [](png_structp) {});
  png_set_user_limits(writer.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_compression_level(writer.png, 6);
  png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height),
               8, image.channels == 4 ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writer.png, writer.info);
  for (int row = 0; row < image.height; ++row) png_write_row(writer.png, image.at(row, 0));
  png_write_end(writer.png, nullptr);
  return true;
}

}  // namespace

Image decode_png(std::string_view bytes, const std::string& where, std::int64_t max_pixels) {
  const auto refuse = [&](const std::string& cause) {
    fail(where, "PNG that cannot be decoded (" + cause + ")", "a whole PNG");
  };
  PngChunks chunks(bytes, refuse);
  check_size(chunks.height(), chunks.width(), where, max_pixels);
  // Deflate packs at most 1032 bytes into one: a short file that claims more pixels is cut (or made up).
  if (std::uint64_t{chunks.width()} * chunks.height() * chunks.bits() / 8 / 1032 > bytes.size() + kSmallPicture)
    refuse("too short for its size");
  const std::string head = chunks.head();
  Image image;
  std::string cause = "damaged pixels";
  if (chunks.whole()) {
    std::vector<std::string_view> parts{head};
    for (const std::string_view data : chunks.data()) {
      parts.emplace_back(data.data() - 8, data.size() + 8);
      parts.push_back(kEnd.substr(0, 4));  // for the checksum
    }
    parts.push_back(kEnd);
    if (read_image(std::move(parts), image, cause)) {
      chunks.check_tail(chunks.data().size() - 1);
      return image;
    }
  }
  const std::string data = stored_chunk(chunks.inflate_rows());
  if (!read_image({head, data, kEnd}, image, cause)) refuse(cause);
  return image;
}

std::string encode_png(const Image& image) {
  assert(image.channels == 3 || image.channels == 4);
  assert(image.height > 0 && image.width > 0);
  Writer writer;
  if (writer.info == nullptr || !write_pixels(writer, image))
    fail("encode_png", writer.message.text, "memory for a PNG");
  return std::move(writer.bytes);
}

}  // namespace cliplab
