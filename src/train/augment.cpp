// Variation of training pairs.
#include "train/augment.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "data/preprocess.hpp"

namespace cliplab {

std::vector<std::uint8_t> stored_picture(const Image& image, int side) {
  const int square = std::max(image.height, image.width);
  Image canvas = Image::make(square, square, 4);
  const int top = (square - image.height) / 2, left = (square - image.width) / 2;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const std::uint8_t* in = image.at(y, x);
      std::uint8_t* out = canvas.at(y + top, x + left);
      const int alpha = image.channels == 4 ? in[3] : 255;
      for (int c = 0; c < 3; ++c) out[c] = static_cast<std::uint8_t>((in[c] * alpha + 127) / 255);
      out[3] = static_cast<std::uint8_t>(alpha);
    }
  return resize_bicubic(canvas, side, side).pixels;
}

std::vector<std::uint8_t> outlined(const std::vector<std::uint8_t>& picture, int side) {
  const auto texel = [&](int y, int x) {
    return picture.data() + (static_cast<std::size_t>(std::clamp(y, 0, side - 1)) * side + std::clamp(x, 0, side - 1)) * 4;
  };
  std::vector<std::uint8_t> out(picture.size());
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      const std::uint8_t* here = texel(y, x);
      int cover = here[3], edge = 0;
      for (const std::uint8_t* beside : {texel(y - 1, x), texel(y + 1, x), texel(y, x - 1), texel(y, x + 1)}) {
        cover = std::max<int>(cover, beside[3]);
        int difference = 0;
        for (int c = 0; c < 3; ++c) difference += std::abs(here[c] - beside[c]);
        if (beside[3] > 128) edge = std::max(edge, difference);
      }
      const int kept = 255 - std::clamp((edge - 60) * 3 / 2, 0, 255);  // ink where neighbours differ by more than 60 of 765
      std::uint8_t* pixel = out.data() + (static_cast<std::size_t>(y) * side + x) * 4;
      for (int c = 0; c < 3; ++c) pixel[c] = static_cast<std::uint8_t>(here[c] * kept / 255);
      pixel[3] = static_cast<std::uint8_t>(cover);  // the silhouette, one pixel wider; what it gained is black
    }
  return out;
}

View choose_view(Augment augment, int stored, int side, Rng& rng) {
  View view;
  view.height = view.width = side;
  const double slack = stored - side;
  if (augment == Augment::kNone) {
    view.height = view.width = stored;  // validation sees the whole picture, as the encoders do at test time
  } else if (augment == Augment::kCrop) {
    view.top = static_cast<double>(rng.below(static_cast<std::uint64_t>(slack) + 1));
    view.left = static_cast<double>(rng.below(static_cast<std::uint64_t>(slack) + 1));
  } else {
    const double scale = rng.uniform(0.75, 1.45), aspect = std::exp(rng.uniform(-0.15, 0.15));
    view.height = stored * scale * aspect, view.width = stored * scale / aspect;
    const auto offset = [&](double extent) {
      const double room = stored - extent;
      return room * 0.5 + std::abs(room) * rng.uniform(-0.5, 0.5);
    };
    view.top = offset(view.height), view.left = offset(view.width);
    view.mirror = rng.uniform() < 0.3;
    view.grey = rng.uniform() < 0.2;
    view.outline = rng.uniform() < 0.4;
    view.saturation = static_cast<float>(rng.uniform(0.4, 1.8));
    const double kind = rng.uniform();
    if (kind < 0.25) {
      for (float& channel : view.background) channel = 0;
    } else if (kind < 0.5) {
      for (float& channel : view.background) channel = static_cast<float>(rng.below(256));
    }
    view.gain = static_cast<float>(rng.uniform(0.7, 1.0));
  }
  return view;
}

Augment parse_augment(const std::string& name) {
  if (name == "none") return Augment::kNone;
  if (name == "crop") return Augment::kCrop;
  if (name == "drawings") return Augment::kDrawings;
  fail("train.augment", "'" + name + "'", "none, crop or drawings");
}

void draw_view(const std::vector<std::uint8_t>& plain, int stored, const View& view, int side, std::uint8_t* out) {
  const std::vector<std::uint8_t> inked = view.outline ? outlined(plain, stored) : std::vector<std::uint8_t>();
  const std::vector<std::uint8_t>& picture = view.outline ? inked : plain;
  const int S = stored, R = side;
  const auto texel = [&](int y, int x) -> const std::uint8_t* {
    static constexpr std::uint8_t kTransparent[4] = {};
    return y < 0 || x < 0 || y >= S || x >= S ? kTransparent : picture.data() + (static_cast<std::size_t>(y) * S + x) * 4;
  };
  const auto light_of = [](const float* rgb) { return 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2]; };
  for (int row = 0; row < R; ++row) {
    const double y = view.top + (row + 0.5) * view.height / R - 0.5;
    const int y0 = static_cast<int>(std::floor(y));
    const float fy = static_cast<float>(y - y0);
    for (int column = 0; column < R; ++column) {
      const double x = view.left + (column + 0.5) * view.width / R - 0.5;
      const int x0 = static_cast<int>(std::floor(x));
      const float fx = static_cast<float>(x - x0);
      const std::uint8_t *a = texel(y0, x0), *b = texel(y0, x0 + 1), *c = texel(y0 + 1, x0), *d = texel(y0 + 1, x0 + 1);
      float rgba[4];
      for (int k = 0; k < 4; ++k)
        rgba[k] = (1 - fy) * ((1 - fx) * a[k] + fx * b[k]) + fy * ((1 - fx) * c[k] + fx * d[k]);
      const float light = light_of(rgba);
      for (int k = 0; k < 3; ++k)
        rgba[k] = std::clamp(light + view.saturation * (rgba[k] - light), 0.0f, rgba[3]);
      const float clear = 1 - rgba[3] / 255;
      for (int k = 0; k < 3; ++k)  // premultiplied over the background, contrast taken towards it
        rgba[k] = view.gain * rgba[k] + (1 - view.gain * (1 - clear)) * view.background[k];
      if (view.grey) rgba[0] = rgba[1] = rgba[2] = light_of(rgba);
      std::uint8_t* pixel = out + (static_cast<std::size_t>(row) * R + (view.mirror ? R - 1 - column : column)) * 3;
      for (int k = 0; k < 3; ++k) pixel[k] = static_cast<std::uint8_t>(std::clamp(rgba[k] + 0.5f, 0.0f, 255.0f));
    }
  }
}

}  // namespace cliplab
