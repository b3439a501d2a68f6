// One decoder a format, for codecs.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/image.hpp"

namespace cliplab {

Image decode_png(std::string_view bytes, const std::string& where, std::int64_t max_pixels);
Image decode_jpeg(std::string_view bytes, const std::string& where, std::int64_t max_pixels);
Image decode_webp(std::string_view bytes, const std::string& where, std::int64_t max_pixels);
Image decode_gif(std::string_view bytes, const std::string& where, std::int64_t max_pixels);
Image decode_pnm(std::string_view bytes, const std::string& where, std::int64_t max_pixels);
Image decode_bmp(std::string_view bytes, const std::string& where, std::int64_t max_pixels);
Image decode_tiff(std::string_view bytes, const std::string& where, std::int64_t max_pixels);
Image decode_jpeg2000(std::string_view bytes, const std::string& where, std::int64_t max_pixels);

/// A file that is at most this much shorter than the least that its picture needs may still be tried: of damaged ones
/// Pillow reads some, and they cost little memory.
inline constexpr std::size_t kSmallPicture = 1 << 16;

/// Throws InputError when there are no pixels or more than `max_pixels`; decoders call it before they take
/// memory.
void check_size(std::int64_t height, std::int64_t width, const std::string& where, std::int64_t max_pixels);

}  // namespace cliplab
