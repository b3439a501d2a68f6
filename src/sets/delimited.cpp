// The states of pandas' C parser (pandas/_libs/src/parser/tokenizer.c), as far as they differ for our tables: a quote
// opens a field only at its start; after the closing quote more text is part of the field.
#include "sets/delimited.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"

namespace cliplab {

char separator_of(std::string_view text) {
  std::array<std::pair<char, int>, 3> counts{{{'\t', 0}, {',', 0}, {';', 0}}};
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == '\n' || c == '\r')) break;
    for (auto& [separator, count] : counts) count += !quoted && c == separator;
  }
  return std::max_element(counts.begin(), counts.end(), [](auto a, auto b) { return a.second < b.second; })->first;
}

DelimitedReader::DelimitedReader(std::string_view text, char separator, std::string where, bool quotes)
    : text_(text), separator_(separator), where_(std::move(where)), quotes_(quotes) {}

void DelimitedReader::skip_blank_lines() {
  for (std::size_t at = at_; at < text_.size(); ++at) {
    const char c = text_[at];
    if (c == '\n' || c == '\r') {
      if (c == '\r' && at + 1 < text_.size() && text_[at + 1] == '\n') ++at;
      at_ = at + 1, ++line_;
    } else if ((c != ' ' && c != '\t') || c == separator_) {
      return;
    }
  }
  at_ = text_.size();  // blanks alone
}

bool DelimitedReader::next(std::vector<std::string>& fields) {
  fields.clear();
  skip_blank_lines();
  if (at_ >= text_.size()) return false;
  first_line_ = line_;
  std::string field;
  bool start = true, in_quotes = false;  // at the start of a field
  while (true) {
    const bool end = at_ >= text_.size();
    const char c = end ? '\n' : text_[at_];
    if (in_quotes) {
      if (end)
        fail(where_ + ":" + std::to_string(first_line_), "a quoted field without an end", "a second quotation mark",
             "double a quotation mark that is part of a quoted field");
      ++at_;
      if (c == '"' && at_ < text_.size() && text_[at_] == '"')
        field += text_[at_++];
      else if (c == '"')
        in_quotes = false;
      else
        field += c, line_ += c == '\n' || (c == '\r' && (at_ >= text_.size() || text_[at_] != '\n'));
      continue;
    }
    if (c == '"' && quotes_ && start) {
      in_quotes = true, start = false, ++at_;
    } else if (c == separator_) {
      fields.push_back(std::exchange(field, {})), start = true, ++at_;
    } else if (c == '\n' || c == '\r') {
      fields.push_back(std::move(field));
      at_ += end ? 0 : c == '\r' && text_.substr(at_ + 1).starts_with('\n') ? 2 : 1;
      line_ += !end;
      return true;
    } else {
      field += c, start = false, ++at_;
    }
  }
}

}  // namespace cliplab
