// The header says how many values follow, so that a packed file is inflated straight into them.
#include "sets/idx.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/memory.hpp"

namespace cliplab {
namespace {

/// Bytes of a plain or gzip-compressed file, one after the other.
class Source {
 public:
  Source(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {
    packed_ = !bytes.starts_with(std::string_view("\0\0\x08", 3));
    if (!packed_) return;
    if (::inflateInit2(&stream_, 15 + 16) != Z_OK) fail(where, "zlib cannot start", "memory");
  }
  ~Source() {
    if (packed_) ::inflateEnd(&stream_);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  /// Up to `size` bytes, fewer at the end.
  std::size_t read(char* out, std::size_t size) {
    if (packed_) return inflate(out, size);
    const std::size_t count = std::min(size, bytes_.size() - at_);
    if (count > 0) std::memcpy(out, bytes_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::size_t inflate(char* out, std::size_t size) {
    constexpr std::size_t kStep = std::size_t{1} << 30;  // zlib counts in 32 bits
    std::size_t done = 0;
    while (done < size && !ended_) {
      if (stream_.avail_in == 0) {
        const std::size_t more = std::min(kStep, bytes_.size() - at_);
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes_.data() + at_));
        stream_.avail_in = static_cast<uInt>(more);
        at_ += more;
      }
      const std::size_t step = std::min(kStep, size - done);
      stream_.next_out = reinterpret_cast<Bytef*>(out + done);
      stream_.avail_out = static_cast<uInt>(step);
      const int status = ::inflate(&stream_, Z_NO_FLUSH);
      done += step - stream_.avail_out;
      ended_ = status == Z_STREAM_END;
      if (status != Z_OK && !ended_) fail(where_, "not a whole gzip file", "one");
    }
    return done;
  }

  std::string_view bytes_;
  const std::string& where_;
  bool packed_ = false, ended_ = false;
  std::size_t at_ = 0;
  z_stream stream_{};
};

}  // namespace

Idx read_idx(std::string_view idx_bytes, const std::string& where, std::size_t max_bytes) {
  Source source(idx_bytes, where);
  unsigned char header[4 + 4 * 4];
  char* const start = reinterpret_cast<char*>(header);
  if (source.read(start, 4) < 4 || header[0] != 0 || header[1] != 0 || header[2] != 8 || header[3] < 1 || header[3] > 4)
    fail(where, "another magic number", "IDX of unsigned bytes with 1 to 4 dimensions");
  const std::size_t dimensions = header[3];
  if (source.read(start + 4, 4 * dimensions) < 4 * dimensions) fail(where, "a cut header", "a whole IDX file");
  Idx idx;
  std::uint64_t count = 1;
  for (std::size_t d = 0; d < dimensions; ++d) {
    std::uint64_t side = 0;
    for (int k = 0; k < 4; ++k) side = side << 8 | header[4 + 4 * d + k];
    if (side > max_bytes || (side != 0 && count > max_bytes / side))
      fail(where, "sizes over the limit", "at most " + std::to_string(max_bytes) + " values");
    idx.shape.push_back(static_cast<std::int64_t>(side));
    count *= side;
  }
  need_memory(where, count);
  idx.values.resize(count);
  const std::size_t read = source.read(idx.values.data(), count);
  char more = 0;
  if (read != count || source.read(&more, 1) != 0)  // reading on makes zlib check the sum at the end
    fail(where, read != count ? std::to_string(read) + " values" : "more values",
         std::to_string(count) + " as its sizes say");
  return idx;
}

}  // namespace cliplab
