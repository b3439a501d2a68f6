// Samples of webdataset tar shards, by its own rules, at the rate of the decoder: for training sets that neither fit in
// memory nor have an index. Shards are shuffled by epoch, then split over ranks, then read one after the other, with a
// shuffle buffer of encoded samples; threads decode and preprocess ahead of the consumer. What comes out is a function
// of (shards, seed, epoch, rank) alone: threads change no order, and a pass can be resumed at any place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pixels/preprocess.hpp"

namespace cliplab {

struct LoaderOptions {
  std::vector<std::filesystem::path> shards;  // see expand_shards
  Preprocess preprocess;
  std::int64_t batch = 64;
  int rank = 0, ranks = 1;  // this one reads shards rank, rank + ranks, ... of the shuffled list
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;
  std::int64_t buffer = 1000;  // encoded samples that are shuffled among each other; 1 or less: the shards' own order
  std::int64_t buffer_bytes = std::int64_t{1} << 30;  // that they take, at most: fewer samples where pictures are large
  bool shuffle_shards = true;
  std::int64_t skip = 0;   // samples of this pass that were used already: position() of the pass that stopped
  int threads = 0;         // decoders; 0: num_threads()
  std::int64_t ahead = 3;  // batches that are decoded before they are asked for
  /// Instead of `preprocess`: what becomes of the decoded picture, the place-th sample of this pass. On many threads.
  std::function<Image(const Image& decoded, std::int64_t place)> view;
  bool bad_is_fatal = false;  // a bad sample throws from next(); else it is counted, named and left out
};

struct LoadedSample {
  std::string key, text;  // of <key>.txt without the line's end; neither blank nor other than UTF-8
  Image image;            // RGB [size, size, 3], or what `view` made
};

class Loader {
 public:
  /// Throws InputError: no shard, fewer shards than ranks, options out of range.
  explicit Loader(LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next `count` good samples (0: `batch`), fewer at the end of the pass, none after it (false). Throws
  /// Interrupted on a signal.
  bool next(std::vector<LoadedSample>& samples, std::int64_t count = 0);

  std::int64_t position() const;  // samples taken, good and bad, with those skipped
  /// Damaged pictures, pictures without a caption or with one that is blank or not UTF-8, texts without a picture, torn
  /// shards.
  std::int64_t bad() const;
  double waited_seconds() const;  // that next() spent waiting: the data-wait share is this over the time of the pass

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Throws InputError when the first samples of the first shards have class numbers (.cls) and no captions; a notice
/// when all their captions are numbers.
void need_captions(const std::vector<std::filesystem::path>& shards);

/// A folder's shards (*.tar, or compressed) in the order of their names, one file, or a range in braces:
/// "/data/cc3m-{00000..00331}.tar".
/// Throws InputError naming what is missing.
std::vector<std::filesystem::path> expand_shards(const std::string& pattern);

}  // namespace cliplab
