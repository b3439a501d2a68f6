// The keys of a run: general ones, [train], [model], [eval], [probe], [watch] and each study's.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/options.hpp"
#include "lab/experiment.hpp"

namespace cliplab {

Options run_options();
/// The keys of one study alone.
Options study_options(const ExperimentInfo& info);

/// The config's values, and over them those of the command line: `--key value`, `--model FILE` for model.files. Sets
/// the data root. Throws InputError.
Options read_options(const std::filesystem::path& config, std::span<const std::string> words);

/// "quickstart" -> experiments/quickstart.cfg; "STUDY/small" -> experiments/STUDY/small.cfg; a path
/// stays. Throws InputError with the configs that exist.
std::filesystem::path find_config(const std::string& name);
/// Every shipped config by name.
std::vector<std::string> list_configs();

}  // namespace cliplab
