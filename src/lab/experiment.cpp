// The list of studies, filled by static initialisers of the studies' own files.
#include <algorithm>
#include <stdexcept>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"
#include "lab/experiment.hpp"

namespace cliplab {
namespace {

std::vector<ExperimentInfo>& registry() {
  static std::vector<ExperimentInfo> list;
  return list;
}

}  // namespace

bool register_experiment(ExperimentInfo info) {
  auto& list = registry();
  const auto place = std::lower_bound(list.begin(), list.end(), info.name,
                                      [](const ExperimentInfo& a, const std::string& name) { return a.name < name; });
  if (place != list.end() && place->name == info.name) throw std::logic_error("two studies named " + info.name);
  list.insert(place, std::move(info));
  return true;
}

std::span<const ExperimentInfo> experiments() { return registry(); }

const ExperimentInfo& find_experiment(const std::string& name) { return find_named(registry(), name, "study"); }

}  // namespace cliplab
