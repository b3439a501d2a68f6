// Linux: /proc/meminfo, the memory controllers of cgroup v2 and v1, and the limit on the address space.
#include "base/memory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSmall = std::size_t{64} << 20;

/// The number in a file of one number; `otherwise` where there is none ("max").
std::size_t number_in(const fs::path& file, std::size_t otherwise) {
  std::ifstream in(file);
  std::size_t value = 0;
  return in >> value ? value : otherwise;
}

/// The number after `name` in a file of lines "name 123" or "name: 123 kB".
std::size_t field_in(const fs::path& file, const std::string& name, std::size_t otherwise) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key;
    std::size_t value = 0;
    if (words >> key >> value && key == name) return value;
  }
  return otherwise;
}

std::size_t left_of(std::size_t limit, std::size_t used) { return limit - std::min(limit, used); }

/// What one control group leaves. Page cache that can be dropped does not count as used.
std::size_t left_in_group(const fs::path& group, const char* limit, const char* usage, const char* cache) {
  const std::size_t most = number_in(group / limit, SIZE_MAX);
  if (most == SIZE_MAX) return SIZE_MAX;
  return left_of(most, left_of(number_in(group / usage, 0), field_in(group / "memory.stat", cache, 0)));
}

/// The group that a line of /proc/self/cgroup names, and those that it is in.
std::size_t left_in_groups() {
  std::size_t left = SIZE_MAX;
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool unified = controllers.empty();
    if (!unified && controllers.find("memory") == std::string::npos) continue;
    const fs::path top = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    for (fs::path group = line.substr(second + 1);; group = group.parent_path()) {
      const fs::path folder = top / group.relative_path();
      left = std::min(left, unified ? left_in_group(folder, "memory.max", "memory.current", "inactive_file")
                                    : left_in_group(folder, "memory.limit_in_bytes", "memory.usage_in_bytes",
                                                    "total_inactive_file"));
      if (group.relative_path().empty()) break;
    }
  }
  return left;
}

std::size_t left_of_address_space() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  const std::size_t pages = number_in("/proc/self/statm", 0);
  return left_of(limit.rlim_cur, pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
}

}  // namespace

std::size_t memory_left() {
  const std::size_t available = field_in("/proc/meminfo", "MemAvailable:", SIZE_MAX >> 10) << 10;
  return std::min({available, left_in_groups(), left_of_address_space()});
}

void need_memory(const std::string& where, std::size_t bytes, std::string_view what_to_do) {
  if (bytes < kSmall) return;
  const std::size_t most = memory_left() / 10 * 9;
  if (bytes > most)
    fail(where, std::to_string(bytes >> 20) + " MiB of memory needed",
         "at most " + std::to_string(most >> 20) + " MiB, nine tenths of what is left here", what_to_do);
}

}  // namespace cliplab
