// The registry of baselines, in order of their names.
#include "model/baseline.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace cliplab {
namespace {

std::vector<Baseline>& registry() {
  static std::vector<Baseline> baselines;
  return baselines;
}

}  // namespace

bool register_baseline(Baseline baseline) {
  auto& all = registry();
  all.insert(std::ranges::upper_bound(all, baseline.name, {}, &Baseline::name), std::move(baseline));
  return true;
}

std::vector<std::string> baseline_models() {
  std::vector<std::string> names;
  for (const Baseline& baseline : registry()) names.push_back(baseline.name);
  return names;
}

std::string baseline_package(const std::string& name) { return find_named(registry(), name, "baseline").package; }

std::unique_ptr<ImageModel> open_baseline_model(const std::string& name, const std::filesystem::path& weights,
                                                const ModelOptions& options) {
  return find_named(registry(), name, "baseline").open(weights, options);
}

}  // namespace cliplab
