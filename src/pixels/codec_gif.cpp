// GIF by giflib: the first frame on its screen, as Pillow's first frame. A palette that names each grey by itself is no
// palette (mode L); the screen grows to hold the frame; around the frame lies the transparent index, or 0.
#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "base/error.hpp"
#include "pixels/codecs_internal.hpp"

namespace cliplab {
namespace {

int read_bytes(GifFileType* gif, GifByteType* out, int count) {
  auto& rest = *static_cast<std::string_view*>(gif->UserData);
  const std::size_t given = std::min(rest.size(), static_cast<std::size_t>(count));
  std::memcpy(out, rest.data(), given);
  rest.remove_prefix(given);
  return static_cast<int>(given);
}

struct CloseGif {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

/// Reads up to the first frame's description; returns its transparent index, or -1.
int find_frame(GifFileType* gif, const auto& refuse) {
  int transparent = -1;
  for (GifRecordType record = UNDEFINED_RECORD_TYPE; record != IMAGE_DESC_RECORD_TYPE;) {
    if (DGifGetRecordType(gif, &record) == GIF_ERROR) refuse(GifErrorString(gif->Error));
    if (record == TERMINATE_RECORD_TYPE) refuse("no frame");
    if (record != EXTENSION_RECORD_TYPE) continue;
    int code = 0;
    GifByteType* block = nullptr;  // its length, then its bytes
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) refuse(GifErrorString(gif->Error));
    if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr && block[0] >= 4 && (block[1] & 1) != 0)
      transparent = block[4];
    while (block != nullptr)
      if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) refuse(GifErrorString(gif->Error));
  }
  if (DGifGetImageDesc(gif) == GIF_ERROR) refuse(GifErrorString(gif->Error));
  return transparent;
}

bool is_grey_ramp(const ColorMapObject& map) {
  for (int i = 0; i < map.ColorCount; ++i)
    if (map.Colors[i].Red != i || map.Colors[i].Green != i || map.Colors[i].Blue != i) return false;
  return true;
}

}  // namespace

Image decode_gif(std::string_view bytes, const std::string& where, std::int64_t max_pixels) {
  const auto refuse = [&](const char* cause) {
    fail(where, std::string("GIF that cannot be decoded (") + (cause != nullptr ? cause : "broken") + ")",
         "a whole GIF");
  };
  std::string_view rest = bytes;
  int error = 0;
  const std::unique_ptr<GifFileType, CloseGif> gif(DGifOpen(&rest, read_bytes, &error));
  if (!gif) refuse(GifErrorString(error));
  const int transparent = find_frame(gif.get(), refuse);
  const GifImageDesc& frame = gif->Image;
  const std::int64_t height = std::max(gif->SHeight, frame.Top + frame.Height);
  const std::int64_t width = std::max(gif->SWidth, frame.Left + frame.Width);
  check_size(height, width, where, max_pixels);
  check_size(frame.Height, frame.Width, where, max_pixels);
  // A code of 3 bits or more stands for at most 4095 pixels.
  if (std::int64_t{frame.Height} * frame.Width / (4095 * 8 / 3) > std::ssize(bytes)) refuse("too short for its size");

  std::vector<std::uint8_t> indices(static_cast<std::size_t>(height) * width,
                                    static_cast<std::uint8_t>(std::max(transparent, 0)));
  const auto read_row = [&](int row) {
    GifPixelType* target = indices.data() + static_cast<std::size_t>(frame.Top + row) * width + frame.Left;
    if (DGifGetLine(gif.get(), target, frame.Width) == GIF_ERROR) refuse(GifErrorString(gif->Error));
  };
  struct Pass {
    int first, step;
  };
  constexpr std::array<Pass, 4> kInterlaced{{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  constexpr std::array<Pass, 1> kPlain{{{0, 1}}};
  for (const Pass pass : frame.Interlace ? std::span<const Pass>(kInterlaced) : std::span<const Pass>(kPlain))
    for (int row = pass.first; row < frame.Height; row += pass.step) read_row(row);

  std::array<std::array<std::uint8_t, 4>, 256> colours;  // beyond the palette: black, as Pillow
  colours.fill({0, 0, 0, 255});
  const ColorMapObject* map = frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap;
  const bool grey = map == nullptr || is_grey_ramp(*map);
  for (int i = 0; i < 256; ++i) {
    const auto value = static_cast<std::uint8_t>(i);
    if (grey)
      colours[i] = {value, value, value, 255};
    else if (i < map->ColorCount)
      colours[i] = {map->Colors[i].Red, map->Colors[i].Green, map->Colors[i].Blue, 255};
  }
  if (transparent >= 0) colours[transparent][3] = 0;
  Image image = Image::make(static_cast<int>(height), static_cast<int>(width), transparent >= 0 ? 4 : 3);
  image.mode = grey ? PixelMode::kGrey : PixelMode::kPalette;
  if (!grey)
    for (const auto& colour : colours) image.native.insert(image.native.end(), colour.begin(), colour.begin() + 3);
  for (std::size_t i = 0; i < indices.size(); ++i)
    std::copy_n(colours[indices[i]].begin(), image.channels, image.pixels.data() + i * image.channels);
  return image;
}

}  // namespace cliplab
