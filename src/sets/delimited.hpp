// Tables as text, read as pandas.read_csv reads them: comma, semicolon or tab between the fields, quoted fields with
// doubled quotes and line ends in them, CR, LF or CRLF, blank lines passed over.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cliplab {

/// The separator of a table by its first line: the most frequent of tab, comma and semicolon outside quotes.
char separator_of(std::string_view text);

class DelimitedReader {
 public:
  /// `text` has to outlive this. Without `quotes` a quotation mark is an ordinary character.
  DelimitedReader(std::string_view text, char separator, std::string where, bool quotes = true);

  /// The fields of the next record; false after the last one. Throws InputError naming the line for a quoted field
  /// without an end.
  bool next(std::vector<std::string>& fields);
  std::int64_t line() const { return first_line_; }  // on which the record began, from 1

 private:
  void skip_blank_lines();

  std::string_view text_;
  char separator_;
  std::string where_;
  bool quotes_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1, first_line_ = 1;
};

}  // namespace cliplab
