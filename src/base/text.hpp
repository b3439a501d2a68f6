// Lists in messages and in recorded options, look-ups that answer with such a list, numbers from text.
#pragma once

#include <charconv>
#include <functional>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

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

/// `text` between two `mark`s; each `mark` in it becomes `escaped`.
inline std::string quoted(std::string_view text, char mark, std::string_view escaped) {
  std::string out(1, mark);
  for (const char c : text)
    if (c == mark)
      out.append(escaped);
    else
      out.push_back(c);
  return out.append(1, mark);
}

/// A field of a CSV file.
inline std::string csv_field(std::string_view text) { return quoted(text, '"', "\"\""); }

/// The whole of `text` as a number; +0.1, 1e3 for an integer, "3 " and 0x10 are refused.
template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

/// The entry of a table that lives as long as the program whose `.name` is `name`. Throws InputError about `what` that
/// lists the known names.
template <class Table>
const std::ranges::range_value_t<Table>& find_named(const Table& table, const std::string& name,
                                                    const std::string& what) {
  for (const auto& entry : table)
    if (entry.name == name) return entry;
  fail(what, "'" + name + "'",
       "one of " + joined(table, ", ", [](const auto& entry) -> std::string_view { return entry.name; }));
}

/// The known word nearest to `word`, "" when none is near. A key without its section finds the key with it.
std::string nearest_of(const std::string& word, const std::vector<std::string>& known);

/// With ASCII's letters in lower case.
std::string lower_ascii(std::string_view text);

/// Without white space (of ASCII) at both ends.
std::string_view trimmed(std::string_view text);

/// The fields between the separators: one more than there are separators.
std::vector<std::string> split_columns(std::string_view line, char separator);
bool is_utf8(std::string_view text);

}  // namespace cliplab
