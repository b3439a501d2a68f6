// Is a set on disk whole? Every sample must exist; counts and classes are compared with the catalogue.
#pragma once

#include <string>
#include <vector>

#include "sets/set_ref.hpp"

namespace cliplab {

/// What is wrong, a line each; empty: nothing. With `decode` every picture is decoded too. The folder is read afresh.
std::vector<std::string> verify_set(const SetRef& set, bool decode);
/// "/data/food101 (ImageFolder), train 50000 (500 a class), test 10000 (100 a class), 10 classes".
std::string describe_copy(const SetRef& set);

}  // namespace cliplab
