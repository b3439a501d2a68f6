// The paper's tables of hyper-parameters, from what this program trains with.
#pragma once

namespace cliplab {

/// Table 18 (as the shipped configs called "paper" have it) and Tables 19 and 20, to standard output.
void print_recipes();

}  // namespace cliplab
