// Rows of the training curve in an event file.
#include "train/curve.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace cliplab {

const std::vector<std::string> kCurve{"step",          "pairs",       "loss",          "val_loss",
                                      "learning_rate", "logit_scale", "grad_norm",     "pairs_per_second",
                                      "seconds",       "data_share",  "peak_memory_mb"};

namespace {

std::vector<std::string> tags_of(const std::vector<std::string>& watched) {
  std::vector<std::string> tags(kCurve.begin() + 1, kCurve.end());
  tags.insert(tags.end(), watched.begin(), watched.end());
  return tags;
}

}  // namespace

TensorBoardCurve::TensorBoardCurve(const std::filesystem::path& folder, const std::vector<std::string>& watched,
                                   const TrainingState& state)
    : state_(state), num_watched_(watched.size()), events_(folder, tags_of(watched)) {
  started_ =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count() - state_.seconds;
  for (std::size_t row = 0; row < state_.curve.size(); row += kCurve.size()) show_row(row);
  for (std::size_t row = 0; row < state_.watched.size(); row += num_watched_ + 1) show_watched(row);
}

void TensorBoardCurve::show_row(std::size_t begin) {
  show(state_.curve.data() + begin, state_.curve[begin + 8], kCurve.size() - 1, 0);
}

void TensorBoardCurve::show_watched(std::size_t begin) {
  show(state_.watched.data() + begin, state_.seconds, num_watched_, kCurve.size() - 1);
}

/// A row: the step and `count` values, of the tags from `tag` on.
void TensorBoardCurve::show(const double* row, double seconds, std::size_t count, std::size_t tag) {
  std::vector<double> values(kCurve.size() - 1 + num_watched_, std::nan(""));
  std::copy_n(row + 1, count, values.begin() + static_cast<std::ptrdiff_t>(tag));
  events_.add(started_ + seconds, static_cast<std::int64_t>(row[0]), values);
}

}  // namespace cliplab
