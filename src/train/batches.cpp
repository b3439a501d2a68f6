// Decoding, shuffling and augmentation of training pairs.
#include "train/batches.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "base/rng.hpp"
#include "data/preprocess.hpp"

namespace cliplab {
namespace {

/// RGBA with straight alpha, any shape -> premultiplied, centred on a transparent square of side `side`.
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

/// How one picture is drawn into the R x R output.
struct View {
  double top = 0, left = 0, height = 0, width = 0;  // box in the stored picture, may reach outside (transparent)
  bool mirror = false, grey = false;
  float background[3] = {255, 255, 255};
  float gain = 1;  // contrast about the background
};

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
    const double scale = rng.uniform(0.75, 1.25), aspect = std::exp(rng.uniform(-0.15, 0.15));
    view.height = stored * scale * aspect, view.width = stored * scale / aspect;
    const auto offset = [&](double extent) {
      const double room = stored - extent;
      return room * 0.5 + std::abs(room) * rng.uniform(-0.5, 0.5);
    };
    view.top = offset(view.height), view.left = offset(view.width);
    view.mirror = rng.uniform() < 0.3;
    view.grey = rng.uniform() < 0.3;
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

}  // namespace

Augment parse_augment(const std::string& name) {
  if (name == "none") return Augment::kNone;
  if (name == "crop") return Augment::kCrop;
  if (name == "drawings") return Augment::kDrawings;
  fail("train.augment", "'" + name + "'", "none, crop or drawings");
}

BatchSource::BatchSource(const PairCorpus& corpus, int resolution, int context_length, std::int64_t batch,
                         std::uint64_t seed)
    : resolution_(resolution), stored_(resolution + resolution / 8), batch_(batch), seed_(seed) {
  const Tokenizer tokenizer;
  const std::int64_t total = corpus.size();
  std::vector<std::vector<std::uint8_t>> pictures(total);
  std::vector<std::vector<std::vector<std::int32_t>>> captions(total);
  std::vector<std::string> keys(total), problems(total);
  {
    Progress progress("decode " + corpus.id(), total, "pairs");
    parallel_for(total, [&](std::int64_t i) {
      if (stop_requested()) throw Interrupted("stopped while decoding the training pairs");
      try {
        const Pair pair = corpus.get(i);
        pictures[i] = stored_picture(pair.image, stored_);
        for (const std::string& caption : pair.captions) captions[i].push_back(tokenizer.encode(caption, context_length));
        keys[i] = pair.key;
        if (captions[i].empty()) problems[i] = pair.key + ": no caption";
      } catch (const InputError& error) {
        problems[i] = error.what();
      }
      progress.advance();
    });
  }
  std::int64_t bad = 0;
  for (std::int64_t i = 0; i < total; ++i) {
    if (!problems[i].empty()) {
      if (++bad <= 5) say("left out: " + problems[i]);
      continue;
    }
    pictures_.push_back(std::move(pictures[i]));
    captions_.push_back(std::move(captions[i]));
    keys_.push_back(std::move(keys[i]));
  }
  if (bad > 0) say(std::to_string(bad) + " of " + std::to_string(total) + " pairs of " + corpus.id() + " left out");
  if (size() < batch)
    fail(corpus.id(), std::to_string(size()) + " readable pairs", "at least one batch of " + std::to_string(batch),
         "use a smaller train.batch");
}

std::vector<std::int64_t> BatchSource::order(std::int64_t epoch) const {
  std::vector<std::int64_t> order(size());
  std::iota(order.begin(), order.end(), 0);
  Rng rng(seed_, 0x5eed0000ull + static_cast<std::uint64_t>(epoch));
  rng.shuffle(order);
  return order;
}

Batch BatchSource::make(std::int64_t step, Augment augment) const {
  const std::int64_t per_epoch = size() / batch_;
  const std::vector<std::int64_t> order = this->order(step / per_epoch);
  const auto first = order.begin() + (step % per_epoch) * batch_;
  Batch batch;
  batch.pairs.assign(first, first + batch_);
  const std::size_t area = static_cast<std::size_t>(resolution_) * resolution_ * 3;
  batch.pixels.resize(batch_ * area);
  batch.tokens.resize(batch_);
  parallel_for(batch_, [&](std::int64_t i) {
    Rng rng(seed_ ^ 0xba7c4, static_cast<std::uint64_t>(step) * 65536 + static_cast<std::uint64_t>(i));
    const auto& choices = captions_[batch.pairs[i]];
    batch.tokens[i] = choices[augment == Augment::kNone ? 0 : rng.below(choices.size())];
    draw(batch.pairs[i], augment, rng, batch.pixels.data() + i * area);
  });
  return batch;
}

void BatchSource::draw(std::int64_t pair, Augment augment, Rng& rng, std::uint8_t* out) const {
  const View view = choose_view(augment, stored_, resolution_, rng);
  const std::vector<std::uint8_t>& picture = pictures_[pair];
  const int S = stored_, R = resolution_;
  const auto texel = [&](int y, int x) -> const std::uint8_t* {
    static constexpr std::uint8_t kTransparent[4] = {};
    return y < 0 || x < 0 || y >= S || x >= S ? kTransparent : picture.data() + (static_cast<std::size_t>(y) * S + x) * 4;
  };
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
      const float clear = 1 - rgba[3] / 255;
      for (int k = 0; k < 3; ++k)  // premultiplied over the background, contrast taken towards it
        rgba[k] = view.gain * rgba[k] + (1 - view.gain * (1 - clear)) * view.background[k];
      if (view.grey) rgba[0] = rgba[1] = rgba[2] = 0.299f * rgba[0] + 0.587f * rgba[1] + 0.114f * rgba[2];
      std::uint8_t* pixel = out + (static_cast<std::size_t>(row) * R + (view.mirror ? R - 1 - column : column)) * 3;
      for (int k = 0; k < 3; ++k) pixel[k] = static_cast<std::uint8_t>(std::clamp(rgba[k] + 0.5f, 0.0f, 255.0f));
    }
  }
}

}  // namespace cliplab
