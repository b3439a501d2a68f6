#include "model/text/html_unescape.hpp"

#include <unicode/locid.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/text/html_entities.hpp"
#include "model/text/mojibake_repair.hpp"

namespace cliplab {
namespace {

using Entities = std::unordered_map<std::string, std::u32string>;

/// Python's html.entities.html5: "amp;" and, for the old names, "amp".
const Entities& html5_entities() {
  static const Entities kEntities = [] {
    Entities result;
    for (std::string_view rest = kHtmlEntities; !rest.empty();) {
      const std::string_view entry = rest.substr(0, rest.find(' '));
      rest.remove_prefix(entry.size() + 1);
      const std::size_t mark = entry.find_first_of("=!");
      const std::string name(entry.substr(0, mark));
      std::u32string value;
      for (const char *at = entry.data() + mark, *end = entry.data() + entry.size(); at < end;) {
        std::uint32_t code = 0;
        at = std::from_chars(at + 1, end, code, 16).ptr;
        value += static_cast<char32_t>(code);
      }
      result[name + ";"] = value;
      if (entry[mark] == '!') result[name] = value;
    }
    return result;
  }();
  return kEntities;
}

bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char32_t c) { return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f'); }
bool is_alphanumeric(char32_t c) { return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z'); }

/// The character of a numeric reference as html.unescape has it; none for a control or noncharacter.
std::u32string referenced_character(std::uint32_t code) {
  if (code == 0 || (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF) return U"\uFFFD";
  const bool control = code < 9 || code == 0xB || (code > 0xD && code < 0x20) || code == 0x7F;
  const bool none = (code >= 0xFDD0 && code < 0xFDF0) || (code & 0xFFFE) == 0xFFFE;
  return control || none ? U"" : std::u32string(1, mojibake::c1_to_windows_1252(code));
}

/// A reference at the start of `text`, which begins with '&', for html.unescape: its length and value; length 0 if
/// none.
std::pair<std::size_t, std::u32string> numeric_reference(std::u32string_view text) {
  const bool hex = text.size() > 2 && (text[2] | 32) == 'x';
  const std::size_t first = hex ? 3 : 2;
  std::size_t at = first;
  std::uint32_t code = 0;
  for (; at < text.size() && (hex ? is_hex_digit(text[at]) : is_digit(text[at])); ++at) {
    const std::uint32_t digit = is_digit(text[at]) ? text[at] - '0' : (text[at] | 32) - 'a' + 10;
    code = std::min<std::uint32_t>(code * (hex ? 16 : 10) + digit, 0x110000);
  }
  if (at == first) return {0, U""};
  return {at + (at < text.size() && text[at] == ';' ? 1 : 0), referenced_character(code)};
}

/// The letters of `text` as a key of the table; other characters than ASCII are in no name.
std::string key_of(std::u32string_view text) {
  std::string key;
  for (const char32_t c : text) key += c < 0x80 ? static_cast<char>(c) : '\xff';
  return key;
}

std::pair<std::size_t, std::u32string> named_reference(std::u32string_view text) {
  constexpr std::size_t kLongest = 33;  // with '&'; then a semicolon
  static constexpr std::u32string_view kEnds = U"\t\n\f <&#;";
  std::size_t end = 1;
  while (end < std::min(text.size(), kLongest) && kEnds.find(text[end]) == kEnds.npos) ++end;
  if (end == 1) return {0, U""};
  if (end < text.size() && text[end] == ';') ++end;
  const Entities& entities = html5_entities();
  std::string key = key_of(text.substr(1, end - 1));
  auto found = entities.find(key);
  while (found == entities.end() && key.size() > 2) {
    key.pop_back();
    found = entities.find(key);
  }
  if (found == entities.end()) return {0, U""};
  return {key.size() + 1, found->second};
}

/// The length of a reference with its semicolon at the start of `text`, which begins with '&'; 0 for none.
std::size_t whole_reference(std::u32string_view text) {
  constexpr std::size_t kMost = 24;
  const std::size_t first = text.size() > 1 && text[1] == '#' ? 2 : 1;
  std::size_t at = first;
  while (at < text.size() && at < first + kMost && is_alphanumeric(text[at])) ++at;
  return at > first && at < text.size() && text[at] == ';' ? at + 1 : 0;
}

std::u32string upper_case(const std::u32string& text) {
  icu::UnicodeString upper;
  for (const char32_t c : text) upper.append(static_cast<UChar32>(c));
  upper.toUpper(icu::Locale::getRoot());
  std::u32string result;
  for (int i = 0; i < upper.length(); i = upper.moveIndex32(i, 1)) result += static_cast<char32_t>(upper.char32At(i));
  return result;
}

/// The value of a whole reference; itself where it has none.
std::u32string whole_value(std::u32string_view reference) {
  const Entities& entities = html5_entities();
  std::string key = key_of(reference.substr(1));
  if (const auto found = entities.find(key); found != entities.end()) return found->second;
  std::u32string unescaped = html_unescape(reference), itself(reference);
  if (reference[1] == '#') return unescaped.find(U';') == unescaped.npos ? unescaped : itself;
  if (unescaped != itself || std::any_of(key.begin(), key.end(), [](char c) { return c >= 'a' && c <= 'z'; }))
    return itself;
  for (char& c : key) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const auto lower = entities.find(key);
  return lower == entities.end() ? itself : upper_case(lower->second);
}

/// The text with the value of each reference in its place. `reference(rest)` gives length and value of the one that
/// begins with the '&' of `rest`; length 0: none, the '&' stays.
template <class Reference>
std::u32string with_values(std::u32string_view text, const Reference& reference) {
  std::u32string out;
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find(U'&'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto [length, value] = reference(text);
    out += length == 0 ? U"&" : value;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

}  // namespace

std::u32string html_unescape(std::u32string_view text) {
  return with_values(text, [](std::u32string_view rest) {
    return rest.size() > 1 && rest[1] == '#' ? numeric_reference(rest) : named_reference(rest);
  });
}

std::u32string unescape_whole_references(std::u32string_view text) {
  return with_values(text, [](std::u32string_view rest) {
    const std::size_t length = whole_reference(rest);
    return std::pair(length, length == 0 ? std::u32string() : whole_value(rest.substr(0, length)));
  });
}

void remove_common_levels(std::u32string& text) {
  struct Reference {
    std::size_t begin;
    std::vector<std::size_t> levels;  // where each one ends
  };
  std::vector<Reference> references;
  std::size_t spare = text.size();
  for (std::size_t at = text.find(U'&'); at != text.npos; at = text.find(U'&', at)) {
    Reference found{at, {}};
    for (++at;;) {  // what follows a level stands behind the '&' of the next one
      if (std::u32string_view(text).substr(at, 4) == U"amp;") {  // the usual one
        found.levels.push_back(at += 4);
        continue;
      }
      const std::u32string next = U"&" + text.substr(at, 32);
      const std::size_t length = whole_reference(next);
      if (length == 0) break;
      const std::u32string reference = next.substr(0, length), value = whole_value(reference);
      if (value != U"&" && value != reference && found.levels.empty()) return;
      if (value != U"&") break;
      found.levels.push_back(at += length - 1);
    }
    if (found.levels.empty()) continue;
    spare = std::min(spare, found.levels.size() - 1);
    references.push_back(std::move(found));
  }
  if (references.empty() || spare == 0) return;
  std::u32string out;
  std::size_t copied = 0;
  for (const Reference& reference : references) {
    out.append(text, copied, reference.begin + 1 - copied);
    copied = reference.levels[spare - 1];
  }
  out.append(text, copied);
  text = std::move(out);
}

}  // namespace cliplab
