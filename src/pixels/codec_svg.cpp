// SVG by librsvg and cairo. The document is given as bytes without a base address, so it can reach neither
// files nor the network. cairo's pixels are premultiplied; ours have straight alpha. Text is drawn in the fonts of
// data/fonts whatever the machine has installed: a corpus is the same bits everywhere.
#include <fontconfig/fontconfig.h>
#include <librsvg/rsvg.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/files.hpp"
#include "pixels/codecs.hpp"

namespace cliplab {
namespace {

/// Makes data/fonts all that fontconfig, and Pango by it, knows; the first of all threads does it for the process.
void use_own_fonts() {
  [[maybe_unused]] static const bool kDone = [] {
    const std::filesystem::path folder = project_root() / "data/fonts";
    FcConfig* config = FcConfigCreate();  // empty: neither the system's fonts nor its rules
    for (const char* face : {"", "-Bold", "-Oblique", "-BoldOblique"}) {
      const std::string file = (folder / ("DejaVuSans" + std::string(face) + ".ttf")).string();
      if (!FcConfigAppFontAddFile(config, reinterpret_cast<const FcChar8*>(file.c_str())))
        fail(file, "no font", "DejaVu Sans", "run ./cliplab, which takes it from the matplotlib wheel");
    }
    FcConfigSetCurrent(config);
    FcConfigDestroy(config);  // our reference; fontconfig keeps its own
    return true;
  }();
}

}  // namespace

Image render_svg(std::string_view bytes, int size, const std::string& where) {
  assert(size > 0 && size <= 16384);
  const auto refuse = [&](const std::string& cause) {
    fail(where, "SVG that cannot be drawn (" + cause + ")", "a whole SVG");
  };
  GError* error = nullptr;
  const auto take_message = [&] {  // one line; libxml2's end with a line break
    std::string message = error != nullptr ? error->message : "unknown cause";
    g_clear_error(&error);
    std::replace(message.begin(), message.end(), '\n', ' ');
    return message.erase(message.find_last_not_of(' ') + 1);
  };
  if (bytes.empty()) refuse("an empty file");
  use_own_fonts();
  const std::unique_ptr<RsvgHandle, decltype(&g_object_unref)> handle(
      rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(bytes.data()), bytes.size(), &error), g_object_unref);
  if (!handle) refuse(take_message());
  const std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)> surface(
      cairo_image_surface_create(CAIRO_FORMAT_ARGB32, size, size), cairo_surface_destroy);
  const std::unique_ptr<cairo_t, decltype(&cairo_destroy)> cairo(cairo_create(surface.get()), cairo_destroy);
  const RsvgRectangle viewport{0, 0, static_cast<double>(size), static_cast<double>(size)};
  if (!rsvg_handle_render_document(handle.get(), cairo.get(), &viewport, &error)) refuse(take_message());
  cairo_surface_flush(surface.get());
  if (const cairo_status_t status = cairo_surface_status(surface.get()); status != CAIRO_STATUS_SUCCESS)
    refuse(cairo_status_to_string(status));

  const unsigned char* data = cairo_image_surface_get_data(surface.get());
  const std::ptrdiff_t stride = cairo_image_surface_get_stride(surface.get());
  Image image = Image::make(size, size, 4);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      std::uint32_t argb;  // premultiplied, native byte order
      std::memcpy(&argb, data + y * stride + 4 * x, sizeof argb);
      const int alpha = static_cast<int>(argb >> 24);
      std::uint8_t* out = image.at(y, x);
      for (int c = 0; c < 3; ++c) {
        const int value = static_cast<int>(argb >> (16 - 8 * c)) & 255;
        out[c] = static_cast<std::uint8_t>(alpha == 0 ? 0 : std::min(255, (value * 255 + alpha / 2) / alpha));
      }
      out[3] = static_cast<std::uint8_t>(alpha);
    }
  return image;
}

}  // namespace cliplab
