// Facts about the code and the machine; asked of git and the kernel once a run.
#include "lab/provenance.hpp"

#include <cstdio>
#include <ctime>
#include <fstream>

#include "base/cpu.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"

namespace cliplab {
namespace {

/// Standard output of a fixed command, without the last newline; "" when it fails.
std::string output_of(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return {};
  std::string text;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) text += buffer;
  const int status = ::pclose(pipe);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return status == 0 ? text : std::string();
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

/// What does not change while the program runs.
std::map<std::string, std::string> code_and_machine() {
  std::string root = "'";
  for (const char c : project_root().string()) root += c == '\'' ? std::string("'\\''") : std::string(1, c);
  root += "'";
  const std::string commit = output_of("git -C " + root + " rev-parse HEAD");
  std::string dirty = "unknown";
  if (!commit.empty())
    dirty =
        output_of("git -C " + root + " status --porcelain -- src experiments CMakeLists.txt").empty() ? "no" : "yes";
  return {{"commit", commit.empty() ? "unknown" : commit},
          {"dirty", dirty},
          {"compiler", "g++ " __VERSION__},
          {"cpu", cpu_name()},
          {"isa", name_of(isa())},
          {"threads", std::to_string(num_threads())}};
}

}  // namespace

std::map<std::string, std::string> provenance() {
  static const std::map<std::string, std::string> kFacts = code_and_machine();
  const std::time_t now = std::time(nullptr);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  std::map<std::string, std::string> facts = kFacts;
  facts["date"] = date;
  return facts;
}

}  // namespace cliplab
