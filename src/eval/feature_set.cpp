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

FeatureSet round_of(const FeatureSet& train, const FeatureSet& test, std::size_t round, RoundRole role) {
  FeatureSet part;
  const bool fitted = role == RoundRole::kTrain;
  part.id = fmt::format("{}|{}|round {} {}", train.id, test.id, round + 1, fitted ? "train" : "test");
  part.encoder = test.encoder, part.split = fitted ? "train" : "test", part.description = test.description;
  part.truth.num_classes = test.truth.num_classes;
  std::vector<std::pair<const FeatureSet*, std::vector<Eigen::Index>>> sources;
  Eigen::Index total = 0;
  for (const FeatureSet* set : {&train, &test}) {
    std::vector<Eigen::Index> rows;
    if (round < set->rounds.size())
      for (std::size_t i = 0; i < set->rounds[round].size(); ++i)
        if (set->rounds[round][i] == role) rows.push_back(static_cast<Eigen::Index>(i));
    total += std::ssize(rows);
    const Truth own = set->truth.rows(rows);
    part.truth.labels.insert(part.truth.labels.end(), own.labels.begin(), own.labels.end());
    sources.emplace_back(set, std::move(rows));
  }
  if (total == 0)
    fail(test.id, fmt::format("no sample of round {} to {}", round + 1, fitted ? "fit on" : "test on"), "one or more");
  part.x.resize(total, test.x.cols());
  Eigen::Index row = 0;
  for (const auto& [set, rows] : sources)
    if (!rows.empty()) part.x.middleRows(row, std::ssize(rows)) = set->x(rows, Eigen::all), row += std::ssize(rows);
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
