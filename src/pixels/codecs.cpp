// Chooses the decoder by the first bytes, never by the file's name.
#include "pixels/codecs.hpp"

#include <algorithm>
#include <cctype>

#include "base/error.hpp"
#include "pixels/codecs_internal.hpp"

namespace cliplab {

void check_size(std::int64_t height, std::int64_t width, const std::string& where, std::int64_t max_pixels) {
  // Four bytes a pixel must stay addressable by the int offsets of a row.
  max_pixels = std::min<std::int64_t>(max_pixels, (std::int64_t{1} << 31) / 4 - 1);
  if (height > 0 && width > 0 && height <= max_pixels / width) return;
  fail(where, std::to_string(width) + " x " + std::to_string(height) + " pixels",
       "an image of 1 to " + std::to_string(max_pixels) + " pixels");
}

Image decode_image(std::string_view bytes, const std::string& where, std::int64_t max_pixels) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return decode_png(bytes, where, max_pixels);
  if (bytes.starts_with("\xff\xd8\xff")) return decode_jpeg(bytes, where, max_pixels);
  if (bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8).starts_with("WEBP"))
    return decode_webp(bytes, where, max_pixels);
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a")) return decode_gif(bytes, where, max_pixels);
  if (bytes.starts_with("P6") && bytes.size() > 2 && std::isspace(static_cast<unsigned char>(bytes[2])))
    return decode_ppm(bytes, where, max_pixels);
  fail(where, bytes.empty() ? "an empty file" : "neither PNG, JPEG, WebP, GIF nor PPM by its first bytes", "an image");
}

}  // namespace cliplab
