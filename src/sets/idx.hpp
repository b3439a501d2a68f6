// IDX files (MNIST's format), gzip-compressed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

struct Idx {
  std::vector<std::int64_t> shape;  // images [N, 28, 28], labels [N]
  std::vector<std::uint8_t> values;
};

/// Throws InputError naming `where`: not gzip, another magic than unsigned bytes, sizes that do not fit the
/// data, or more than `max_bytes` after decompression.
Idx read_idx(std::string_view idx_bytes, const std::string& where, std::size_t max_bytes = std::size_t{256} << 20);

}  // namespace cliplab
