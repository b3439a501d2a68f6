// Decides whether a text looks as if UTF-8 had been decoded as one of the single-byte encodings that ftfy tries
// (mojibake: "cafÃ©" for "café"). ftfy would repair such a text, the tokenizer only counts it: see
// caption_cleaning.hpp, which alone includes this file.
#pragma once

#include <unicode/uchar.h>
#include <unicode/ucnv.h>
#include <unicode/unistr.h>

#include <array>
#include <cstdint>
#include <unordered_map>

namespace cliplab::mojibake {

constexpr std::array<const char*, 10> kEncodings{// ftfy.chardata.CHARMAP_ENCODINGS
                                                 "ISO-8859-1",   "windows-1252", "windows-1251", "windows-1250",
                                                 "windows-1253", "windows-1254", "windows-1257", "ISO-8859-2",
                                                 "macintosh",    "IBM437"};
using Bytes = std::array<std::uint8_t, kEncodings.size()>;  // 0: not in that encoding

/// For each character of an upper half, its byte in every encoding.
inline const std::unordered_map<UChar32, Bytes>& upper_halves() {
  static const auto kTable = [] {
    std::unordered_map<UChar32, Bytes> result;
    for (std::size_t e = 0; e < kEncodings.size(); ++e) {
      UErrorCode status = U_ZERO_ERROR;
      UConverter* const converter = ucnv_open(kEncodings[e], &status);
      if (U_FAILURE(status)) continue;  // an ICU without this converter sees less
      for (int b = 0x80; b < 0x100; ++b) {
        const char byte = static_cast<char>(b);
        char16_t c[4];
        status = U_ZERO_ERROR;
        const int length = ucnv_toUChars(converter, c, 4, &byte, 1, &status);
        // The "sloppy" codecs of ftfy: a byte without a character is the control of that number.
        const bool none = U_FAILURE(status) || length != 1 || c[0] == 0xFFFD || c[0] == 0x1A;
        result[none ? b : c[0]][e] = static_cast<std::uint8_t>(b);
      }
      ucnv_close(converter);
    }
    return result;
  }();
  return kTable;
}

/// True for a C1 control, and when, in one of the encodings, some characters in a row are the bytes of a
/// UTF-8 character. Letters alone do not count (Polish "Ó" + "Ł" in "PÓŁNOC" are such bytes): one of them
/// must be a symbol, and other than the quotes, dashes, ® or … that appear next to any letter, unless the first
/// one is frequent in mojibake.
inline bool suspected(const icu::UnicodeString& text) {
  const auto& table = upper_halves();
  static const icu::UnicodeString kFrequentLeads(u"ÂÃÎÐØÙâàвβā√‚"),
      kPunctuation(u"\u00A0\u00AB\u00AE\u00B7\u00BB\u2013\u2014\u2018\u2019\u201C\u201D\u2026\u2122");
  const auto is_symbol = [](char16_t c) { return !u_isalpha(c) || c == 0xAA || c == 0xB5 || c == 0xBA; };
  const auto bytes_at = [&](int at) -> const Bytes* {
    if (at >= text.length() || text[at] < 0x80) return nullptr;
    const auto found = table.find(text[at]);
    return found == table.end() ? nullptr : &found->second;
  };
  for (int i = 0; i < text.length(); ++i) {
    if (text[i] >= 0x80 && text[i] < 0xA0) return true;
    const Bytes* lead = bytes_at(i);
    if (lead == nullptr) continue;
    const bool frequent = kFrequentLeads.indexOf(text[i]) >= 0;
    for (std::size_t e = 0; e < kEncodings.size(); ++e) {
      const int b = (*lead)[e], tail = b < 0xC2 || b > 0xF4 ? 0 : b < 0xE0 ? 1 : b < 0xF0 ? 2 : 3;
      int at = i + 1;
      bool symbol = is_symbol(text[i]) && kPunctuation.indexOf(text[i]) < 0;
      for (const Bytes* next; at <= i + tail && (next = bytes_at(at)) != nullptr; ++at) {
        if ((*next)[e] < 0x80 || (*next)[e] > 0xBF) break;
        symbol = symbol || (is_symbol(text[at]) && (frequent || kPunctuation.indexOf(text[at]) < 0));
      }
      if (tail > 0 && at == i + tail + 1 && symbol) return true;
    }
  }
  return false;
}

}  // namespace cliplab::mojibake
