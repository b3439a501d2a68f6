// The checks before a probe.
#include "eval/feature_set.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace cliplab {

FeatureSet part_of(const FeatureSet& train, bool validation) {
  std::vector<Eigen::Index> rows;
  for (std::size_t i = 0; i < train.validation.size(); ++i)
    if ((train.validation[i] != 0) == validation) rows.push_back(static_cast<Eigen::Index>(i));
  FeatureSet part;
  part.id = train.id + (validation ? "|validation" : "|without validation");
  part.encoder = train.encoder, part.split = validation ? "validation" : "train", part.description = train.description;
  part.x = train.x(rows, Eigen::all), part.truth = train.truth.rows(rows);
  return part;
}

void check_fit(const FeatureSet& train, const FeatureSet* validation, const FeatureSet& test) {
  for (const FeatureSet* set : {&train, validation})
    if (set != nullptr && set->split == "test")
      fail("probe", fmt::format("a fit on the test split {}", set->id), "a train or validation split");
  for (const FeatureSet* set : {&train, validation, &test}) {
    if (set == nullptr) continue;
    if (set->encoder != test.encoder)
      fail("probe", fmt::format("features of {}", set->encoder),
           fmt::format("of {} as the test split's", test.encoder));
    if (set->x.rows() != set->truth.size())
      fail("probe", fmt::format("{} labels for {} feature rows of {}", set->truth.size(), set->x.rows(), set->id),
           "as many labels as rows");
  }
}

}  // namespace cliplab
