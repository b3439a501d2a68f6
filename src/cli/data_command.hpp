// ./cliplab data ...: sets built from packages, and the user's own copies of the paper's data sets.
#pragma once

#include <span>
#include <string>

namespace cliplab {

extern const char* const kDataUsage;
/// `arguments`: the words after "data". Returns the exit code. Throws InputError.
int data_command(std::span<const std::string> arguments);

}  // namespace cliplab
