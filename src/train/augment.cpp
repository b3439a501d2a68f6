// Variation of training pairs.
#include "train/augment.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {

Picture stored_picture(const Image& image, int side, Augment augment) {
  const bool whole = augment == Augment::kDrawings;
  const int high = image.height, wide = image.width, least = std::min(high, wide),
            most = whole ? std::max(high, wide) : 2 * least;
  Image canvas = whole ? Image::make(most, most, 4) : Image::make(std::min(high, most), std::min(wide, most), 4);
  const int top = (canvas.height - high) / 2, left = (canvas.width - wide) / 2;  // negative: cut off
  for (int y = std::max(0, top); y < std::min(canvas.height, top + high); ++y)
    for (int x = std::max(0, left); x < std::min(canvas.width, left + wide); ++x) {
      const std::uint8_t* in = image.at(y - top, x - left);
      std::uint8_t* out = canvas.at(y, x);
      const int alpha = image.channels == 4 ? in[3] : 255;
      for (int c = 0; c < 3; ++c) out[c] = static_cast<std::uint8_t>((in[c] * alpha + 127) / 255);
      out[3] = static_cast<std::uint8_t>(alpha);
    }
  const auto scaled = [&](int length) {
    return static_cast<int>(static_cast<std::int64_t>(length) * side / std::min(canvas.height, canvas.width));
  };
  Image stored = resize_bicubic(canvas, scaled(canvas.height), scaled(canvas.width));
  return {stored.height, stored.width, std::move(stored.pixels)};
}

Picture outlined(const Picture& picture) {
  const int H = picture.height, W = picture.width;
  const auto texel = [&](int y, int x) {
    return picture.rgba.data() + (static_cast<std::size_t>(std::clamp(y, 0, H - 1)) * W + std::clamp(x, 0, W - 1)) * 4;
  };
  Picture out{H, W, std::vector<std::uint8_t>(picture.rgba.size())};
  for (int y = 0; y < H; ++y)
    for (int x = 0; x < W; ++x) {
      const std::uint8_t* here = texel(y, x);
      int cover = here[3], edge = 0;
      for (const std::uint8_t* beside : {texel(y - 1, x), texel(y + 1, x), texel(y, x - 1), texel(y, x + 1)}) {
        cover = std::max<int>(cover, beside[3]);
        int difference = 0;
        for (int c = 0; c < 3; ++c) difference += std::abs(here[c] - beside[c]);
        if (beside[3] > 128) edge = std::max(edge, difference);
      }
      const int kept =
          255 - std::clamp((edge - 60) * 3 / 2, 0, 255);  // ink where neighbours differ by more than 60 of 765
      std::uint8_t* pixel = out.rgba.data() + (static_cast<std::size_t>(y) * W + x) * 4;
      for (int c = 0; c < 3; ++c) pixel[c] = static_cast<std::uint8_t>(here[c] * kept / 255);
      pixel[3] = static_cast<std::uint8_t>(cover);  // the silhouette, one pixel wider; what it gained is black
    }
  return out;
}

View choose_view(Augment augment, const Picture& picture, int side, Rng& rng) {
  View view;
  const int stored = std::min(picture.height, picture.width);
  if (augment == Augment::kNone) {
    view.height = view.width = stored;  // as the encoders do at test time
    const int top = (picture.height - stored) / 2, left = (picture.width - stored) / 2;
    view.top = top, view.left = left;
  } else if (augment == Augment::kCrop) {
    view.height = view.width = side;
    view.top = static_cast<double>(rng.below(static_cast<std::uint64_t>(picture.height - side) + 1));
    view.left = static_cast<double>(rng.below(static_cast<std::uint64_t>(picture.width - side) + 1));
  } else if (augment == Augment::kPhotos) {
    const double extent = stored * std::sqrt(rng.uniform(0.4, 1.0)), aspect = std::exp(rng.uniform(-0.15, 0.15));
    view.height = std::min<double>(picture.height, extent * aspect),
    view.width = std::min<double>(picture.width, extent / aspect);
    view.top = rng.uniform(0, picture.height - view.height), view.left = rng.uniform(0, picture.width - view.width);
    view.mirror = rng.uniform() < 0.5;
    view.grey = rng.uniform() < 0.1;
    view.saturation = static_cast<float>(rng.uniform(0.6, 1.4));
    for (float& channel : view.background) channel = 0;  // what the light is taken towards
    view.gain = static_cast<float>(rng.uniform(0.7, 1.0));
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
  if (name == "photos") return Augment::kPhotos;
  if (name == "drawings") return Augment::kDrawings;
  fail("train.augment", "'" + name + "'", "none, crop, photos or drawings");
}

void draw_view(const Picture& plain, const View& view, int side, std::uint8_t* out) {
  const Picture inked = view.outline ? outlined(plain) : Picture();
  const Picture& picture = view.outline ? inked : plain;
  const int H = picture.height, W = picture.width, R = side;
  const auto texel = [&](int y, int x) -> const std::uint8_t* {
    static constexpr std::uint8_t kTransparent[4] = {};
    return y < 0 || x < 0 || y >= H || x >= W ? kTransparent
                                              : picture.rgba.data() + (static_cast<std::size_t>(y) * W + x) * 4;
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
      for (int k = 0; k < 3; ++k) rgba[k] = std::clamp(light + view.saturation * (rgba[k] - light), 0.0f, rgba[3]);
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
