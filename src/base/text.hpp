// Lists in messages and in recorded options.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace cliplab {

/// "a, b, c" of a range's items, or of what `name` takes from each (a member pointer or a function).
template <class Range, class Name = std::identity>
std::string joined(const Range& items, std::string_view separator = ", ", Name name = {}) {
  std::string text;
  bool first = true;
  for (const auto& item : items) {
    if (!first) text.append(separator);
    text.append(std::string_view(std::invoke(name, item)));
    first = false;
  }
  return text;
}

}  // namespace cliplab
