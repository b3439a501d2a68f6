// Captions as the tokenizer's references clean them (open_clip `_clean_lower`): ftfy.fix_text, html.unescape twice,
// lower case.
#pragma once

#include <string>
#include <string_view>

#include "model/text/text_tokenizer.hpp"

namespace cliplab {

/// Cleaned text, in lower case or as `clean` says. Whitespace is left as it is, since the tokenizer's pattern skips it.
/// Bytes that are not UTF-8 are replaced by U+FFFD as Python does.
std::string clean_caption(std::string_view utf8, TextClean clean = TextClean::kLower);

/// UTF-8 as code points, and code points as UTF-8.
std::u32string decode_utf8(std::string_view utf8);
std::string encode_utf8(std::u32string_view text);

}  // namespace cliplab
