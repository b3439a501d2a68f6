// Pixels exactly as Pillow + torchvision make them, in OpenAI's order for RGB input
// (openai/CLIP clip.py `_transform`: Resize(bicubic, short side) -> CenterCrop -> ToTensor -> Normalize).
#pragma once

#include <array>

#include "base/image.hpp"

namespace cliplab {

/// Pillow's fixed-point resampling (Resample.c of Pillow < 13: horizontal pass first), bit-equal, for 1, 3 or 4
/// interleaved channels treated independently. Two-pass, 22 fractional bits, uint8 between the passes.
Image resize_bicubic(const Image& image, int height, int width);

/// torchvision Resize(size): short side to `size`, the long one to int(size * long / short).
Image resize_short_side(const Image& image, int size);

/// torchvision CenterCrop(size): offsets round half to even; smaller images are padded with 0.
Image center_crop(const Image& image, int size);

/// RGBA with straight alpha put on one colour; RGB passes unchanged.
Image composite(const Image& image, std::array<std::uint8_t, 3> background);

/// Channel statistics of the released CLIP models.
struct Normalization {
  std::array<float, 3> mean{0.48145466f, 0.4578275f, 0.40821073f};
  std::array<float, 3> std{0.26862954f, 0.26130258f, 0.27577711f};
};

/// resize_short_side + center_crop to [size, size, 3].
Image clip_transform(const Image& image, int size);

}  // namespace cliplab
