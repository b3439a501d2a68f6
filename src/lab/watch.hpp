// The keys [watch] of a run: zero-shot and retrieval of a model while it is trained (the paper followed both that way).
#pragma once

#include "base/options.hpp"
#include "train/train.hpp"

namespace cliplab {

void declare_watch_options(Options& options);

/// Measures what [watch] names, as the studies do, on a part of the pictures; empty where it names nothing. Features
/// are kept in `folder` for as long as a measurement takes. A model without such a score (retrieval by one that
/// predicts words) gives a notice. `options` live as long as the result.
TrainWatch train_watch(const Options& options, const std::filesystem::path& folder);

}  // namespace cliplab
