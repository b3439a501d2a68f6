// Linear probes (appendix A.3), fitted once and kept on disk under a key of all that decides them.
#pragma once

#include <filesystem>
#include <string>

#include "base/options.hpp"
#include "eval/feature_set.hpp"
#include "eval/probe_sweep.hpp"

namespace cliplab {

class ProbeStore {
 public:
  ProbeStore(const Options& options, std::filesystem::path folder) : options_(options), folder_(std::move(folder)) {}

  /// The search for lambda by the run's rule and the final fit. Lambda is chosen on `validation`, or on a cut of
  /// `train` if that is null. Throws Interrupted before a fit.
  SweepResult fit(const FeatureSet& train, const FeatureSet* validation);

 private:
  SweepOptions sweep_options() const;

  const Options& options_;
  std::filesystem::path folder_;
};

}  // namespace cliplab
