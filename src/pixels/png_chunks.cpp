#include "pixels/png_chunks.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace cliplab {
namespace {

constexpr std::size_t kTextLimit = 1 << 20;  // bytes that a text or a profile may inflate to
constexpr std::size_t kPiece = 1 << 16;      // bytes that Pillow hands to zlib at once

std::uint32_t big_endian(std::string_view bytes, std::size_t at = 0) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

std::string big_endian_text(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<z_size_t>(bytes.size())));
}

std::string chunk_text(const std::string& name, std::string_view data) {
  const std::string body = name + std::string(data);
  return big_endian_text(static_cast<std::uint32_t>(data.size())) + body + big_endian_text(checksum(body));
}

/// An inflating zlib stream that ends with its scope.
struct Inflater {
  Inflater() { ready = ::inflateInit(&stream) == Z_OK; }
  ~Inflater() { ::inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  void feed(std::string_view bytes) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
  }
  z_stream stream{};
  bool ready = false;
};

/// How many bytes `packed` inflates to, at most one more than the limit; 0 if it is not a zlib stream.
std::size_t inflated_bytes(std::string_view packed) {
  Inflater inflater;
  if (!inflater.ready) return 0;
  inflater.feed(packed);
  std::string buffer(kPiece, '\0');
  std::size_t count = 0;
  while (count <= kTextLimit) {
    inflater.stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    inflater.stream.avail_out = static_cast<uInt>(buffer.size());
    const int state = ::inflate(&inflater.stream, Z_NO_FLUSH);
    count += buffer.size() - inflater.stream.avail_out;
    if (state == Z_STREAM_END || state == Z_BUF_ERROR) return count;
    if (state != Z_OK) return 0;
  }
  return count;
}

struct Pass {
  std::uint32_t first_row, first_column, row_step, column_step;
};
constexpr std::array<Pass, 7> kAdam7{
    {{0, 0, 8, 8}, {0, 4, 8, 8}, {4, 0, 8, 4}, {0, 2, 4, 4}, {2, 0, 4, 2}, {0, 1, 2, 2}, {1, 0, 2, 1}}};

}  // namespace

bool PngChunks::chunk_at(std::size_t at, Chunk& chunk) const {
  if (at > bytes_.size() || bytes_.size() - at < 8) return false;
  chunk.name = bytes_.substr(at + 4, 4);
  for (const char c : chunk.name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') return false;
  const std::size_t size = big_endian(bytes_, at), rest = bytes_.size() - at - 8;
  chunk.cut = size > rest;
  chunk.data = bytes_.substr(at + 8, std::min(size, rest));
  chunk.end = at + 8 + chunk.data.size();
  return true;
}

PngChunks::PngChunks(std::string_view bytes, Refuse refuse) : bytes_(bytes), refuse_(std::move(refuse)) {
  std::size_t at = 8;
  Chunk chunk;
  for (;; at = chunk.end + 4) {
    if (!chunk_at(at, chunk)) refuse_("ends, or is damaged, before its pixels");
    if (chunk.name == "IDAT") break;
    if (chunk.name == "IEND" || chunk.name == "fdAT") refuse_("no pixels");
    if (chunk.cut) refuse_("ends inside its chunk " + std::string(chunk.name));
    check(chunk);
    if (bytes_.size() - chunk.end < 4 ||
        big_endian(bytes_, chunk.end) != checksum(bytes_.substr(at + 4, chunk.end - at - 4)))
      refuse_("a wrong checksum of its chunk " + std::string(chunk.name));
  }
  if (width_ == 0 || height_ == 0) refuse_("no size, or no kind of pixels that PNG has");
  animated_ = frames_ > 1 || (frames_ == 1 && frame_ < 0);  // the first picture may be no frame of it
  for (bool more = true; more; more = chunk_at(at, chunk) && (chunk.name == "IDAT" || chunk.name == "DDAT")) {
    data_.push_back(chunk.data);
    whole_ = whole_ && !chunk.cut && chunk.name == "IDAT";
    at = chunk.end + 4;
  }
}

void PngChunks::check(const Chunk& chunk) {
  struct Least {
    std::string_view name;
    std::size_t bytes;
  };
  constexpr std::array<Least, 7> kLeast{
      {{"IHDR", 13}, {"gAMA", 4}, {"cHRM", 32}, {"sRGB", 1}, {"pHYs", 9}, {"acTL", 8}, {"fcTL", 26}}};
  const std::string name(chunk.name);
  for (const Least& least : kLeast)
    if (name == least.name && chunk.data.size() < least.bytes) refuse_("too short a chunk " + name);
  if (name == "IHDR") {
    if (chunk.data[11] != 0) refuse_("an unknown kind of filters");
    if (!data_.empty()) return;
    width_ = big_endian(chunk.data), height_ = big_endian(chunk.data, 4);
    depth_ = static_cast<unsigned char>(chunk.data[8]), colour_ = static_cast<unsigned char>(chunk.data[9]);
    interlaced_ = chunk.data[12] != 0;
    const bool small = depth_ == 1 || depth_ == 2 || depth_ == 4, whole = depth_ == 8 || depth_ == 16;
    const bool known = colour_ == 0   ? small || whole
                       : colour_ == 3 ? small || depth_ == 8
                                      : (colour_ == 2 || colour_ == 4 || colour_ == 6) && whole;
    if (!known) refuse_("no kind of pixels that PNG has");
  } else if (name == "PLTE" && data_.empty()) {
    if (colour_ == 3) palette_ = chunk.data;  // one in front of the header is lost
  } else if (name == "tRNS") {
    if ((colour_ == 0 && chunk.data.size() < 2) || (colour_ == 2 && chunk.data.size() < 6))
      refuse_("too short a chunk tRNS");
    if (data_.empty()) transparency_ = chunk.data;
  } else if (name == "acTL") {  // the second one takes the first one back
    const std::uint32_t frames = big_endian(chunk.data);
    frames_ = frames_ > 0 || frames > 0x80000000u ? 0 : frames;
  } else if (name == "fcTL") {
    const std::uint64_t width = big_endian(chunk.data, 4), height = big_endian(chunk.data, 8);
    const std::uint64_t left = big_endian(chunk.data, 12), top = big_endian(chunk.data, 16);
    if (big_endian(chunk.data) != frame_ + 1) refuse_("frames of an animation out of order");
    if (left + width > width_ || top + height > height_) refuse_("a frame of an animation outside the picture");
    if (data_.empty() && (width != width_ || height != height_))
      refuse_("an animation that begins with a part of the picture");
    ++frame_;
  } else if (name == "iCCP" || name == "tEXt" || name == "zTXt" || name == "iTXt") {
    check_text(chunk);
  }
}

/// Profiles and texts are not used, but Pillow refuses some that are wrong or too large.
void PngChunks::check_text(const Chunk& chunk) {
  const std::string name(chunk.name);
  const std::size_t zero = chunk.data.find('\0');
  std::string_view rest = zero == std::string_view::npos ? std::string_view() : chunk.data.substr(zero + 1);
  std::size_t size = rest.size();
  if (name == "iCCP" || name == "zTXt") {
    if (name == "iCCP" && rest.empty()) refuse_("too short a chunk iCCP");
    if (!rest.empty() && rest[0] != 0) refuse_("an unknown compression of its chunk " + name);
    size = rest.empty() ? 0 : inflated_bytes(rest.substr(1));
  } else if (name == "iTXt") {
    if (rest.size() < 2) return;
    const bool packed = rest[0] != 0, known = rest[1] == 0;
    rest.remove_prefix(2);
    for (int i = 0; i < 2; ++i) {  // the language, the translated keyword
      const std::size_t end = rest.find('\0');
      if (end == std::string_view::npos) return;
      rest.remove_prefix(end + 1);
    }
    if (packed && !known) return;
    size = packed ? inflated_bytes(rest) : rest.size();
    if (!packed) {
      text_bytes_ += size;
      return;
    }
  }
  if (name != "tEXt" && size > kTextLimit) refuse_("a chunk " + name + " that inflates to more than a megabyte");
  if (name != "iCCP") text_bytes_ += size;
  if (text_bytes_ > 64 * kTextLimit) refuse_("more than 64 MB of text");
}

void PngChunks::check_tail(std::size_t index) {
  const char* end = data_[index].data() + data_[index].size();
  Chunk chunk;
  for (auto at = static_cast<std::size_t>(end - bytes_.data()) + 4; chunk_at(at, chunk); at = chunk.end + 4) {
    if (chunk.name == "IEND" || (chunk.name == "fcTL" && animated_)) return;
    if (chunk.cut) refuse_("ends inside its chunk " + std::string(chunk.name));
    if (chunk.name == "fdAT") {
      if (chunk.data.size() < 4 || big_endian(chunk.data) != frame_ + 1 || frame_ < 0)
        refuse_("frames of an animation out of order");
      ++frame_;
    } else if (chunk.name != "IDAT") {
      check(chunk);
    }
  }
}

std::string PngChunks::head() const {
  std::string header = big_endian_text(width_) + big_endian_text(height_);
  header += {static_cast<char>(depth_), static_cast<char>(colour_), '\0', '\0', static_cast<char>(interlaced_)};
  std::string text = "\x89PNG\r\n\x1a\n" + chunk_text("IHDR", header);
  if (colour_ == 3) {
    const std::size_t colours = palette_.size() / 3;
    if (colours > 256) refuse_("more than 256 colours");
    const std::size_t count = std::min(colours, std::size_t{1} << depth_);
    text += chunk_text("PLTE", count > 0 ? palette_.substr(0, 3 * count) : std::string_view("\0\0\0", 3));
    const std::string_view alphas = transparency_.substr(0, std::max<std::size_t>(count, 1));
    if (!alphas.empty()) text += chunk_text("tRNS", alphas);
  } else if (!transparency_.empty() && (colour_ == 0 || colour_ == 2)) {
    text += chunk_text("tRNS", transparency_.substr(0, colour_ == 0 ? 2 : 6));
  }
  return text;
}

std::size_t PngChunks::row_bytes(int pass) const {
  std::uint64_t pixels = width_;
  if (interlaced_)
    pixels =
        (std::uint64_t{width_} + kAdam7[pass].column_step - 1 - kAdam7[pass].first_column) / kAdam7[pass].column_step;
  return (pixels * bits() + 7) / 8;
}

std::uint32_t PngChunks::rows(int pass) const {
  if (!interlaced_) return height_;
  const Pass& p = kAdam7[pass];
  return height_ <= p.first_row || row_bytes(pass) == 0 ? 0 : (height_ - p.first_row + p.row_step - 1) / p.row_step;
}

std::string PngChunks::inflate_rows() {
  const int passes = interlaced_ ? 7 : 1;
  std::size_t total = 0;
  for (int pass = 0; pass < passes; ++pass) total += rows(pass) * (row_bytes(pass) + 1);
  Inflater inflater;
  if (!inflater.ready) refuse_("no memory");
  std::string raw;  // grows by rows: a short file that claims to be large costs no memory
  int pass = 0;
  std::uint32_t row = 0;
  std::size_t begin = 0;  // of the row that is being filled
  raw.resize(row_bytes(0) + 1);
  std::size_t filled = 0;
  for (std::size_t index = 0; index < data_.size(); ++index)
    for (std::size_t at = 0; at < data_[index].size(); at += kPiece) {
      inflater.feed(data_[index].substr(at, kPiece));
      while (inflater.stream.avail_in > 0) {
        inflater.stream.next_out = reinterpret_cast<Bytef*>(raw.data()) + begin + filled;
        inflater.stream.avail_out = static_cast<uInt>(raw.size() - begin - filled);
        const int state = ::inflate(&inflater.stream, Z_NO_FLUSH);
        if (state < 0) refuse_("damaged pixels");
        filled = raw.size() - begin - inflater.stream.avail_out;
        if (inflater.stream.avail_out > 0) break;  // needs more
        if (static_cast<unsigned char>(raw[begin]) > 4) refuse_("an unknown filter");
        begin = raw.size(), filled = 0;
        if (++row >= rows(pass)) {
          row = 0;
          do {
            ++pass;
          } while (pass < passes && rows(pass) == 0);
        }
        if (pass == passes || state == Z_STREAM_END) {
          check_tail(index);
          raw.resize(total);
          return raw;
        }
        raw.resize(begin + row_bytes(pass) + 1);
      }
    }
  refuse_("ends before its last pixel");
  return {};
}

}  // namespace cliplab
