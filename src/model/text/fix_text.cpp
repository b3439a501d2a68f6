#include "model/text/fix_text.hpp"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "model/text/html_unescape.hpp"
#include "model/text/mojibake_detection.hpp"
#include "model/text/mojibake_repair.hpp"

namespace cliplab {
namespace {

constexpr std::size_t kLongestSegment = 1'000'000;  // ftfy's max_decode_length

icu::UnicodeString utf16_of(std::u32string_view text) {
  return icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                       static_cast<std::int32_t>(text.size()));
}

std::u32string utf32_of(const icu::UnicodeString& text) {
  std::u32string result;
  result.reserve(static_cast<std::size_t>(text.length()));
  for (int i = 0; i < text.length(); i = text.moveIndex32(i, 1)) result += static_cast<char32_t>(text.char32At(i));
  return result;
}

const icu::Normalizer2* nfc() {
  UErrorCode status = U_ZERO_ERROR;
  static const icu::Normalizer2* const kNfc = icu::Normalizer2::getNFCInstance(status);
  return kNfc;
}

// --- characters that are replaced ------------------------------------------------------------------------------------

bool is_control(char32_t c) {  // ftfy's remove_control_chars
  return c < 9 || c == 0xB || (c > 0xD && c < 0x20) || c == 0x7F || (c >= 0x206A && c < 0x2070) || c == 0xFEFF ||
         (c >= 0xFFF9 && c < 0xFFFD);
}
bool is_high_surrogate(char32_t c) { return c >= 0xD800 && c < 0xDC00; }
bool is_low_surrogate(char32_t c) { return c >= 0xDC00 && c < 0xE000; }

const std::unordered_map<char32_t, std::u32string>& ligatures() {
  static const std::unordered_map<char32_t, std::u32string> kLigatures{
      {0x132, U"IJ"},      {0x133, U"ij"},      {0x149, U"\u02BCn"},  {0x1F1, U"DZ"},  {0x1F2, U"Dz"},  {0x1F3, U"dz"},
      {0x1C4, U"D\u017D"}, {0x1C5, U"D\u017E"}, {0x1C6, U"d\u017E"},  {0x1C7, U"LJ"},  {0x1C8, U"Lj"},  {0x1C9, U"lj"},
      {0x1CA, U"NJ"},      {0x1CB, U"Nj"},      {0x1CC, U"nj"},       {0xFB00, U"ff"}, {0xFB01, U"fi"}, {0xFB02, U"fl"},
      {0xFB03, U"ffi"},    {0xFB04, U"ffl"},    {0xFB05, U"\u017Ft"}, {0xFB06, U"st"}};
  return kLigatures;
}

bool has_other_width(char32_t c) { return c == 0x3000 || (c > 0xFF00 && c < 0xFFF0); }

/// NFKC of a full-width or half-width form; a space for U+3000.
std::u32string usual_width(char32_t c) {
  if (c == 0x3000) return U" ";
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* const nfkc = icu::Normalizer2::getNFKCInstance(status);
  if (nfkc == nullptr) return std::u32string(1, c);
  return utf32_of(nfkc->normalize(icu::UnicodeString(static_cast<UChar32>(c)), status));
}

char32_t straight_quote(char32_t c) {
  if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) return U'\'';
  return c >= 0x201C && c <= 0x201F ? U'"' : c;
}

// --- what a segment needs --------------------------------------------------------------------------------------------

enum Need : std::uint8_t {
  kReplacing = 1,    // holds a character that replace_characters changes
  kNormalizing = 2,  // may not be in NFC
  kRepairing = 4,    // holds a character that is frequent in wrongly decoded text
  kUnescaping = 8,   // holds '&'
};

std::uint8_t needs_of(char32_t c) {
  static const auto kNeeds = [] {
    std::vector<std::uint8_t> needs(0x10000);
    for (char32_t c = 0; c < needs.size(); ++c) {
      const auto point = static_cast<UChar32>(c);
      const bool replaced = mojibake::c1_to_windows_1252(c) != c || ligatures().contains(c) || has_other_width(c) ||
                            straight_quote(c) != c || c == '\r' || c == 0x2028 || c == 0x2029 || U_IS_SURROGATE(c) ||
                            is_control(c);
      const bool normal =
          u_getIntPropertyValue(point, UCHAR_NFC_QUICK_CHECK) == UNORM_YES && u_getCombiningClass(point) == 0;
      needs[c] = static_cast<std::uint8_t>((replaced ? kReplacing : 0) | (normal ? 0 : kNormalizing) |
                                           (mojibake::takes_part(c) ? kRepairing : 0) | (c == '&' ? kUnescaping : 0));
    }
    return needs;
  }();
  return c < kNeeds.size() ? kNeeds[c] : std::uint8_t{kNormalizing};
}

std::uint8_t needs_of(std::u32string_view text) {
  std::uint8_t needs = 0;
  for (const char32_t c : text) needs |= needs_of(c);
  return needs;
}

// --- a segment -------------------------------------------------------------------------------------------------------

/// Length of a terminal escape ("ESC [ 1 ; 31 m") at `at`; 0 for none.
std::size_t terminal_escape(std::u32string_view text, std::size_t at) {
  if (text[at] != 0x1B || at + 1 == text.size() || text[at + 1] != '[') return 0;
  std::size_t end = at + 2;
  while (end < text.size() && (text[end] == ';' || u_isdigit(static_cast<UChar32>(text[end])))) ++end;
  const bool letter = end < text.size() && (text[end] | 32) >= 'a' && (text[end] | 32) <= 'z';
  return letter ? end + 1 - at : 0;
}

/// ftfy's fix_c1_controls, fix_latin_ligatures, fix_character_width, uncurl_quotes, fix_line_breaks, fix_surrogates,
/// remove_terminal_escapes and remove_control_chars.
std::u32string replace_characters(std::u32string_view text) {
  std::u32string wide;
  for (const char32_t original : text) {
    const char32_t c = mojibake::c1_to_windows_1252(original);
    const auto ligature = ligatures().find(c);
    std::u32string_view parts(&c, 1);
    std::u32string usual;
    if (ligature != ligatures().end())
      parts = ligature->second;
    else if (has_other_width(c))
      parts = usual = usual_width(c);
    for (const char32_t part : parts) wide += straight_quote(part);
  }
  std::u32string out;
  for (std::size_t i = 0; i < wide.size(); ++i) {
    const char32_t c = wide[i], next = i + 1 < wide.size() ? wide[i + 1] : U'\0';
    if (const std::size_t length = terminal_escape(wide, i); length > 0) {
      i += length - 1;
    } else if (c == '\r' || c == 0x2028 || c == 0x2029) {
      out += U'\n';
      if (c == '\r' && next == '\n') ++i;
    } else if (is_high_surrogate(c) && is_low_surrogate(next)) {
      out.push_back(0x10000 + ((c - 0xD800) << 10) + (next - 0xDC00));
      ++i;
    } else if (U_IS_SURROGATE(c)) {
      out += U'\uFFFD';
    } else if (!is_control(c)) {
      out += c;
    }
  }
  return out;
}

/// Puts combining marks into canonical order where very many follow each other: ICU inserts one after the other, which
/// takes quadratic time. The result is canonically equivalent, so that its NFC is the same.
void order_long_runs_of_marks(std::u32string& text) {
  constexpr std::ptrdiff_t kLong = 64;
  const auto mark_class = [](char32_t c) { return u_getCombiningClass(static_cast<UChar32>(c)); };
  for (auto begin = text.begin(); begin != text.end();) {
    const auto end = std::find_if(begin, text.end(), [&](char32_t c) { return mark_class(c) == 0; });
    if (end - begin > kLong)
      std::stable_sort(begin, end, [&](char32_t a, char32_t b) { return mark_class(a) < mark_class(b); });
    begin = end == text.end() ? end : end + 1;
  }
}

void normalize(std::u32string& text) {
  if (nfc() == nullptr) return;
  order_long_runs_of_marks(text);
  const icu::UnicodeString original = utf16_of(text);
  UErrorCode status = U_ZERO_ERROR;
  if (!nfc()->isNormalized(original, status)) text = utf32_of(nfc()->normalize(original, status));
}

std::u32string fix_segment(std::u32string_view segment, bool unescape) {
  std::u32string text(segment), before, unescaped;
  do {
    std::uint8_t needs = needs_of(text);
    if (needs == 0 || (needs == kUnescaping && !unescape)) break;
    before = text;
    if (unescape && (needs & kUnescaping)) {
      text = unescaped = unescape_whole_references(text);
      needs = needs_of(text);
    }
    if (needs & kRepairing) {
      mojibake::repair(text);
      needs = needs_of(text);
    }
    if (needs & kReplacing) text = replace_characters(text);
    if (needs & (kReplacing | kNormalizing)) normalize(text);
    if (text != before && text == unescaped) remove_common_levels(text);
  } while (text != before);
  return text;
}

}  // namespace

std::u32string fix_text(std::u32string_view text) {
  std::u32string out;
  bool unescape = true;
  while (!text.empty()) {
    const std::size_t newline = text.find(U'\n');
    const std::size_t length = std::min(newline == text.npos ? text.size() : newline + 1, kLongestSegment);
    const std::u32string_view segment = text.substr(0, length);
    if (segment.find(U'<') != segment.npos) unescape = false;  // from here on it is HTML, and stays
    out += fix_segment(segment, unescape);
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace cliplab
