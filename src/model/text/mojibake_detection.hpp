// Tells whether a text looks wrongly decoded, by the rules of ftfy 6.3.1 (badness.is_bad).
#pragma once

#include <string_view>

namespace cliplab::mojibake {

/// True if characters stand next to each other that rarely do so but where UTF-8 was decoded as a single-byte
/// encoding: "Ã©" for "é".
bool looks_wrongly_decoded(std::u32string_view text);

/// True for a character outside ASCII that takes part in such a sequence. A text without them looks well.
bool takes_part(char32_t c);

}  // namespace cliplab::mojibake
