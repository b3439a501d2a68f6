// A loader a stream; the view of a picture is drawn by the thread that decoded it.
#include "train/shard_source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "base/rng.hpp"
#include "sets/loader.hpp"

namespace cliplab {

ShardSource::ShardSource(ShardSourceOptions options) : options_(std::move(options)) {
  const ShardSourceOptions& o = options_;
  if (o.streams % o.part.ranks != 0)
    fail("train.streams", fmt::format("{} on {} ranks", o.streams, o.part.ranks), "a multiple of the ranks");
  if (o.batch % o.streams != 0)
    fail("train.batch", fmt::format("{} of {} streams", o.batch, o.streams), "a multiple of train.streams");
  if (std::ssize(o.shards) < o.streams)
    fail("train.streams", fmt::format("{} of {} shards", o.streams, o.shards.size()), "at most one a shard");
  need_captions(o.shards);
  const int mine = o.streams / o.part.ranks;
  for (int s = 0; s < mine; ++s) {
    streams_.push_back({.number = o.part.rank * mine + s});
    open(streams_.back(), 0);
  }
}

ShardSource::~ShardSource() = default;

void ShardSource::open(Stream& stream, std::int64_t skip) {
  LoaderOptions loader;
  loader.shards = options_.shards;
  loader.batch = options_.batch / options_.streams;
  loader.rank = stream.number, loader.ranks = options_.streams;
  loader.seed = options_.seed, loader.epoch = stream.epoch, loader.skip = skip;
  loader.buffer = std::max<std::int64_t>(128, 2048 / options_.streams);
  loader.buffer_bytes = (std::int64_t{2} << 30) / options_.streams;  // of all streams 2 GiB
  loader.threads = std::max(1, num_threads() / static_cast<int>(streams_.size()));
  const int side = options_.resolution;
  const auto stream_of_views =
      static_cast<std::uint64_t>(stream.epoch) * 65536 + static_cast<std::uint64_t>(stream.number);
  loader.view = [seed = options_.seed, augment = options_.augment, side, stream_of_views](const Image& decoded,
                                                                                          std::int64_t place) {
    Rng rng(seed ^ 0xba7c4, (stream_of_views << 32) + static_cast<std::uint64_t>(place));
    const Picture picture = stored_picture(decoded, side + side / 8, augment);
    Image image = Image::make(side, side, 3);
    draw_view(picture, choose_view(augment, picture, side, rng), side, image.pixels.data());
    return image;
  };
  if (stream.loader) stream.bad_before += stream.loader->bad();
  stream.loader = std::make_unique<Loader>(std::move(loader));
}

Batch ShardSource::next() {
  const std::int64_t share = options_.batch / options_.streams;
  std::vector<LoadedSample> samples, more;
  for (Stream& stream : streams_) {
    const std::int64_t wanted = std::ssize(samples) + share;
    bool fresh = false;  // a pass that has given nothing yet
    while (std::ssize(samples) < wanted) {
      if (stream.loader->next(more, wanted - std::ssize(samples))) {
        fresh = false;
        std::move(more.begin(), more.end(), std::back_inserter(samples));
        continue;
      }
      if (fresh)
        fail("train.corpus", fmt::format("no good sample in a pass of stream {}", stream.number), "one at least");
      fresh = true, ++stream.epoch;
      open(stream, 0);
    }
  }
  Batch batch;
  const std::size_t area = static_cast<std::size_t>(options_.resolution) * options_.resolution * 3;
  batch.pixels.resize(samples.size() * area);
  batch.tokens.resize(samples.size());
  for (const LoadedSample& sample : samples) batch.keys.push_back(sample.key);
  parallel_for(std::ssize(samples), [&](std::int64_t i) {
    batch.tokens[i] = options_.tokenizer->encode(samples[i].text, options_.context_length, TooLong::kCut);
    std::copy_n(samples[i].image.pixels.begin(), area, batch.pixels.begin() + static_cast<std::ptrdiff_t>(i * area));
  });
  return batch;
}

std::vector<double> ShardSource::position() const {
  std::vector<double> position(2 * static_cast<std::size_t>(options_.streams));
  for (const Stream& stream : streams_) {
    position[2 * stream.number] = static_cast<double>(stream.epoch);
    position[2 * stream.number + 1] = static_cast<double>(stream.loader->position());
  }
  return position;
}

void ShardSource::go_to(const std::vector<double>& position) {
  if (std::ssize(position) != 2 * options_.streams)
    fail("checkpoint", fmt::format("places in {} streams of shards", position.size() / 2),
         fmt::format("{} as train.streams says", options_.streams));
  for (Stream& stream : streams_) {
    stream.epoch = static_cast<std::int64_t>(position[2 * stream.number]);
    open(stream, static_cast<std::int64_t>(position[2 * stream.number + 1]));
  }
}

std::int64_t ShardSource::bad() const {
  std::int64_t bad = 0;
  for (const Stream& stream : streams_) bad += stream.bad_before + stream.loader->bad();
  return bad;
}

}  // namespace cliplab
