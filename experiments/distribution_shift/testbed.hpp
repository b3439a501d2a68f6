// The models of Taori et al.'s testbed (2020) on ImageNet and its shifts: the paper's line (Figures 13 to 15).
#pragma once

#include <string>
#include <vector>

namespace cliplab {

struct TestbedPoint {
  std::string model;
  double source = 0,
         shift = 0;  // top-1, fractions; the source over the shift's classes alone; clips: mean of pm-0 and pm-10
};

/// Its "standard" models, trained on ImageNet without robustness interventions or more data. Empty for another source
/// than "imagenet", and for a shift that it does not have. Throws InputError for a damaged file.
std::vector<TestbedPoint> testbed_models(const std::string& source, const std::string& shift);

}  // namespace cliplab
