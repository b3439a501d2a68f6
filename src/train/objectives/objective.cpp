// The table of objectives.
#include "train/objectives/objective.hpp"

#include "base/text.hpp"

namespace cliplab {

const Objective& find_objective(const std::string& name) {
  static const std::vector<Objective> table{{"contrastive"}, {"bow_contrastive"}, bow_prediction(), captioning()};
  return find_named(table, name, "train.objective");
}

}  // namespace cliplab
