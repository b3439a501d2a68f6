// The first directory of a TIFF or BigTIFF, with Pillow's defaults. libtiff has a reader of its own, which adds and
// mends fields; here they must stand as they are in the file, because they decide what the pixels mean.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

namespace tiff {
enum Tag : std::uint16_t {
  kWidth = 256,
  kHeight = 257,
  kBits = 258,
  kCompression = 259,
  kPhotometric = 262,
  kFillOrder = 266,
  kStripOffsets = 273,
  kOrientation = 274,
  kSamples = 277,
  kRowsPerStrip = 278,
  kPlanar = 284,
  kColourMap = 320,
  kTileWidth = 322,
  kTileHeight = 323,
  kTileOffsets = 324,
  kExtraSamples = 338,
  kSampleFormat = 339,
};
}  // namespace tiff

class TiffDirectory {
 public:
  using Refuse = std::function<void(const std::string& cause)>;

  /// `bytes` must outlive the object.
  TiffDirectory(std::string_view bytes, const Refuse& refuse);

  bool big_endian() const { return big_endian_; }
  bool has(tiff::Tag tag) const { return entries_.contains(tag); }
  /// All values of a field; empty where it is absent or holds no integers.
  std::vector<std::uint64_t> numbers(tiff::Tag tag) const;
  /// The first one, or `usual`.
  std::uint64_t number(tiff::Tag tag, std::uint64_t usual) const;

 private:
  struct Entry {
    int type = 0;
    std::string_view data;
  };
  std::uint64_t read(std::string_view bytes, std::size_t at, std::size_t size) const;

  bool big_endian_ = false;
  std::map<std::uint16_t, Entry> entries_;
};

/// What the pixels of a TIFF are, by Pillow's table of known kinds.
struct TiffKind {
  enum class Colours { kGrey, kPalette, kRgb, kInks, kYcc };
  Colours colours = Colours::kGrey;
  int bits = 8;     // of a sample
  int samples = 1;  // of a pixel, with alpha and what else there is
  bool inverted = false, is_signed = false, is_float = false;
  enum class Alpha { kNone, kStraight, kMultiplied } alpha = Alpha::kNone;
  bool reversed = false;  // the bits of each byte
  bool planes = false;    // each sample in a plane of its own

  int width = 0, height = 0;
  std::uint64_t compression = 1;

  /// Throws what `refuse` throws for a kind that Pillow does not know.
  static TiffKind of(const TiffDirectory& directory, const TiffDirectory::Refuse& refuse);
};

/// Decodes the strips or tiles by libtiff: the samples of all pixels, unpacked (samples.hpp), [height, width, samples];
/// kYcc comes as RGB. Throws what `refuse` throws.
std::vector<std::uint8_t> read_compressed_tiff(std::string_view bytes, const TiffDirectory& directory, TiffKind& kind,
                                               const TiffDirectory::Refuse& refuse);

}  // namespace cliplab
