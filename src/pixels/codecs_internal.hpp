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
Image decode_ppm(std::string_view bytes, const std::string& where, std::int64_t max_pixels);

/// Throws InputError when there are no pixels or more than `max_pixels`; decoders call it before they take
/// memory.
void check_size(std::int64_t height, std::int64_t width, const std::string& where, std::int64_t max_pixels);

}  // namespace cliplab
