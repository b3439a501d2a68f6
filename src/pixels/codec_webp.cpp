// WebP by libwebp with its defaults, as Pillow does: lossy and lossless, with alpha, of an animation the first frame on
// its canvas, transparent or black around it.
#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>
#include <string>

#include "base/error.hpp"
#include "pixels/codecs_internal.hpp"

namespace cliplab {

Image decode_webp(std::string_view bytes, const std::string& where, std::int64_t max_pixels) {
  const auto refuse = [&](const char* cause) {
    fail(where, std::string("WebP that cannot be decoded (") + cause + ")", "a whole WebP");
  };
  const WebPData data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data.bytes, data.size, &features) != VP8_STATUS_OK) refuse("a broken header");
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> demuxer(WebPDemux(&data), WebPDemuxDelete);
  if (!demuxer) refuse("cut or broken parts");
  const std::int64_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  const std::int64_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  check_size(height, width, where, max_pixels);
  WebPIterator frame{};
  const std::unique_ptr<WebPIterator, decltype(&WebPDemuxReleaseIterator)> release(&frame, WebPDemuxReleaseIterator);
  if (WebPDemuxGetFrame(demuxer.get(), 1, &frame) == 0) refuse("no frame");
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0 ||
      WebPGetFeatures(frame.fragment.bytes, frame.fragment.size, &config.input) != VP8_STATUS_OK)
    refuse("a broken frame");
  // The decoder writes into the canvas at the place that the container states: that the frame fits is our business.
  if (frame.x_offset < 0 || frame.y_offset < 0 || config.input.width != frame.width ||
      config.input.height != frame.height || std::int64_t{frame.x_offset} + frame.width > width ||
      std::int64_t{frame.y_offset} + frame.height > height)
    refuse("a frame outside the canvas");
  Image image = Image::make(static_cast<int>(height), static_cast<int>(width), features.has_alpha ? 4 : 3);
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * image.channels;
  std::uint8_t* target = image.at(frame.y_offset, frame.x_offset);
  config.output.colorspace = image.channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = target;
  config.output.u.RGBA.stride = static_cast<int>(row_bytes);
  config.output.u.RGBA.size = static_cast<std::size_t>(image.pixels.data() + image.size() - target);
  if (WebPDecode(frame.fragment.bytes, frame.fragment.size, &config) != VP8_STATUS_OK) refuse("broken pixels");
  return image;
}

}  // namespace cliplab
