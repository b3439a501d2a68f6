// Are two pictures the same to the eye? A 256-bit difference hash of the drawn part, its mean colour and its shape.
#pragma once

#include <array>
#include <cstdint>

#include "base/image.hpp"

namespace cliplab {

struct PerceptualHash {
  std::array<std::uint64_t, 4> bits{};  // rising horizontal brightness steps of a 17 x 16 version on white
  std::array<float, 3> colour{};        // mean on white, 0..255
  float aspect = 0;                     // width / height of the drawn part; 0: nothing is drawn
};

/// The part that differs from white of an image on white; the whole of a photo. Empty when nothing is drawn.
Image drawn_part(const Image& on_white);

/// White and transparent margins do not count: the same drawing on a larger page has the same hash.
PerceptualHash perceptual_hash(const Image& image);

/// Bits that differ, 0..256.
int hash_distance(const PerceptualHash& a, const PerceptualHash& b);

/// Bits that differ as a share of the bits that are set in the fuller hash, 0..2; 0 for two flat pictures.
double hash_contrast(const PerceptualHash& a, const PerceptualHash& b);

/// The same picture for our purposes. Thresholds: src/pixels/perceptual_hash.cpp says on what they were chosen.
bool is_same_picture(const PerceptualHash& a, const PerceptualHash& b);

/// 32 x 32 on white, and the largest difference of a channel between two of them: 0..255. Sees a clock's
/// hand.
Image thumbnail(const Image& image);
int largest_difference(const Image& thumbnail_a, const Image& thumbnail_b);

}  // namespace cliplab
