// The right answers of a split: one type from the file that states them to the metric that uses them. It is kept next
// to the features, never inside them.
#pragma once

#include <cstdint>
#include <vector>

namespace cliplab {

/// What a sample is in one of the rounds by which a set's authors divide it: STL-10's ten folds of the training
/// pictures, UCF101's three splits. A score on such a set is the mean over its rounds (paper A.1).
enum class RoundRole : std::int8_t { kNone, kTrain, kTest };

struct Truth {
  std::vector<int> labels;  // [N], each in [0, C); the first of several
  /// [N, C] where a picture may have several labels: 1 yes, -1 no, 0 difficult (counts neither way). Else empty.
  std::vector<std::int8_t> targets{};
  /// [N] where pictures are frames of clips: c + 1 for the frame that clip c is named after (its anchor), -(c + 1) for
  /// one of its neighbours. Else empty.
  std::vector<int> clips{};
  int num_classes = 0;  // C, of the data set: these samples may lack some

  std::int64_t size() const { return std::ssize(labels); }
  bool several_labels() const { return !targets.empty(); }
  bool has_clips() const { return !clips.empty(); }

  /// Adds sample `row` of `other`, which has as many classes.
  void append(const Truth& other, std::int64_t row) {
    labels.push_back(other.labels[row]);
    if (other.several_labels())
      targets.insert(targets.end(), other.targets.begin() + row * num_classes,
                     other.targets.begin() + (row + 1) * num_classes);
    if (other.has_clips()) clips.push_back(other.clips[row]);
  }

  /// The samples `rows`, in their order.
  template <class Rows>
  Truth rows(const Rows& rows) const {
    Truth part;
    part.num_classes = num_classes;
    for (const auto row : rows) part.append(*this, static_cast<std::int64_t>(row));
    return part;
  }
};

}  // namespace cliplab
