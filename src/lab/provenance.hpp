// Where a number came from: code, compiler, machine, time.
#pragma once

#include <map>
#include <string>

namespace cliplab {

/// commit, dirty ("yes", "no", "unknown"), compiler, cpu, threads, date (UTC).
std::map<std::string, std::string> provenance();

}  // namespace cliplab
