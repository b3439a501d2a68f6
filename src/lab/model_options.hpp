// The keys [model] of a run and of ./cliplab model: what the user states about a checkpoint, and how it computes.
#pragma once

#include "base/options.hpp"
#include "model/encoder.hpp"

namespace cliplab {

void declare_model_options(Options& options);

/// Throws InputError for statistics that are no three numbers.
ModelOptions model_options(const Options& options);

}  // namespace cliplab
