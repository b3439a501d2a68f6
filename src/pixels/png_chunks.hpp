// The chunks of a PNG read by Pillow's rules, for codec_png.cpp: which damage it lives with and which it refuses was
// found by experiment with Pillow 13 (tests/parity/test_picture_parity.py). In short: before the pixels each checksum
// must hold; the pixels' own checksums are not looked at; what follows them may be absent, but not cut inside a chunk.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

class PngChunks {
 public:
  /// Throws what it takes from the cause of a refusal.
  using Refuse = std::function<void(const std::string& cause)>;

  /// Reads up to the end of the pixel data. `bytes` must outlive the object.
  PngChunks(std::string_view bytes, Refuse refuse);

  std::uint32_t width() const { return width_; }
  std::uint32_t height() const { return height_; }
  int bits() const { return depth_ * channels(); }  // of a pixel
  bool interlaced() const { return interlaced_; }

  /// Signature, header, palette and transparency as libpng wants them.
  std::string head() const;
  /// The data of the IDAT chunks, each of which lies behind its length and name; the file may end inside the last one.
  const std::vector<std::string_view>& data() const { return data_; }
  /// False where the data need inflate_rows.
  bool whole() const { return whole_; }

  /// Inflates the rows, each with its filter byte, as far as Pillow does: a stream that ends after a row leaves the
  /// rest 0; one that is cut or damaged before the last pixel is refused. Checks what follows.
  std::string inflate_rows();
  /// Checks what follows the pixels, from chunk `index` of data() on.
  void check_tail(std::size_t index);

 private:
  struct Chunk {
    std::string_view name, data;
    std::size_t end = 0;  // of the data, without the checksum
    bool cut = false;
  };
  /// The chunk at `at`; false where there is none, or none with a proper name.
  bool chunk_at(std::size_t at, Chunk& chunk) const;
  void check(const Chunk& chunk);
  void check_text(const Chunk& chunk);
  int channels() const { return colour_ == 2 ? 3 : colour_ == 4 ? 2 : colour_ == 6 ? 4 : 1; }
  /// Bytes of a row of a pass of Adam7, without the filter byte; pass 0 of a file without passes is the whole row.
  std::size_t row_bytes(int pass) const;
  std::uint32_t rows(int pass) const;

  std::string_view bytes_;
  Refuse refuse_;
  std::uint32_t width_ = 0, height_ = 0;
  int depth_ = 0, colour_ = 0;
  bool interlaced_ = false, whole_ = true, animated_ = false;
  std::uint32_t frames_ = 0;  // of an animation
  std::int64_t frame_ = -1;   // the last sequence number of an animation
  std::size_t text_bytes_ = 0;
  std::string_view palette_, transparency_;
  std::vector<std::string_view> data_;
};

}  // namespace cliplab
