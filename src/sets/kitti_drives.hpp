// KITTI's labelled pictures by the drive that they were taken on.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cliplab {

/// TFDS's division of KITTI's labelled pictures by video: a tenth of the drives tests, as many validate; both are drawn
/// from the sorted names by NumPy's RandomState(123).choice, which shuffles by MT19937. The development kit has a line
/// a picture, "date drive frame" (train_mapping.txt), and which line is whose, counted from 1 (train_rand.txt). [N]
/// split of picture i; empty without the kit.
std::vector<std::string> kitti_splits(const std::filesystem::path& folder);

}  // namespace cliplab
