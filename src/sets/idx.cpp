// zlib inflate with a cap, then the header.
#include "sets/idx.hpp"

#include <zlib.h>

#include "base/error.hpp"

namespace cliplab {
namespace {

std::vector<std::uint8_t> inflate_gzip(std::string_view bytes, const std::string& where, std::size_t max_bytes) {
  z_stream stream{};
  if (::inflateInit2(&stream, 15 + 16) != Z_OK) fail(where, "zlib cannot start", "memory");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::vector<std::uint8_t> out;
  int status = Z_OK;
  while (status == Z_OK && out.size() <= max_bytes) {
    const std::size_t used = out.size();
    out.resize(used + (1 << 20));
    stream.next_out = out.data() + used;
    stream.avail_out = 1 << 20;
    status = ::inflate(&stream, Z_NO_FLUSH);
    out.resize(used + (1 << 20) - stream.avail_out);
    if (status == Z_BUF_ERROR) break;
  }
  ::inflateEnd(&stream);
  if (out.size() > max_bytes) fail(where, "over " + std::to_string(max_bytes) + " bytes when decompressed", "less");
  if (status != Z_STREAM_END) fail(where, "not a whole gzip file", "one");
  return out;
}

}  // namespace

Idx read_idx(std::string_view idx_bytes, const std::string& where, std::size_t max_bytes) {
  std::vector<std::uint8_t> bytes =
      idx_bytes.starts_with(std::string_view("\0\0\x08", 3)) && idx_bytes.size() <= max_bytes
          ? std::vector<std::uint8_t>(idx_bytes.begin(), idx_bytes.end())
          : inflate_gzip(idx_bytes, where, max_bytes);
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 8 || bytes[3] < 1 || bytes[3] > 4)
    fail(where, "another magic number", "IDX of unsigned bytes with 1 to 4 dimensions");
  const std::size_t dimensions = bytes[3], header = 4 + 4 * dimensions;
  if (bytes.size() < header) fail(where, "a cut header", "a whole IDX file");
  Idx idx;
  std::uint64_t count = 1;
  for (std::size_t d = 0; d < dimensions; ++d) {
    std::uint64_t side = 0;
    for (int k = 0; k < 4; ++k) side = side << 8 | bytes[4 + 4 * d + k];
    if (side > max_bytes || (side != 0 && count > max_bytes / side))
      fail(where, "sizes over the limit", "at most " + std::to_string(max_bytes) + " values");
    idx.shape.push_back(static_cast<std::int64_t>(side));
    count *= side;
  }
  if (bytes.size() - header != count)
    fail(where, std::to_string(bytes.size() - header) + " values", std::to_string(count) + " as its sizes say");
  idx.values.assign(bytes.begin() + static_cast<std::ptrdiff_t>(header), bytes.end());
  return idx;
}

}  // namespace cliplab
