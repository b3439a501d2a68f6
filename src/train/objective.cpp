// The table of objectives.
#include "train/objective.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

namespace cliplab {

const Objective& find_objective(const std::string& name) {
  static const std::vector<Objective> table{{"contrastive"}, {"bow_contrastive"}, bow_prediction(), captioning()};
  for (const Objective& objective : table)
    if (objective.name == name) return objective;
  fail("train.objective", "'" + name + "'", joined(objective_names()));
}

}  // namespace cliplab
