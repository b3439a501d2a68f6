#include "model/text/mojibake_repair.hpp"

#include <unicode/utf8.h>

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "model/text/mojibake_detection.hpp"
#include "model/text/mojibake_tables.hpp"

namespace cliplab::mojibake {
namespace {

constexpr std::size_t kLatin1 = 0, kWindows1252 = 1;  // in kEncodings
constexpr std::size_t kMacRoman = 8;
static_assert(std::string_view(kEncodings[kLatin1].name) == "latin-1");
static_assert(std::string_view(kEncodings[kWindows1252].name) == "sloppy-windows-1252");
static_assert(std::string_view(kEncodings[kMacRoman].name) == "macroman");
constexpr char kSubstitute = 0x1A;
constexpr char32_t kReplacement = 0xFFFD;

bool is_c1(char32_t c) { return c >= 0x80 && c < 0xA0; }

// --- text to bytes -------------------------------------------------------------------------------------------------

/// The byte of a character in each encoding, and in which ones it has one.
struct Bytes {
  std::array<std::uint8_t, kEncodings.size()> bytes{};
  std::uint32_t encodings = 0;
};

class ByteTable {
 public:
  ByteTable() {
    for (std::size_t e = 0; e < kEncodings.size(); ++e) {
      for (int byte = 0; byte < 0x80; ++byte)
        add(byte == kSubstitute ? kEncodings[e].substitute : static_cast<char16_t>(byte), e, byte);
      for (int byte = 0x80; byte < 0x100; ++byte) add(kEncodings[e].upper_half[byte - 0x80], e, byte);
    }
  }
  const Bytes& of(char32_t c) const { return rows_[c < index_.size() ? index_[c] : 0]; }

 private:
  void add(char16_t c, std::size_t encoding, int byte) {
    if (index_[c] == 0) {
      index_[c] = static_cast<std::uint16_t>(rows_.size());
      rows_.emplace_back();
    }
    rows_[index_[c]].bytes[encoding] = static_cast<std::uint8_t>(byte);
    rows_[index_[c]].encodings |= 1u << encoding;
  }

  std::vector<std::uint16_t> index_ = std::vector<std::uint16_t>(0x10000);
  std::vector<Bytes> rows_{Bytes{}};  // the first one: in no encoding
};

const ByteTable& byte_table() {
  static const ByteTable kTable;
  return kTable;
}

/// A bit for each encoding that has all characters of the text.
std::uint32_t possible_encodings(std::u32string_view text) {
  const ByteTable& table = byte_table();
  std::uint32_t possible = (1u << kEncodings.size()) - 1;
  for (const char32_t c : text) possible &= table.of(c).encodings;
  return possible;
}

std::string encoded(std::u32string_view text, std::size_t encoding) {
  const ByteTable& table = byte_table();
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t c : text) bytes += static_cast<char>(table.of(c).bytes[encoding]);
  return bytes;
}

// --- bytes that are nearly UTF-8 -----------------------------------------------------------------------------------

/// True if the byte is in the set for which the letter stands in the patterns below.
bool is_in(char set, std::uint8_t byte) {
  const bool continuation = byte >= 0x80 && byte <= 0xBF, lost = byte == kSubstitute;
  switch (set) {
    case 'a':  // first bytes whose character with 0xA0 is frequent: U+00A0 à Š Π Р U+0660
      return byte == 0xC2 || byte == 0xC3 || byte == 0xC5 || byte == 0xCE || byte == 0xD0 || byte == 0xD9;
    case 'b':
      return byte == 0xE2 || byte == 0xE3;
    case 'd':
      return byte >= 0xE0 && byte <= 0xE3;
    case 'f':
      return byte == 0xF0;
    case '2':
      return byte >= 0xC2 && byte <= 0xDF;
    case 'q':
      return byte == 0xC2 || byte == 0xC3;
    case '3':
      return byte >= 0xE0 && byte <= 0xEF;
    case '4':
      return byte >= 0xF0 && byte <= 0xF4;
    case 's':  // surrogates in CESU-8: the first byte, the second one of the high and of the low half
      return byte == 0xED;
    case 'h':
      return byte >= 0xA0 && byte <= 0xAF;
    case 'l':
      return byte >= 0xB0 && byte <= 0xBF;
    case 'c':
      return continuation;
    case 't':
      return continuation && byte != 0x85 && byte != 0xA0;
    case 'u':
      return lost || byte == '?';
    case 'v':
      return lost || continuation;
    case 'w':
      return lost || byte == '?' || continuation;
    default:
      return byte == static_cast<std::uint8_t>(set);
  }
}

/// UTF-8 in which a space stands for 0xA0 (ftfy.chardata.ALTERED_UTF8_RE).
constexpr std::string_view kSpaced[]{"a ", "b t", "dt ", "f cc", "fc c", "fcc "};
/// UTF-8 in which bytes are lost: 0x1A, or once '?' (LOSSY_UTF8_RE). The first one that fits counts.
constexpr std::string_view kLossy[]{"2\x1A", "q?", "shuslw", "shwslu", "3uv", "3vu", "4uvv", "4vuv", "4vvu", "\x1A"};

/// Length of the first pattern that fits at `at`; 0 for none.
std::size_t match(std::string_view bytes, std::size_t at, std::span<const std::string_view> patterns) {
  for (const std::string_view pattern : patterns) {
    std::size_t i = 0;
    while (i < pattern.size() && at + i < bytes.size() && is_in(pattern[i], static_cast<std::uint8_t>(bytes[at + i])))
      ++i;
    if (i == pattern.size()) return i;
  }
  return 0;
}

/// ftfy's restore_byte_a0. "Ã la" is "à la"; only the beginnings of the Portuguese "àquele", "às" are one word.
std::string with_restored_spaces(std::string_view bytes) {
  static constexpr std::string_view kOneWord[]{" ", "quele", "quela", "quilo", "s "};
  std::string words;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    words += bytes[i];
    if (!bytes.substr(i).starts_with("\xC3 ")) continue;
    const std::string_view rest = bytes.substr(i + 2);
    if (std::none_of(std::begin(kOneWord), std::end(kOneWord), [&](auto word) { return rest.starts_with(word); }))
      words += '\xA0';
  }
  for (std::size_t i = 0; i < words.size();) {
    const std::size_t length = match(words, i, kSpaced);
    std::replace(words.begin() + static_cast<std::ptrdiff_t>(i),
                 words.begin() + static_cast<std::ptrdiff_t>(i + length), ' ', '\xA0');
    i += std::max<std::size_t>(length, 1);
  }
  return words;
}

/// ftfy's replace_lossy_sequences: U+FFFD for each.
std::string with_lost_characters_replaced(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t length = match(bytes, i, kLossy);
    out += length == 0 ? bytes.substr(i, 1) : "\xEF\xBF\xBD";
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

/// ftfy's "utf-8-variants": UTF-8, CESU-8 for what lies beyond U+FFFF, and Java's C0 80 for U+0000. None if it is not
/// valid. A line's end in the place of the last byte of the last character is taken for that byte, as in ftfy.
std::optional<std::u32string> decoded(std::string_view bytes) {
  const auto size = static_cast<std::int32_t>(bytes.size());
  const auto at = [&](std::int32_t i) { return static_cast<std::uint8_t>(bytes[static_cast<std::size_t>(i)]); };
  const auto ends_with_newline = [&](std::int32_t i) { return i + 1 == size && at(i) == '\n'; };
  std::u32string text;
  for (std::int32_t i = 0; i < size;) {
    if (at(i) == 0xC0 && i + 1 < size && (at(i + 1) == 0x80 || ends_with_newline(i + 1))) {
      text += U'\0';
      i += 2;
    } else if (i + 5 < size && at(i) == 0xED && is_in('h', at(i + 1)) && is_in('c', at(i + 2)) && at(i + 3) == 0xED &&
               is_in('l', at(i + 4)) && (is_in('c', at(i + 5)) || ends_with_newline(i + 5))) {
      text.push_back(0x10000 + ((at(i + 1) & 0xFu) << 16 | (at(i + 2) & 0x3Fu) << 10 | (at(i + 4) & 0xFu) << 6 |
                                (at(i + 5) & 0x3Fu)));
      i += 6;
    } else {
      UChar32 c;
      U8_NEXT(bytes.data(), i, size, c);
      if (c < 0) return std::nullopt;
      text += static_cast<char32_t>(c);
    }
  }
  return text;
}

// --- UTF-8 within other text ---------------------------------------------------------------------------------------

enum Role : std::uint8_t { kLeadsTwo = 1, kLeadsThree = 2, kLeadsFour = 4, kContinues = 8, kContinuesStrictly = 16 };

std::uint8_t roles_of(char32_t c) {
  static const auto kRoles = [] {
    std::vector<std::uint8_t> roles(0x10000);
    const auto add = [&](std::u16string_view characters, Role role) {
      for (const char16_t member : characters) roles[member] |= role;
    };
    add(kFirstOfTwo, kLeadsTwo);
    add(kFirstOfThree, kLeadsThree);
    add(kFirstOfFour, kLeadsFour);
    add(kContinuation, kContinues);
    add(kStrictContinuation, kContinuesStrictly);
    return roles;
  }();
  return c < kRoles.size() ? kRoles[c] : std::uint8_t{0};
}

/// Where the characters end that would be UTF-8 (chardata.UTF8_DETECTOR_RE); `begin` if there are none. No character
/// leads sequences of two lengths.
std::size_t end_of_utf8(std::u32string_view text, std::size_t begin) {
  if (begin > 0 && (roles_of(text[begin - 1]) & kContinuesStrictly)) return begin;
  for (std::size_t at = begin;;) {
    const std::uint8_t roles = at < text.size() ? roles_of(text[at]) : std::uint8_t{0};
    const std::size_t end = at + (roles & kLeadsTwo ? 2 : roles & kLeadsThree ? 3 : roles & kLeadsFour ? 4 : 0);
    if (end == at || end > text.size()) return at;
    for (std::size_t i = at + 1; i < end; ++i)
      if (!(roles_of(text[i]) & kContinues)) return at;
    at = end;
  }
}

/// ftfy's decode_inconsistent_utf8: repairs each part that looks like UTF-8 by itself.
std::u32string with_parts_repaired(std::u32string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = end_of_utf8(text, i);
    if (end == i) {
      out += text[i++];
      continue;
    }
    std::u32string part(text.substr(i, end - i));
    if (part.size() < text.size()) repair(part);
    out += part;
    i = end;
  }
  return out;
}

/// The next better text; none if nothing can be done.
std::optional<std::u32string> repaired_once(std::u32string_view text) {
  if (!looks_wrongly_decoded(text)) return std::nullopt;
  const std::uint32_t possible = possible_encodings(text);
  for (std::size_t e = 0; e < kEncodings.size(); ++e) {
    if (!(possible >> e & 1)) continue;
    std::string bytes = encoded(text, e);
    // In Mac OS Roman a first byte with a space would be a dash.
    if (e != kMacRoman) bytes = with_restored_spaces(bytes);
    if (kEncodings[e].substitute == kReplacement) bytes = with_lost_characters_replaced(bytes);
    if (auto fixed = decoded(bytes)) return fixed;
  }
  if (std::u32string fixed = with_parts_repaired(text); fixed != text) return fixed;
  if (std::none_of(text.begin(), text.end(), is_c1)) return std::nullopt;
  std::u32string fixed;
  for (const char32_t c : text) fixed += c1_to_windows_1252(c);
  return fixed;
}

}  // namespace

void repair(std::u32string& text) {
  while (auto fixed = repaired_once(text)) {
    if (*fixed == text) return;
    text = std::move(*fixed);
  }
}

char32_t c1_to_windows_1252(char32_t c) { return is_c1(c) ? kEncodings[kWindows1252].upper_half[c - 0x80] : c; }

}  // namespace cliplab::mojibake
