// Character references of HTML ("&eacute;", "&#233;") to characters, by the rules of the tokenizer's references.
#pragma once

#include <string>
#include <string_view>

namespace cliplab {

/// Python's html.unescape: numbers, and names of HTML 5; the old ones also without a semicolon, by their longest known
/// beginning ("&notit" is "\u00ACit").
std::u32string html_unescape(std::u32string_view text);

/// ftfy's unescape_html: only what ends in a semicolon, and all-caps forms of lower-case names ("&EACUTE;").
std::u32string unescape_whole_references(std::u32string_view text);

/// Text that was escaped many times ("&amp;amp;amp;lt;") loses a level with each unescape_whole_references. Where each
/// reference in the text would only lose a level, this removes as many levels as all of them have to spare.
void remove_common_levels(std::u32string& text);

}  // namespace cliplab
