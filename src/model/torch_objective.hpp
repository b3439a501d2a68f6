// The probe's objective over LibTorch: the same numbers as eval/softmax_objective.hpp, on any device of LibTorch.
#pragma once

#include <memory>
#include <string>

#include "base/stacked_objective.hpp"

namespace cliplab {

/// features less `shift` [D] (or empty) in float32 or float64 products with float64 sums, on "cpu" or "cuda". `keep`:
/// the features stay on the device; else `chunk_rows` at a time are read in every evaluation. Throws InputError when
/// there is no such device.
std::unique_ptr<StackedObjective> torch_objective(RowSource features, Eigen::Index logits, const VectorD& shift,
                                                  const std::string& device, bool float64, bool keep,
                                                  Eigen::Index chunk_rows = 0);

}  // namespace cliplab
