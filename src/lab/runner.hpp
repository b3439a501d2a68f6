// Runs a named config: data, models, studies, results. Every step is a unit that exists whole or not at all, so
// the same command after a stop goes on, and after success does nothing.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/options.hpp"

namespace cliplab {

/// All keys of a run: general ones, [train], [model], [eval] and each study's.
Options run_options();

/// "quickstart" -> experiments/quickstart.cfg; "encoder_scaling/small" -> experiments/encoder_scaling/small.cfg; a path
/// stays. Throws InputError with the configs that exist.
std::filesystem::path find_config(const std::string& name);
/// Every shipped config by name.
std::vector<std::string> list_configs();

/// `run CONFIG [--key value ...] [--sweep key=a,b,c]`: returns the exit code. Prints the run's folder on stdout, last.
int run_command(std::span<const std::string> arguments);

/// `sweep CONFIG KEY=a,b,c ... [--key value ...]`: the same as `run` with a --sweep before each KEY=a,b,c. Throws
/// InputError where nothing is varied.
int sweep_command(std::span<const std::string> arguments);

/// Checks a config as far as possible without data: keys, values, studies, architectures, data set names.
void check_config(const std::filesystem::path& config, std::span<const std::string> overrides);

}  // namespace cliplab
