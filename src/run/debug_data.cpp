// For tests/parity: pixels and labels of any set as the readers give them.
#include <fmt/format.h>

#include <charconv>
#include <iostream>

#include "base/error.hpp"
#include "data/open_set.hpp"
#include "run/debug.hpp"

namespace cliplab {

int debug_samples(const std::string& name, const std::string& split, const std::string& most) {
  std::int64_t count = 0;
  if (const auto [rest, error] = std::from_chars(most.data(), most.data() + most.size(), count); error != std::errc() || rest != most.data() + most.size() || count < 0)
    fail("debug samples", "'" + most + "'", "a number of samples");
  const auto set = open_dataset(name, split);
  for (std::int64_t i = 0; i < std::min(count, set->size()); ++i) {
    const Sample sample = set->get(i);
    std::cout << fmt::format("{} {} {} {}\n", sample.image.height, sample.image.width, sample.image.channels, set->class_names()[sample.label]);
    std::cout.write(reinterpret_cast<const char*>(sample.image.pixels.data()), static_cast<std::streamsize>(sample.image.size()));
  }
  return 0;
}

}  // namespace cliplab
