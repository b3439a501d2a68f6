// `data.absent = leave-out`: a config that names all of the paper's sets runs on those that the data root holds.
#pragma once

#include <string>
#include <vector>

#include "base/options.hpp"

namespace cliplab {

/// A study's lists of captioned sets; which part of them it looks at is its key ".split".
inline constexpr const char* kPairSetKeys[] = {".sets", ".member_sets", ".name_sets"};

/// Takes sets that are not there out of eval.datasets and the studies' own lists, moves those without a training split
/// from eval.datasets to zero_shot_vs_probe.extra_datasets, and takes out studies whose own lists end up empty. Corpora
/// that the program builds itself are there. -> a line for each set and study that was left out, with the reason.
std::vector<std::string> leave_out_absent(Options& options);

}  // namespace cliplab
