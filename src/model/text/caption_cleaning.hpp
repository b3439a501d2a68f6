// Captions as the tokenizer's references clean them (open_clip `_clean_lower`): ftfy.fix_text, html.unescape
// twice, lower case. DEVIATION(2.4): ftfy's repair of wrongly decoded text (mojibake) is left out; such
// captions are encoded as they are, and counted. Inline, for tokenizer.cpp alone. Unicode by ICU (its version
// decides about characters younger than Python's).
#pragma once

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "model/text/html_entities.hpp"
#include "model/text/tokenizer_mojibake.hpp"

namespace cliplab {

struct StringHash {  // looks words up without copying them
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

namespace cleaning {

using Entities = std::unordered_map<std::string, icu::UnicodeString, StringHash, std::equal_to<>>;

/// Python's html.entities.html5: "amp;" and, for the old names, "amp".
inline const Entities& html5_entities() {
  static const Entities kEntities = [] {
    Entities result;
    for (std::string_view rest = kHtmlEntities; !rest.empty();) {
      const std::string_view entry = rest.substr(0, rest.find(' '));
      rest.remove_prefix(entry.size() + 1);
      const std::size_t mark = entry.find_first_of("=!");
      const std::string name(entry.substr(0, mark));
      icu::UnicodeString value;
      for (const char *at = entry.data() + mark, *end = entry.data() + entry.size(); at < end;) {
        std::uint32_t code = 0;
        at = std::from_chars(at + 1, end, code, 16).ptr;
        value.append(static_cast<UChar32>(code));
      }
      result[name + ";"] = value;
      if (entry[mark] == '!') result[name] = value;
    }
    return result;
  }();
  return kEntities;
}

inline bool is_in(const icu::UnicodeString& text, int at, UChar32 low, UChar32 high) {
  return at < text.length() && text[at] >= low && text[at] <= high;
}
inline bool is_ascii_alphanumeric(const icu::UnicodeString& text, int at) {
  return is_in(text, at, '0', '9') || is_in(text, at, 'a', 'z') || is_in(text, at, 'A', 'Z');
}

/// Windows-1252 for the C1 controls; the five that it leaves undefined stay.
inline UChar32 c1_to_windows_1252(UChar32 c) {
  static constexpr std::array<char16_t, 32> kCodes{0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                   0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                                   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                   0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};
  return c >= 0x80 && c < 0xA0 ? kCodes[c - 0x80] : c;
}

/// The character of a numeric reference as html.unescape has it; -1 for none.
inline UChar32 referenced_character(std::uint32_t code) {
  if (code == 0 || (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF) return 0xFFFD;
  if (code >= 0x80 && code < 0xA0) return c1_to_windows_1252(static_cast<UChar32>(code));
  const bool control = code < 9 || code == 0xB || (code > 0xD && code < 0x20) || code == 0x7F;
  const bool none = (code >= 0xFDD0 && code < 0xFDF0) || (code & 0xFFFE) == 0xFFFE;
  return control || none ? -1 : static_cast<UChar32>(code);
}

/// Python's html.unescape: &#38 &#x26; &amp; and, by their longest known beginning, names without a
/// semicolon.
inline icu::UnicodeString html_unescape(const icu::UnicodeString& text) {
  if (text.indexOf(u'&') < 0) return text;
  const Entities& entities = html5_entities();
  icu::UnicodeString out;
  const int length = text.length();
  for (int i = 0; i < length;) {
    int at = i + 1;
    if (text[i] != u'&' || at == length) {
      out.append(text[i++]);
    } else if (text[at] == u'#') {
      const bool hex = is_in(text, at + 1, 'x', 'x') || is_in(text, at + 1, 'X', 'X');
      const int digits = at += hex ? 2 : 1;
      std::uint32_t code = 0;
      for (; is_in(text, at, '0', '9') || (hex && (is_in(text, at, 'a', 'f') || is_in(text, at, 'A', 'F'))); ++at)
        code = std::min<std::uint32_t>(code * (hex ? 16 : 10) + u_digit(text[at], 16), 0x110000);
      if (at == digits) {
        out.append(text[i++]);
        continue;
      }
      if (const UChar32 c = referenced_character(code); c >= 0) out.append(c);
      i = at + (is_in(text, at, ';', ';') ? 1 : 0);
    } else {
      static const icu::UnicodeString kEnds(u"\t\n\f <&#;");
      for (int n = 0; n < 32 && at < length && kEnds.indexOf(text[at]) < 0; ++n) at = text.moveIndex32(at, 1);
      if (at > i + 1 && is_in(text, at, ';', ';')) ++at;
      std::string name;
      text.tempSubStringBetween(i + 1, at).toUTF8String(name);
      std::size_t known = name.size();
      auto found = entities.find(name);
      while (found == entities.end() && known > 2) found = entities.find(std::string_view(name).substr(0, --known));
      if (found == entities.end()) {
        out.append(text, i, at - i);
      } else {
        out.append(found->second).append(icu::UnicodeString::fromUTF8(name.substr(known)));
      }
      i = at;
    }
  }
  return out;
}

/// ftfy's unescape_html: only what ends in a semicolon, and all-caps forms of lower-case names (&EACUTE;).
inline icu::UnicodeString ftfy_unescape(const icu::UnicodeString& text) {
  icu::UnicodeString out;
  for (int i = 0; i < text.length();) {
    int at = i + 1;
    if (is_in(text, at, '#', '#')) ++at;
    const int begin = at;
    while (at - begin < 24 && is_ascii_alphanumeric(text, at)) ++at;
    if (text[i] != u'&' || at == begin || !is_in(text, at, ';', ';')) {
      out.append(text[i++]);
      continue;
    }
    ++at;
    const icu::UnicodeString whole = text.tempSubStringBetween(i, at);
    icu::UnicodeString value = whole;
    const Entities& entities = html5_entities();
    std::string name;
    text.tempSubStringBetween(i + 1, at).toUTF8String(name);
    if (text[i + 1] == u'#') {
      value = html_unescape(whole);
      if (value.indexOf(u';') >= 0) value = whole;
    } else if (const auto found = entities.find(name); found != entities.end()) {
      value = found->second;
    } else if (std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; }) &&
               html_unescape(whole) == whole) {
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      if (const auto lower = entities.find(name); lower != entities.end())
        (value = lower->second).toUpper(icu::Locale::getRoot());
    }
    out.append(value);
    i = at;
  }
  return out;
}

/// ftfy's fix_c1_controls, fix_latin_ligatures, fix_character_width and uncurl_quotes, character by
/// character.
inline icu::UnicodeString fix_characters(const icu::UnicodeString& text) {
  static const std::unordered_map<UChar32, icu::UnicodeString> kLigatures{
      {0x132, u"IJ"},      {0x133, u"ij"},      {0x149, u"\u02BCn"},  {0x1F1, u"DZ"},  {0x1F2, u"Dz"},  {0x1F3, u"dz"},
      {0x1C4, u"D\u017D"}, {0x1C5, u"D\u017E"}, {0x1C6, u"d\u017E"},  {0x1C7, u"LJ"},  {0x1C8, u"Lj"},  {0x1C9, u"lj"},
      {0x1CA, u"NJ"},      {0x1CB, u"Nj"},      {0x1CC, u"nj"},       {0xFB00, u"ff"}, {0xFB01, u"fi"}, {0xFB02, u"fl"},
      {0xFB03, u"ffi"},    {0xFB04, u"ffl"},    {0xFB05, u"\u017Ft"}, {0xFB06, u"st"}};
  UErrorCode status = U_ZERO_ERROR;
  static const icu::Normalizer2* const kNfkc = icu::Normalizer2::getNFKCInstance(status);
  icu::UnicodeString out;
  for (int i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 c = c1_to_windows_1252(text.char32At(i));
    icu::UnicodeString fixed(c);
    if (const auto ligature = kLigatures.find(c); ligature != kLigatures.end()) fixed = ligature->second;
    if (c == 0x3000) fixed = u' ';
    if (c > 0xFF00 && c < 0xFFF0 && kNfkc != nullptr) fixed = kNfkc->normalize(icu::UnicodeString(c), status);
    for (int k = 0; k < fixed.length(); ++k) {
      const char16_t d = fixed[k];
      if (d == 0x2BC || (d >= 0x2018 && d <= 0x201B)) fixed.setCharAt(k, u'\'');
      if (d >= 0x201C && d <= 0x201F) fixed.setCharAt(k, u'"');
    }
    out.append(fixed);
  }
  return out;
}

/// ftfy's remove_terminal_escapes ("ESC [ 1 ; 31 m") and remove_control_chars.
inline icu::UnicodeString remove_controls(const icu::UnicodeString& text) {
  icu::UnicodeString out;
  for (int i = 0; i < text.length(); ++i) {
    const char16_t c = text[i];
    if (c == 0x1B && is_in(text, i + 1, '[', '[')) {
      int at = i + 2;
      while (at < text.length() && (text[at] == u';' || u_isdigit(text.char32At(at)))) at = text.moveIndex32(at, 1);
      if (is_in(text, at, 'a', 'z') || is_in(text, at, 'A', 'Z')) {
        i = at;
        continue;
      }
    }
    const bool control = c < 9 || c == 0xB || (c > 0xD && c < 0x20) || c == 0x7F || (c >= 0x206A && c < 0x2070) ||
                         c == 0xFEFF || (c >= 0xFFF9 && c < 0xFFFD);
    if (!control) out.append(c);
  }
  return out;
}

/// ftfy.fix_text, line by line, because a '<' stops the unescaping from its line on. Where ftfy's
/// fix_encoding would come, a line that it would probably change sets `mojibake`.
inline icu::UnicodeString fix_text(const icu::UnicodeString& text, bool& mojibake) {
  UErrorCode status = U_ZERO_ERROR;
  static const icu::Normalizer2* const kNfc = icu::Normalizer2::getNFCInstance(status);
  icu::UnicodeString out;
  bool unescape = true;
  for (int begin = 0, end = 0; begin < text.length(); begin = end) {
    end = text.indexOf(u'\n', begin) + 1;
    if (end == 0) end = text.length();
    icu::UnicodeString line(text, begin, end - begin), before;
    if (line.indexOf(u'<') >= 0) unescape = false;
    do {
      before = line;
      if (unescape && line.indexOf(u'&') >= 0) line = ftfy_unescape(line);
      mojibake = mojibake || mojibake::suspected(line);
      line = remove_controls(fix_characters(line));
      if (kNfc != nullptr) line = kNfc->normalize(line, status);
    } while (line != before);
    out.append(line);
  }
  return out;
}

}  // namespace cleaning

/// Text in lower case, cleaned as _clean_lower; whitespace is left as it is, since the pattern skips it. Sets
/// `mojibake` when the text looks wrongly decoded.
inline std::string clean_caption(std::string_view utf8, bool& mojibake) {
  if (utf8.size() > (1u << 29)) fail("tokenizer", "a text of more than 512 MiB", "a caption");
  // What neither ftfy nor html.unescape touches: printable ASCII without '&', and plain whitespace.
  const bool plain = std::all_of(utf8.begin(), utf8.end(), [](char c) {
    return (c >= ' ' && c <= '~' && c != '&') || c == '\t' || c == '\n' || c == '\f' || c == '\r';
  });
  std::string out;
  if (plain) {
    out = utf8;
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
  }
  icu::UnicodeString text =
      icu::UnicodeString::fromUTF8(icu::StringPiece(utf8.data(), static_cast<std::int32_t>(utf8.size())));
  text = cleaning::html_unescape(cleaning::html_unescape(cleaning::fix_text(text, mojibake)));
  return text.toLower(icu::Locale::getRoot()).toUTF8String(out);
}

}  // namespace cliplab
