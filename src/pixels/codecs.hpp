// Encoded bytes to pixels and back: PNG (libpng), JPEG (libjpeg-turbo), WebP (libwebp), GIF (giflib), TIFF (libtiff),
// JPEG 2000 (OpenJPEG), BMP, PBM, PGM, PPM, SVG (librsvg). Input is hostile: sizes are limited before memory is taken,
// and each failure is one InputError that names `where`.
#pragma once

#include <string>
#include <string_view>

#include "base/image.hpp"

namespace cliplab {

/// PNG, JPEG, WebP, GIF, BMP, TIFF, PBM, PGM, PPM or JPEG 2000 by its first bytes; of several pages or frames the
/// first. Damaged files are read, or refused, as Pillow does; a TIFF is turned by its orientation, as Pillow does.
/// Returns RGB, or RGBA where the file has transparency (palette, grey and 16-bit are converted; 16 bit keeps the high
/// byte), and in `mode` and `native` what preprocess.hpp needs to do as Pillow does. At most `max_pixels`, for each of
/// which up to 12 bytes are taken. EXIF orientation is ignored, as Pillow does.
Image decode_image(std::string_view bytes, const std::string& where, std::int64_t max_pixels = 178956970);

/// RGB or RGBA to PNG; the same pixels give the same bytes.
std::string encode_png(const Image& image);

/// Draws an SVG into a size x size RGBA canvas, whole and centred, aspect kept, transparent outside.
Image render_svg(std::string_view bytes, int size, const std::string& where);

}  // namespace cliplab
