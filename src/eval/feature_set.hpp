// One split of a data set as feature rows, and what may be fitted on what.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/matrix.hpp"
#include "base/truth.hpp"

namespace cliplab {

struct FeatureSet {
  std::string id;                    // encoder, space, data set, subset: a cache key
  std::string encoder;               // encoder and space
  std::string split;                 // "train", "validation", "test"
  std::string description;           // "vit-s", "raw-pixels": the model column of records
  Matrix x;                          // [N, D]
  Truth truth;                       // of these N samples
  std::vector<std::int64_t> rows{};  // [N] which samples of the split these are
  std::vector<char>
      validation{};  // [N] of a train split: 1 for the set's official validation split; empty: it has none
  std::vector<std::vector<RoundRole>> rounds{};  // [rounds][N] of a set that its authors divide several times
  std::int64_t undecodable = 0;                  // pictures that were left out because they cannot be decoded
};

/// The rows of a train split that are, or are not, of its official validation split.
FeatureSet part_of(const FeatureSet& train, bool validation);

/// The rows of both splits that are fitted on, or tested on, in a round. Throws InputError when there is none.
FeatureSet round_of(const FeatureSet& train, const FeatureSet& test, std::size_t round, RoundRole role);

/// Throws InputError when a fit on `train` (and `validation`, which may be null), scored on `test`, would see the test
/// split, mix encoders, or pair rows with other rows' labels.
void check_fit(const FeatureSet& train, const FeatureSet* validation, const FeatureSet& test);

}  // namespace cliplab
