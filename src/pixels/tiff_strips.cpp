// Compressed strips and tiles by libtiff, from memory, with its errors as ours and its memory limited.
#include <tiffio.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <memory>

#include "pixels/samples.hpp"
#include "pixels/tiff_directory.hpp"

namespace cliplab {
namespace {

struct TiffMemory {
  std::string_view bytes;
  std::uint64_t at = 0;
  char message[160] = "";
};

tmsize_t read_tiff(thandle_t handle, void* out, tmsize_t count) {
  auto& memory = *static_cast<TiffMemory*>(handle);
  const std::uint64_t rest = memory.at < memory.bytes.size() ? memory.bytes.size() - memory.at : 0;
  const std::uint64_t given = std::min<std::uint64_t>(rest, static_cast<std::uint64_t>(std::max<tmsize_t>(count, 0)));
  if (given > 0) std::memcpy(out, memory.bytes.data() + memory.at, given);
  memory.at += given;
  return static_cast<tmsize_t>(given);
}
tmsize_t write_tiff(thandle_t, void*, tmsize_t) { return 0; }
toff_t seek_tiff(thandle_t handle, toff_t offset, int whence) {
  auto& memory = *static_cast<TiffMemory*>(handle);
  memory.at = offset + (whence == SEEK_CUR ? memory.at : whence == SEEK_END ? memory.bytes.size() : 0);
  return memory.at;
}
int close_tiff(thandle_t) { return 0; }
toff_t size_of_tiff(thandle_t handle) { return static_cast<TiffMemory*>(handle)->bytes.size(); }

int keep_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  auto& memory = *static_cast<TiffMemory*>(user);
  if (memory.message[0] == '\0') std::vsnprintf(memory.message, sizeof(memory.message), format, arguments);
  return 1;
}
int keep_quiet(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
struct FreeOptions {
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

/// One picture's parts: which pixels lie where in the buffer that libtiff fills.
struct TiffPart {
  int top = 0, left = 0, height = 0, width = 0;
};

class TiffStrips {
 public:
  TiffStrips(std::string_view bytes, const TiffDirectory& directory, TiffKind& kind,
             const TiffDirectory::Refuse& refuse)
      : memory_{bytes}, kind_(kind), refuse_(refuse) {
    const std::unique_ptr<TIFFOpenOptions, FreeOptions> options(TIFFOpenOptionsAlloc());
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_error, &memory_);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), keep_quiet, nullptr);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), tmsize_t{1} << 31);
    tiff_.reset(TIFFClientOpenExt("tiff", "rm", &memory_, read_tiff, write_tiff, seek_tiff, close_tiff, size_of_tiff,
                                  nullptr, nullptr, options.get()));
    if (!tiff_) fail_of_libtiff();
    check_same();
    // Wide samples come in the machine's order, but Pillow goes on to swap these.
    packing_ = {kind.bits, directory.big_endian() && (kind.bits == 32 || (kind.bits == 16 && kind.is_signed)), false};
    if (kind.bits >= 16 && !packing_.big_endian) packing_.big_endian = std::endian::native == std::endian::big;
  }

  std::vector<std::uint8_t> read() {
    if (kind_.colours == TiffKind::Colours::kYcc) {
      if (kind_.compression != COMPRESSION_JPEG || kind_.planes) return read_rgba();
      TIFFSetField(tiff_.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);  // libjpeg converts, as for a JPEG
    }
    const std::size_t size = unpacked_bytes(kind_.bits) * std::size_t(kind_.samples);
    std::vector<std::uint8_t> samples;
    samples.reserve(size * kind_.width * kind_.height);  // touched as parts arrive
    const int planes = kind_.planes ? kind_.samples : 1;
    if (TIFFIsTiled(tiff_.get()) != 0) {
      std::uint32_t width = 0, height = 0;
      TIFFGetField(tiff_.get(), TIFFTAG_TILEWIDTH, &width);
      TIFFGetField(tiff_.get(), TIFFTAG_TILELENGTH, &height);
      const auto tile_bytes = static_cast<std::size_t>(TIFFTileSize(tiff_.get()));
      const std::size_t row_bytes = packed_bytes(packing_, std::size_t{width} * (kind_.samples / planes));
      if (width == 0 || height == 0 || tile_bytes == 0 || tile_bytes / row_bytes < height) refuse_("tiles of no size");
      for (std::int64_t top = 0; top < kind_.height; top += height)
        for (std::int64_t left = 0; left < kind_.width; left += width) {
          const TiffPart part{static_cast<int>(top), static_cast<int>(left),
                              static_cast<int>(std::min<std::int64_t>(height, kind_.height - top)),
                              static_cast<int>(std::min<std::int64_t>(width, kind_.width - left))};
          for (int plane = 0; plane < planes; ++plane) {
            const auto index = TIFFComputeTile(tiff_.get(), static_cast<std::uint32_t>(left),
                                               static_cast<std::uint32_t>(top), 0, static_cast<std::uint16_t>(plane));
            std::uint8_t* tile = buffer(tile_bytes);
            if (TIFFReadEncodedTile(tiff_.get(), index, tile, static_cast<tmsize_t>(tile_bytes)) < 0) fail_of_libtiff();
            place(part, plane, planes, row_bytes, samples);
          }
        }
    } else {
      std::uint32_t rows = 0;
      TIFFGetFieldDefaulted(tiff_.get(), TIFFTAG_ROWSPERSTRIP, &rows);
      rows = std::min(rows, static_cast<std::uint32_t>(kind_.height));
      const auto strip_bytes = static_cast<std::size_t>(TIFFStripSize(tiff_.get()));
      const std::size_t row_bytes = packed_bytes(packing_, std::size_t(kind_.width) * (kind_.samples / planes));
      if (rows == 0 || strip_bytes == 0 || strip_bytes / row_bytes < rows) refuse_("strips of no size");
      for (std::int64_t top = 0; top < kind_.height; top += rows) {
        const TiffPart part{static_cast<int>(top), 0,
                            static_cast<int>(std::min<std::int64_t>(rows, kind_.height - top)), kind_.width};
        for (int plane = 0; plane < planes; ++plane) {
          const auto index =
              TIFFComputeStrip(tiff_.get(), static_cast<std::uint32_t>(top), static_cast<std::uint16_t>(plane));
          std::uint8_t* strip = buffer(strip_bytes);
          if (TIFFReadEncodedStrip(tiff_.get(), index, strip, static_cast<tmsize_t>(strip_bytes)) < 0)
            fail_of_libtiff();
          place(part, plane, planes, row_bytes, samples);
        }
      }
    }
    return samples;
  }

 private:
  [[noreturn]] void fail_of_libtiff() {
    refuse_(memory_.message[0] != '\0' ? memory_.message : "damaged pixels");
    throw;  // refuse_ has thrown
  }

  /// libtiff's view of the file must be ours: sizes are computed from both.
  void check_same() {
    std::uint32_t width = 0, height = 0;
    std::uint16_t bits = 0, samples = 0, planar = 0, compression = 0;
    TIFFGetField(tiff_.get(), TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff_.get(), TIFFTAG_IMAGELENGTH, &height);
    TIFFGetFieldDefaulted(tiff_.get(), TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(tiff_.get(), TIFFTAG_SAMPLESPERPIXEL, &samples);
    TIFFGetFieldDefaulted(tiff_.get(), TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetFieldDefaulted(tiff_.get(), TIFFTAG_COMPRESSION, &compression);
    const bool dropped = planar == PLANARCONFIG_SEPARATE && samples > kind_.samples;  // planes that are not looked at
    if (width != static_cast<std::uint32_t>(kind_.width) || height != static_cast<std::uint32_t>(kind_.height) ||
        bits != kind_.bits || (samples != kind_.samples && !dropped) ||
        (planar == PLANARCONFIG_SEPARATE) != kind_.planes || compression != kind_.compression)
      refuse_("a directory that libtiff reads in another way");
  }

  /// libtiff fills it, or fails.
  std::uint8_t* buffer(std::size_t size) {
    if (size > buffer_size_) buffer_ = std::make_unique_for_overwrite<std::uint8_t[]>(size), buffer_size_ = size;
    return buffer_.get();
  }

  /// Unpacks the buffer's rows to their place.
  void place(const TiffPart& part, int plane, int planes, std::size_t row_bytes, std::vector<std::uint8_t>& samples) {
    const std::size_t size = unpacked_bytes(kind_.bits), pixel = size * kind_.samples;
    const std::size_t end = pixel * kind_.width * (std::size_t(part.top) + part.height);
    if (samples.size() < end) samples.resize(end);
    for (int y = 0; y < part.height; ++y) {
      std::uint8_t* out = samples.data() + (std::size_t(part.top + y) * kind_.width + part.left) * pixel + plane * size;
      const std::size_t count = std::size_t(part.width) * (kind_.samples / planes);
      unpack(packing_, buffer_.get() + y * row_bytes, count, out, planes > 1 ? kind_.samples : 1);
    }
  }

  /// YCbCr in strips or tiles of any sampling: libtiff's own conversion, as Pillow takes it.
  std::vector<std::uint8_t> read_rgba() {
    char message[1024] = "";
    TIFFRGBAImage image;
    if (TIFFRGBAImageBegin(&image, tiff_.get(), 0, message) == 0) refuse_(message);
    image.orientation = image.req_orientation = ORIENTATION_TOPLEFT;  // turned later
    const std::size_t count = std::size_t(kind_.width) * kind_.height;
    const auto raster = std::make_unique_for_overwrite<std::uint32_t[]>(count);
    std::fill_n(raster.get(), count, 0);  // libtiff goes on behind a damaged strip, as Pillow lets it
    const bool done = TIFFRGBAImageGet(&image, raster.get(), static_cast<std::uint32_t>(kind_.width),
                                       static_cast<std::uint32_t>(kind_.height)) != 0;
    TIFFRGBAImageEnd(&image);
    if (!done) fail_of_libtiff();
    std::vector<std::uint8_t> samples(count * 3);
    for (std::size_t i = 0; i < count; ++i) {
      samples[3 * i] = static_cast<std::uint8_t>(TIFFGetR(raster[i]));
      samples[3 * i + 1] = static_cast<std::uint8_t>(TIFFGetG(raster[i]));
      samples[3 * i + 2] = static_cast<std::uint8_t>(TIFFGetB(raster[i]));
    }
    return samples;
  }

  TiffMemory memory_;
  TiffKind& kind_;
  const TiffDirectory::Refuse& refuse_;
  Packing packing_;
  std::unique_ptr<TIFF, CloseTiff> tiff_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t buffer_size_ = 0;
};

}  // namespace

std::vector<std::uint8_t> read_compressed_tiff(std::string_view bytes, const TiffDirectory& directory, TiffKind& kind,
                                               const TiffDirectory::Refuse& refuse) {
  return TiffStrips(bytes, directory, kind, refuse).read();
}

}  // namespace cliplab
