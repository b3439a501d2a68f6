// Is a set on disk whole? Every sample must exist; counts and classes are compared with the catalogue.
#pragma once

#include <string>
#include <vector>

#include "sets/set_ref.hpp"

namespace cliplab {

/// What is wrong, a line each; empty: nothing. With `decode` every picture is decoded too. The folder is read afresh.
/// `notices`, if given: what is passed over or left out; it is not damage.
std::vector<std::string> verify_set(const SetRef& set, bool decode, std::vector<std::string>* notices = nullptr);
/// "/data/food101 (ImageFolder), train 50000 (500 a class), test 10000 (100 a class), 10 classes".
std::string describe_copy(const SetRef& set);

}  // namespace cliplab
