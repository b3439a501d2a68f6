// The two files of the development kit, and NumPy's shuffle.
#include "sets/kitti_drives.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <random>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace cliplab {

std::vector<std::string> kitti_splits(const std::filesystem::path& folder) {
  for (const char* inner : {"mapping", "devkit/mapping", "devkit_object/mapping"}) {
    const std::filesystem::path kit = folder / inner;
    if (!std::filesystem::exists(kit / "train_rand.txt")) continue;
    std::vector<std::string> drives, lines = read_lines(kit / "train_mapping.txt");
    std::string order;
    for (const std::string& line : read_lines(kit / "train_rand.txt")) order += line;
    for (std::string text : split_columns(order, ',')) {
      std::erase(text, ' ');
      int line = 0;
      const auto columns = parse_number(text, line) && line >= 1 && line <= std::ssize(lines)
                               ? split_columns(lines[line - 1], ' ')
                               : std::vector<std::string>{};
      if (columns.size() < 3)
        fail((kit / "train_rand.txt").string(), "'" + text + "'", "the number of a line of train_mapping.txt");
      drives.push_back(columns[1]);
    }
    const std::set<std::string> sorted(drives.begin(), drives.end());
    std::map<std::string, std::string> split;
    std::mt19937 random(123);
    for (const char* part : {"test", "val"}) {
      std::vector<std::string> left;
      for (const std::string& drive : sorted)
        if (!split.contains(drive)) left.push_back(drive);
      for (std::size_t i = left.size(); i-- > 1;) {
        std::uint32_t j = 0;
        const std::uint32_t mask = std::bit_ceil(static_cast<std::uint32_t>(i) + 1) - 1;
        do j = static_cast<std::uint32_t>(random()) & mask;
        while (j > i);
        std::swap(left[i], left[j]);
      }
      for (std::size_t i = 0; i < std::max<std::size_t>(1, sorted.size() / 10) && i < left.size(); ++i)
        split[left[i]] = part;
    }
    std::vector<std::string> splits;
    for (const std::string& drive : drives) splits.push_back(split.contains(drive) ? split[drive] : "train");
    return splits;
  }
  return {};
}

}  // namespace cliplab
