// Training batches, a pure function of (seed, step): nothing but the step has to be saved to resume exactly.
// Pictures wait in memory as small premultiplied RGBA; a batch chooses a crop, a background and one caption for each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/text/tokenizer.hpp"
#include "sets/pairs.hpp"
#include "train/augment.hpp"

namespace cliplab {

struct Batch {
  std::vector<std::int64_t> pairs;                // [b] which pairs of a corpus; empty of shards
  std::vector<std::string> keys;                  // [b] their names, of shards; else empty
  std::vector<std::uint8_t> pixels;               // [b, R, R, 3]
  std::vector<std::vector<std::int32_t>> tokens;  // [b][T_i] ids with start and end, not padded
};

/// Which part of a batch: rows [rank * B / ranks, (rank + 1) * B / ranks).
struct Part {
  int rank = 0, ranks = 1;
};

/// Leaves out each token between the start and the end with probability `share` (word dropout of Bowman et al. 2016):
/// few captions are soon learnt by heart. A pure function of seed, step and row; `first` is the row of captions[0] in
/// the batch.
void drop_words(std::vector<std::vector<std::int32_t>>& captions, double share, std::uint64_t seed, std::int64_t step,
                std::int64_t first);

class BatchSource {
 public:
  /// Decodes the whole corpus once (progress on stderr): N x (9/8 R)^2 x 4 bytes, twice that at most for pictures that
  /// are not square. Pairs that cannot be decoded are counted, named and left out. `augment` decides how pictures are
  /// kept. Throws InputError when fewer than `batch` remain.
  BatchSource(const PairCorpus& corpus, int resolution, int context_length, std::int64_t batch, std::uint64_t seed,
              Augment augment = Augment::kDrawings, const TextTokenizer& tokenizer = Tokenizer());

  std::int64_t size() const { return static_cast<std::int64_t>(keys_.size()); }
  const std::string& key(std::int64_t pair) const { return keys_[pair]; }

  /// Batch `step` of the endless sequence of shuffled epochs (a last partial batch of an epoch is left out), or a part
  /// of it: a batch's pairs, their captions and their views do not depend on how many share it.
  Batch make(std::int64_t step, Augment augment, Part part = {}) const;

 private:
  std::vector<std::int64_t> order(std::int64_t epoch) const;

  int resolution_;
  std::int64_t batch_;
  std::uint64_t seed_;
  std::vector<std::string> keys_;
  std::vector<Picture> pictures_;                                 // [N]
  std::vector<std::vector<std::vector<std::int32_t>>> captions_;  // [N][several][T]
};

}  // namespace cliplab
