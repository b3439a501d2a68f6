// Training pairs from webdataset shards that fit into no memory (CC3M, CC12M, YFCC15M, LAION). The shards are read as a
// fixed number of streams, each with its own share of every batch: which pairs make up a step depends on the number of
// streams, not on that of the ranks, which share the streams out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "train/batches.hpp"

namespace cliplab {

class Loader;

struct ShardSourceOptions {
  std::vector<std::filesystem::path> shards;
  int resolution = 32, context_length = 77;
  std::int64_t batch = 256;
  int streams = 1;
  std::uint64_t seed = 0;
  Augment augment = Augment::kCrop;
  Part part;
  std::shared_ptr<const TextTokenizer> tokenizer = std::make_shared<Tokenizer>();
};

/// Batches in order, this rank's rows. A stream that has read its shards begins them again in another order, at its own
/// time.
class ShardSource {
 public:
  /// Throws InputError: streams that do not divide the batch, that the ranks do not share evenly, or fewer shards than
  /// streams; class numbers instead of captions.
  explicit ShardSource(ShardSourceOptions options);
  ~ShardSource();

  /// The next batch; Batch::keys has the samples' names. Bad samples are named, counted and left out. Throws InputError
  /// when a whole pass of a stream has no good one, and Interrupted.
  Batch next();

  /// [2 a stream] passes begun and samples taken of the last; 0 of the streams of other ranks: sums over ranks are all
  /// of it.
  std::vector<double> position() const;
  /// To where position() was, of all streams. Throws InputError for another number of streams.
  void go_to(const std::vector<double>& position);

  std::int64_t bad() const;  // samples left out since the start of this process

 private:
  struct Stream {
    int number = 0;
    std::int64_t epoch = 0, bad_before = 0;
    std::unique_ptr<Loader> loader;
  };
  void open(Stream& stream, std::int64_t skip);

  ShardSourceOptions options_;
  std::vector<Stream> streams_;  // of this rank
};

}  // namespace cliplab
