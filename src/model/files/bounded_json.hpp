// JSON from strangers: nested at most 64 deep, because copying, comparing and printing a value are recursive.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace cliplab {

/// A discarded value (json::is_discarded) where the text is not JSON or nested deeper.
inline nlohmann::json parse_bounded_json(std::string_view text) {
  constexpr int kMaxDepth = 64;
  bool too_deep = false;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  nlohmann::json document = nlohmann::json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  return too_deep ? nlohmann::json(nlohmann::json::value_t::discarded) : document;
}

}  // namespace cliplab
