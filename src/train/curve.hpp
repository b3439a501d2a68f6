// The training curve as TensorBoard shows it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "store/event_file.hpp"
#include "train/checkpoint.hpp"

namespace cliplab {

/// Columns of TrainingState::curve.
extern const std::vector<std::string> kCurve;

class TensorBoardCurve {
 public:
  /// Shows the rows of `state` so far; times are as if there had been no interruption. `state` must outlive it.
  TensorBoardCurve(const std::filesystem::path& folder, const std::vector<std::string>& watched,
                   const TrainingState& state);

  /// Shows the row that begins at this number of state.curve, or of state.watched.
  void show_row(std::size_t begin);
  void show_watched(std::size_t begin);

 private:
  void show(const double* row, double seconds, std::size_t count, std::size_t tag);

  const TrainingState& state_;
  std::size_t num_watched_;
  EventFile events_;
  double started_;  // seconds since 1970
};

}  // namespace cliplab
