// The registry of training objectives.
#include "model/objective.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace cliplab {
namespace {

std::vector<std::unique_ptr<ModelObjective>>& registered_objectives() {
  static std::vector<std::unique_ptr<ModelObjective>> objectives;
  return objectives;
}

}  // namespace

const std::vector<std::unique_ptr<ModelObjective>>& model_objectives() { return registered_objectives(); }

std::vector<std::string> objective_names() {
  std::vector<std::string> names;
  for (const auto& objective : registered_objectives()) names.push_back(objective->name());
  return names;
}

bool register_objective(std::unique_ptr<ModelObjective> objective) {
  auto& objectives = registered_objectives();
  const auto place = std::ranges::upper_bound(objectives, objective->name(), {}, &ModelObjective::name);
  objectives.insert(place, std::move(objective));
  return true;
}

const ModelObjective& find_model_objective(const std::string& name, const std::string& where) {
  for (const auto& objective : registered_objectives())
    if (objective->name() == name) return *objective;
  fail(where, "'" + name.substr(0, 40) + "'", "one of " + joined(objective_names()));
}

}  // namespace cliplab
