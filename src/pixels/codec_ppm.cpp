// Binary PPM of 8 bits, the format of GTSRB's traffic signs: "P6", width, height, 255, one space, the pixels.
#include <cctype>

#include "base/error.hpp"
#include "pixels/codecs_internal.hpp"

namespace cliplab {
namespace {

/// The next number of the header, past spaces and comments; -1 when there is none.
std::int64_t take_number(std::string_view bytes, std::size_t& at) {
  while (at < bytes.size() && (std::isspace(static_cast<unsigned char>(bytes[at])) || bytes[at] == '#')) {
    if (bytes[at] == '#') at = std::min(bytes.find('\n', at), bytes.size() - 1);
    ++at;
  }
  std::int64_t value = -1;
  for (int digits = 0; at < bytes.size() && std::isdigit(static_cast<unsigned char>(bytes[at])) && digits < 9;
       ++at, ++digits)
    value = (value < 0 ? 0 : value) * 10 + (bytes[at] - '0');
  return value;
}

}  // namespace

Image decode_ppm(std::string_view bytes, const std::string& where, std::int64_t max_pixels) {
  std::size_t at = 2;
  const std::int64_t width = take_number(bytes, at), height = take_number(bytes, at), most = take_number(bytes, at);
  if (most != 255) fail(where, "a PPM whose header is cut or of other than 8 bits", "P6 with width, height and 255");
  check_size(height, width, where, max_pixels);
  ++at;  // the one space
  Image image = Image::make(static_cast<int>(height), static_cast<int>(width), 3);
  if (at > bytes.size() || bytes.size() - at < image.size())
    fail(where, "a PPM that ends before its last pixel", std::to_string(image.size()) + " bytes of pixels");
  image.pixels.assign(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                      bytes.begin() + static_cast<std::ptrdiff_t>(at + image.size()));
  return image;
}

}  // namespace cliplab
