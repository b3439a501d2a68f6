// Hidden sub-commands for the parity tests: what the layers compute, on stdin and stdout.
#pragma once

#include <span>
#include <string>

namespace cliplab {

/// tokenize | transform FILE SIZE | decode FILE | embed MODEL SPACE FILE...
int debug_command(std::span<const std::string> arguments);

}  // namespace cliplab
