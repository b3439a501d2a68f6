// The commands about configs and studies: list, describe, check, run, sweep.
#pragma once

#include <span>
#include <string>

namespace cliplab {

int list_command();
int describe_command(std::span<const std::string> arguments);
int check_command(std::span<const std::string> arguments);

/// `run CONFIG [--key value ...] [--sweep key=a,b,c]`: returns the exit code. Prints the run's folder on stdout, last.
int run_command(std::span<const std::string> arguments);

/// `sweep CONFIG KEY=a,b,c ... [--key value ...]`: the same as `run` with a --sweep before each KEY=a,b,c. Throws
/// InputError if nothing is varied.
int sweep_command(std::span<const std::string> arguments);

}  // namespace cliplab
