// Scores of classifiers and retrieval, with intervals. All rates are fractions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/matrix.hpp"

namespace cliplab {

struct Interval {
  double value = 0, low = 0, high = 0;  // 95 % unless said otherwise
  std::int64_t n = 0;
};

/// Clopper-Pearson interval of `hits` in `n`; n = 0 gives {0, 0, 1, 0}. `level` in (0, 1).
Interval clopper_pearson(std::int64_t hits, std::int64_t n, double level = 0.95);

/// Rank of the label's logit in its row, 0 for the highest; ties count against the label except by index
/// (the lower class index wins, as argmax does). logits [N, C], labels [N] -> [N].
std::vector<int> label_ranks(const Matrix& logits, std::span<const int> labels);

/// Share of rows with rank < k, Clopper-Pearson.
Interval top_k(std::span<const int> ranks, int k);

/// Mean over the classes that occur of the class's top-1 rate; interval by 1000 stratified bootstrap resamples.
Interval mean_per_class(std::span<const int> ranks, std::span<const int> labels, std::uint64_t seed = 0);

/// What guessing the most frequent training class scores on the test labels.
Interval majority_class(std::span<const int> train_labels, std::span<const int> test_labels);

}  // namespace cliplab
