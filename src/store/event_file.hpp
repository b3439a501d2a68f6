// Curves for TensorBoard: an event file (TFRecords of the Event message), which `tensorboard --logdir results/models`
// shows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

/// Scalars by step, appended. A folder has one such file: a new one replaces the old. A resumed training writes its
/// earlier rows again, so that no step appears twice.
class EventFile {
 public:
  /// `tags`: a curve each. Throws InputError naming the file when it cannot be written, and so does add().
  EventFile(const std::filesystem::path& folder, std::vector<std::string> tags);
  /// `values` [tags]; those that are not finite are left out. `wall_time`: seconds since 1970.
  void add(double wall_time, std::int64_t step, std::span<const double> values);

 private:
  void append(std::string_view event);

  std::filesystem::path path_;
  std::vector<std::string> tags_;
};

/// CRC-32C (Castagnoli), which frames the records.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace cliplab
