// Opening models late, and once.
#include "lab/models.hpp"

#include "lab/model_options.hpp"

namespace cliplab {

const Models::Baselines& Models::baselines() {
  used_baselines_ = true;
  return baselines_;
}

std::vector<ImageModel*> Models::encoders() {
  std::vector<ImageModel*> all;
  for (const auto& model : clip_) all.push_back(model.get());
  for (const auto& baseline : baselines()) all.push_back(baseline.get());
  return all;
}

ClipModel& Models::untrained(const ClipModel& model) {
  auto& twin = untrained_[model.info().architecture.name];
  if (!twin)
    twin = untrained_clip_model(model.info().architecture, static_cast<std::uint64_t>(options_.integer("seed")),
                                model_options(options_));
  return *twin;
}

}  // namespace cliplab
