// How many inputs a fuzz loop tries: CLIPLAB_FUZZ_INPUTS where it is set, else few enough for
// every run of the tests.
#pragma once

#include <cstdlib>

namespace cliplab {

inline int fuzz_inputs(int usual) {
  const char* text = std::getenv("CLIPLAB_FUZZ_INPUTS");
  return text == nullptr ? usual : std::atoi(text);
}

}  // namespace cliplab
