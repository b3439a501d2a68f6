// Pixels exactly as Pillow + torchvision make them for CLIP: resize, crop or pad to a square, conversion to RGB, in
// OpenAI's order (openai/CLIP clip.py `_transform`) or in that of torchvision's ImageFolder, which converts when it
// loads. ToTensor and Normalize follow in kernels/normalize.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/image.hpp"
#include "pixels/resize.hpp"

namespace cliplab {

/// Channel statistics of the released CLIP models.
struct Normalization {
  std::array<float, 3> mean{0.48145466f, 0.4578275f, 0.40821073f};
  std::array<float, 3> std{0.26862954f, 0.26130258f, 0.27577711f};
};

/// open_clip's resize_mode: the short side to the size and the middle cut out; both sides; the long side, and the rest
/// padded with one value.
enum class ResizeMode { kShortest, kSquash, kLongest };

/// Where the middle begins if the rest is odd: half of it rounded to even (torchvision) or down (transformers).
enum class CropRule { kEven, kDown };

/// kResizeFirst resizes in the mode of the file, which differs from RGB for palettes and 1 bit (nearest neighbour),
/// alpha (premultiplied, then dropped), CMYK and grey of more than 8 bits (which the conversion clips at 255).
/// kConvertFirst drops alpha, kWhiteFirst puts the picture on white (transformers 5 `convert_to_rgb`).
enum class ConvertOrder { kResizeFirst, kConvertFirst, kWhiteFirst };

/// How a model wants its pictures; the defaults are OpenAI's.
struct Preprocess {
  int size = 224;         // of the result
  int resize_to = 0;      // what the mode resizes to, before the middle is cut out; 0: the size
  std::uint8_t fill = 0;  // around a picture resized by its long side, in each channel of the file's mode
  CropRule crop = CropRule::kEven;
  ResizeMode mode = ResizeMode::kShortest;
  Interpolation interpolation = Interpolation::kBicubic;
  ConvertOrder order = ConvertOrder::kResizeFirst;
  PillowRule rule = PillowRule::kClassic;
  Normalization normalization;

  /// "bicubic-shortest-224/resize-first/pillow-classic/mean.../std...": for cache keys and results.
  std::string id() const;
};

/// open_clip's words; throw InputError for others.
ResizeMode parse_resize_mode(const std::string& word);       // "shortest", "squash", "longest"
Interpolation parse_interpolation(const std::string& word);  // "bicubic", "bilinear"
ConvertOrder parse_convert_order(const std::string& word);   // "resize_first", "convert_first", "white_first"
CropRule parse_crop_rule(const std::string& word);           // "even", "down"

/// RGB [size, size, 3].
Image preprocess_pixels(const Image& image, const Preprocess& preprocess);

/// Pillow's convert("RGB"), which torchvision's ImageFolder does when it loads: [height, width, 3].
Image to_rgb(const Image& image);

/// preprocess_pixels with the defaults.
Image clip_transform(const Image& image, int size);

/// resample in the classic order of a whole image; channels as they are, alpha not premultiplied.
Image resize_bicubic(const Image& image, int height, int width);

/// RGBA with straight alpha put on one colour; RGB passes unchanged.
Image composite(const Image& image, std::array<std::uint8_t, 3> background);

/// Pillow's CMYK -> RGB: [pixels, 4] -> [pixels, 3].
std::vector<std::uint8_t> inks_to_rgb(std::span<const std::uint8_t> inks);

}  // namespace cliplab
