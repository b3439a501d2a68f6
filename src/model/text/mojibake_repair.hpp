// Repairs wrongly decoded text: UTF-8 that was decoded as a single-byte encoding ("cafÃ©"), once or several times,
// wholly or in parts. The result is that of ftfy 6.3.1 (fix_encoding with its defaults).
#pragma once

#include <string>

namespace cliplab::mojibake {

void repair(std::u32string& text);

/// windows-1252 for the C1 controls, which HTML and ftfy take them for; the five that it leaves undefined, and all
/// other characters, stay.
char32_t c1_to_windows_1252(char32_t c);

}  // namespace cliplab::mojibake
