// One split of a data set as feature rows, and what may be fitted on what.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/matrix.hpp"

namespace cliplab {

struct FeatureSet {
  std::string id;                      // encoder, space, data set, subset: a cache key
  std::string encoder;                 // encoder and space
  std::string split;                   // "train", "validation", "test"
  std::string description;             // "vit-s", "raw-pixels": the model column of records
  Matrix x;                            // [N, D]
  std::vector<int> labels;             // [N]; the first of several
  int num_classes = 0;                 // of the data set; rows may lack some
  std::vector<std::int8_t> targets{};  // [N, C] where a picture may have several: 1, -1, 0 (difficult); else empty
  std::vector<int> clips{};            // [N] as Dataset::clips(); else empty
};

/// Throws InputError when a fit on `train` (and `validation`, which may be null), scored on `test`, would see the test
/// split, mix encoders, or pair rows with other rows' labels.
void check_fit(const FeatureSet& train, const FeatureSet* validation, const FeatureSet& test);

}  // namespace cliplab
