#include "model/text/caption_cleaning.hpp"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>

#include "base/error.hpp"
#include "model/text/fix_text.hpp"
#include "model/text/html_unescape.hpp"

namespace cliplab {
namespace {

/// What neither ftfy nor html.unescape touches, but for whitespace: printable ASCII without '&'.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= ' ' && c <= '~' && c != '&') || c == '\t' || c == '\n' || c == '\f' || c == '\r';
  });
}

/// Punctuation of ASCII.
bool is_punctuation(char c) {
  return (c > ' ' && c < '0') || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') || (c > 'z' && c < 0x7F);
}

/// open_clip's canonicalize_text up to the lower case: '_' a blank, no other punctuation.
void remove_punctuation(std::string& utf8) {
  std::replace(utf8.begin(), utf8.end(), '_', ' ');
  std::erase_if(utf8, is_punctuation);
}

std::string lower_case(std::string_view utf8) {
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0, icu::StringPiece(utf8.data(), static_cast<std::int32_t>(utf8.size())), sink, nullptr,
                            status);
  return out;
}

}  // namespace

std::u32string decode_utf8(std::string_view utf8) {
  std::u32string text;
  text.reserve(utf8.size());
  const auto size = static_cast<std::int32_t>(utf8.size());
  for (std::int32_t i = 0; i < size;) {
    UChar32 c;
    U8_NEXT_OR_FFFD(utf8.data(), i, size, c);
    text += static_cast<char32_t>(c);
  }
  return text;
}

std::string encode_utf8(std::u32string_view text) {
  std::string utf8;
  utf8.reserve(text.size());
  for (const char32_t c : text) {
    char bytes[U8_MAX_LENGTH];
    std::int32_t length = 0;
    U8_APPEND_UNSAFE(bytes, length, static_cast<UChar32>(c));
    utf8.append(bytes, static_cast<std::size_t>(length));
  }
  return utf8;
}

std::string clean_caption(std::string_view utf8, TextClean clean) {
  if (utf8.size() > (1u << 29)) fail("tokenizer", "a text of more than 512 MiB", "a caption");
  if (is_plain(utf8)) {
    std::string out(utf8);
    if (clean == TextClean::kWhitespace) return out;
    if (clean == TextClean::kCanonicalize) remove_punctuation(out);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
  }
  std::u32string text = fix_text(decode_utf8(utf8));
  for (int i = 0; i < 2 && text.find(U'&') != text.npos; ++i) text = html_unescape(text);
  std::string out = encode_utf8(text);
  if (clean == TextClean::kCanonicalize) remove_punctuation(out);
  return clean == TextClean::kWhitespace ? out : lower_case(out);
}

}  // namespace cliplab
