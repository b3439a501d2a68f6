// IDX files (MNIST's format), gzip-compressed or plain.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

struct Idx {
  std::vector<std::int64_t> shape;  // images [N, 28, 28], labels [N]
  std::string values;               // unsigned bytes
};

/// Packed or not. Throws InputError naming `where`: neither IDX nor gzip, another magic than unsigned bytes, sizes that
/// do not fit the data, or over `max_bytes` of values. The values are allocated once, as many as the header states.
Idx read_idx(std::string_view idx_bytes, const std::string& where, std::size_t max_bytes = std::size_t{256} << 20);

}  // namespace cliplab
