// The one shape of an error message.
#include "base/error.hpp"

namespace cliplab {

void fail(std::string_view where, std::string_view found, std::string_view expected,
          std::string_view what_to_do) {
  std::string message(where);
  message.append(": ").append(found).append(", expected ").append(expected);
  if (!what_to_do.empty()) message.append("; ").append(what_to_do);
  throw InputError(message);
}

}  // namespace cliplab
