// The paper's tables of hyper-parameters, from what this program trains with.
#pragma once

namespace cliplab {

/// Tables 18 (the recipe of experiments/zero_shot_vs_probe/paper.cfg), 19 (ResNets) and 20 (ViTs), to standard output.
void print_recipes();

}  // namespace cliplab
