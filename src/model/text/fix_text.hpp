// ftfy.fix_text, with which CLIP's tokenizers clean every text: the result is that of ftfy 6.3.1 with its defaults.
#pragma once

#include <string>
#include <string_view>

namespace cliplab {

/// Line by line: character references and wrong decodings are undone, then ligatures, full-width forms, curly quotes,
/// line ends and surrogates replaced, terminal escapes and controls removed, and the line brought to NFC, until nothing
/// changes. `text` may hold any code points, surrogates included. Unicode by ICU: its version decides about characters
/// younger than Python's.
std::u32string fix_text(std::u32string_view text);

}  // namespace cliplab
