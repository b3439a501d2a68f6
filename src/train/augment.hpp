// How training pairs are varied: crop, size, colour, background and pen of a picture.
// Pictures wait as premultiplied RGBA whose short side is S = 9/8 of the model's side R.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "pixels/codecs.hpp"

namespace cliplab {

enum class Augment {
  kNone,    // the middle square on white, as the encoders see it, its first caption: validation
  kCrop,    // random square crop from the resized picture on white (paper 2.5)
  kPhotos,  // DEVIATION(2.5): crops of 40 % to all of the short side's square, mirrored, with varied colour and light:
            // thousands of photos are too few for plain crops alone
  kDrawings,  // DEVIATION(2.5): besides the crop, size, aspect, saturation and contrast vary, backgrounds are white,
              // black or coloured, some pictures are mirrored, lose their colour or get a black outline: 9,000 drawings
              // are too few for crops alone
};
Augment parse_augment(const std::string& name);  // "none", "crop", "photos", "drawings"; throws InputError

/// Premultiplied RGBA [height, width, 4].
struct Picture {
  int height = 0, width = 0;
  std::vector<std::uint8_t> rgba;
};

/// How one picture is drawn into the R x R output.
struct View {
  double top = 0, left = 0, height = 0, width = 0;  // box in the stored picture, may reach outside (transparent)
  bool mirror = false, grey = false, outline = false;
  float saturation = 1;
  float background[3] = {255, 255, 255};
  float gain = 1;  // contrast about the background
};
View choose_view(Augment augment, const Picture& picture, int side, Rng& rng);

/// RGBA with straight alpha or RGB, any shape. For drawings the whole is centred on a transparent square of side
/// `side`; for the others the short side becomes `side`, and the long one at most twice that (its middle).
Picture stored_picture(const Image& image, int side, Augment augment);

/// The same picture as an illustrator with a black pen would leave it: a line around the silhouette and along the edges
/// inside it, one stored pixel wide.
Picture outlined(const Picture& picture);

/// Draws `picture` as `view` says into `out` [side, side, 3].
void draw_view(const Picture& picture, const View& view, int side, std::uint8_t* out);

}  // namespace cliplab
