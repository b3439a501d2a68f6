// JPEG 2000 by OpenJPEG, files and bare codestreams: one to four components of the picture's size, grey or RGB with or
// without alpha, scaled to 8 bits as Pillow does; grey of more bits is Pillow's I;16.
#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "pixels/codecs_internal.hpp"
#include "pixels/samples.hpp"

namespace cliplab {
namespace {

struct J2kMemory {
  std::string_view bytes;
  std::size_t at = 0;
};

OPJ_SIZE_T read_j2k(void* out, OPJ_SIZE_T count, void* user) {
  auto& memory = *static_cast<J2kMemory*>(user);
  const std::size_t given = std::min(count, memory.bytes.size() - memory.at);
  if (given == 0) return static_cast<OPJ_SIZE_T>(-1);
  std::memcpy(out, memory.bytes.data() + memory.at, given);
  memory.at += given;
  return given;
}
OPJ_OFF_T skip_j2k(OPJ_OFF_T count, void* user) {
  auto& memory = *static_cast<J2kMemory*>(user);
  if (count < 0) return -1;
  const std::size_t skipped = std::min(static_cast<std::size_t>(count), memory.bytes.size() - memory.at);
  memory.at += skipped;
  return skipped == 0 && count > 0 ? -1 : static_cast<OPJ_OFF_T>(skipped);
}
OPJ_BOOL seek_j2k(OPJ_OFF_T to, void* user) {
  auto& memory = *static_cast<J2kMemory*>(user);
  if (to < 0 || static_cast<std::size_t>(to) > memory.bytes.size()) return OPJ_FALSE;
  memory.at = static_cast<std::size_t>(to);
  return OPJ_TRUE;
}
void keep_j2k_error(const char* text, void* user) {
  auto& message = *static_cast<std::string*>(user);
  if (message.empty()) message.assign(text, std::strcspn(text, "\n"));
}
void keep_j2k_quiet(const char*, void*) {}

/// A sample scaled to `bits`, rounded where that drops bits.
int scaled_sample(const opj_image_comp_t& component, std::size_t i, int bits) {
  const int shift = bits - static_cast<int>(component.prec);
  int value = component.data[i] + (component.sgnd != 0 ? 1 << (component.prec - 1) : 0);
  value = shift >= 0 ? value << shift : (value + (1 << (-shift - 1))) >> -shift;
  return std::clamp(value, 0, (1 << bits) - 1);
}

}  // namespace

Image decode_jpeg2000(std::string_view bytes, const std::string& where, std::int64_t max_pixels) {
  const auto refuse = [&](const std::string& cause) {
    fail(where, "JPEG 2000 that cannot be decoded (" + cause + ")", "a whole JPEG 2000 in grey or RGB");
  };
  J2kMemory memory{bytes};
  std::string message;
  const bool bare = bytes.starts_with("\xff\x4f\xff\x51");
  const std::unique_ptr<opj_stream_t, decltype(&opj_stream_destroy)> stream(opj_stream_default_create(OPJ_TRUE),
                                                                            opj_stream_destroy);
  const std::unique_ptr<opj_codec_t, decltype(&opj_destroy_codec)> codec(
      opj_create_decompress(bare ? OPJ_CODEC_J2K : OPJ_CODEC_JP2), opj_destroy_codec);
  opj_stream_set_user_data(stream.get(), &memory, nullptr);
  opj_stream_set_user_data_length(stream.get(), bytes.size());
  opj_stream_set_read_function(stream.get(), read_j2k);
  opj_stream_set_skip_function(stream.get(), skip_j2k);
  opj_stream_set_seek_function(stream.get(), seek_j2k);
  opj_set_error_handler(codec.get(), keep_j2k_error, &message);
  opj_set_warning_handler(codec.get(), keep_j2k_quiet, nullptr);
  opj_set_info_handler(codec.get(), keep_j2k_quiet, nullptr);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_image_t* raw = nullptr;
  const bool opened = opj_setup_decoder(codec.get(), &parameters) != OPJ_FALSE &&
                      opj_read_header(stream.get(), codec.get(), &raw) != OPJ_FALSE;
  const std::unique_ptr<opj_image_t, decltype(&opj_image_destroy)> picture(raw, opj_image_destroy);
  if (!opened) refuse(message.empty() ? "a broken header" : message);
  const std::int64_t width = std::int64_t{picture->x1} - picture->x0, height = std::int64_t{picture->y1} - picture->y0;
  check_size(height, width, where, max_pixels);
  // Codes of empty blocks cost next to nothing, but a file of some bytes for 30 million pixels is made up.
  if (static_cast<std::size_t>(width * height) / 20000 > bytes.size() + kSmallPicture / 64)
    refuse("too short for its size");
  const unsigned samples = picture->numcomps;
  if (samples < 1 || samples > 4) refuse(std::to_string(samples) + " components");
  for (unsigned c = 0; c < samples; ++c)
    if (picture->comps[c].dx != 1 || picture->comps[c].dy != 1 || picture->comps[c].prec < 1 ||
        picture->comps[c].prec > 16)
      refuse("components of smaller size or of more than 16 bits");
  if (opj_decode(codec.get(), stream.get(), picture.get()) == OPJ_FALSE)
    refuse(message.empty() ? "damaged pixels" : message);
  if (picture->numcomps != samples) refuse("a palette");
  const OPJ_COLOR_SPACE space = picture->color_space;
  if (space == OPJ_CLRSPC_CMYK || space == OPJ_CLRSPC_SYCC || space == OPJ_CLRSPC_EYCC)
    refuse("colours other than grey and RGB");
  const std::size_t count = static_cast<std::size_t>(width * height);
  for (unsigned c = 0; c < samples; ++c)
    if (picture->comps[c].data == nullptr || picture->comps[c].w != width || picture->comps[c].h != height)
      refuse("components of different sizes");
  const int rows = static_cast<int>(height), columns = static_cast<int>(width);
  if (samples == 1 && picture->comps[0].prec > 8) {
    std::vector<std::uint8_t> wide(count * 2);
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = static_cast<std::uint16_t>(scaled_sample(picture->comps[0], i, 16));
      std::memcpy(wide.data() + 2 * i, &value, 2);
    }
    return wide_image(std::move(wide), rows, columns, PixelMode::kGrey16);
  }
  Image image = Image::make(rows, columns, samples % 2 == 0 ? 4 : 3);
  if (samples < 3) image.mode = samples == 1 ? PixelMode::kGrey : PixelMode::kGreyAlpha;
  for (int c = 0; c < image.channels; ++c) {
    const opj_image_comp_t& component = picture->comps[samples >= 3 ? c : c == 3 ? 1 : 0];
    for (std::size_t i = 0; i < count; ++i)
      image.pixels[i * image.channels + c] = static_cast<std::uint8_t>(scaled_sample(component, i, 8));
  }
  return image;
}

}  // namespace cliplab
