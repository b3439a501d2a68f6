// Do two pictures look the same? A 256-bit difference hash and the mean colour.
#pragma once

#include <array>
#include <cstdint>

#include "base/image.hpp"

namespace cliplab {

struct LooksHash {
  std::array<std::uint64_t, 4> bits{};  // sign of the horizontal brightness steps of a 17 x 16 version on white
  std::array<float, 3> colour{};        // mean on white, 0..255
};

LooksHash looks_hash(const Image& image);

/// Bits that differ, 0..256.
int hash_distance(const LooksHash& a, const LooksHash& b);

/// The same picture for our purposes. Thresholds: src/data/duplicates.cpp says on what they were chosen.
bool looks_same(const LooksHash& a, const LooksHash& b);

}  // namespace cliplab
