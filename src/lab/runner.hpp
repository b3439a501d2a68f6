// Runs a config: data, models, studies, results. Every step is a unit that exists whole or not at all, so the same
// command continues after a stop, and does nothing after success.
#pragma once

#include <filesystem>
#include <string>

#include "base/options.hpp"
#include "lab/plan.hpp"
#include "train/train.hpp"

namespace cliplab {

/// The plan of a run from values and names alone. Throws InputError for a value, a study or a set that does not exist.
Plan plan_run(const Options& options);

/// Checks a config without running it: values, studies, sets that are on disk, model files. Opens every model file.
/// Returns the plan. Throws InputError as the run would.
Plan check_run(const Options& options);

/// The run's folder, results/runs/<name>-<key>; empty on ranks above 0, which leave after the training. A study that
/// fails does not stop the next; throws InputError that names them at the end.
std::filesystem::path execute_run(const Options& options, const std::string& name, std::unique_ptr<Ranks> ranks);

/// experiments/STUDY/small.cfg -> "STUDY-small".
std::string run_name(const std::filesystem::path& config);

}  // namespace cliplab
