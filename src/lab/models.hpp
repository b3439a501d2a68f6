// The models of a run: opened once, with the baselines and the untrained twins that studies compare them with.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/options.hpp"
#include "model/encoder.hpp"

namespace cliplab {

class Models {
 public:
  using ClipModels = std::vector<std::unique_ptr<ClipModel>>;
  using Baselines = std::vector<std::unique_ptr<ImageModel>>;

  Models(const Options& options, ClipModels clip, Baselines baselines = {})
      : options_(options), clip_(std::move(clip)), baselines_(std::move(baselines)) {}

  /// In the order of the config.
  const ClipModels& clip() const { return clip_; }
  /// model.baselines: encoders without a text tower, for probes alone.
  const Baselines& baselines();
  /// The models and the baselines: everything that gives features.
  std::vector<ImageModel*> encoders();
  /// True if a study asked for the baselines since forget_use().
  bool used_baselines() const { return used_baselines_; }
  void forget_use() { used_baselines_ = false; }
  /// The architecture of `model` with its initial weights, as the baseline for what training adds.
  ClipModel& untrained(const ClipModel& model);

 private:
  const Options& options_;
  ClipModels clip_;
  Baselines baselines_;
  bool used_baselines_ = false;
  std::map<std::string, std::unique_ptr<ClipModel>> untrained_;
};

}  // namespace cliplab
