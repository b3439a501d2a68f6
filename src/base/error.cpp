// The one shape of an error message.
#include "base/error.hpp"

#include <cstddef>

namespace cliplab {

namespace {

/// The length of the character at `at` that a terminal shows as it is, or 0: a control character, a byte that is not
/// UTF-8.
std::size_t printable_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return first >= ' ' && first != 0x7F ? 1 : 0;
  const std::size_t length = first >= 0xC2 && first < 0xE0   ? 2
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
  if (length == 0 || length > text.size() - at) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  return first == 0xC2 && byte(at + 1) < 0xA0 ? 0 : length;  // U+0080 to U+009F are controls too
}

/// Messages contain names from untrusted files: '?' replaces what is not printable, so that a message stays one line.
std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = printable_length(text, at);
    if (length == 0) result += '?';
    result.append(text.substr(at, length));
    at += length == 0 ? 1 : length;
  }
  return result;
}

}  // namespace

void fail(std::string_view where, std::string_view found, std::string_view expected, std::string_view what_to_do) {
  std::string message(where);
  message.append(": ").append(found).append(", expected ").append(expected);
  if (!what_to_do.empty()) message.append("; ").append(what_to_do);
  throw InputError(printable(message));
}

}  // namespace cliplab
