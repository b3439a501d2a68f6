"""Writes src/model/text/mojibake_tables.hpp: facts about characters and encodings from ftfy (its version in the file)
and from Python's codecs.

    .venv/bin/python data/make_mojibake_tables.py          (writes)
    .venv/bin/python data/make_mojibake_tables.py --check  (exit 1 when the file would change; the parity tests run it)
"""

import re
import sys
from pathlib import Path

import ftfy
from ftfy.badness import MOJIBAKE_CATEGORIES
from ftfy.chardata import CHARMAP_ENCODINGS, UTF8_CLUES

TARGET = Path(__file__).resolve().parents[1] / "src" / "model" / "text" / "mojibake_tables.hpp"
HEAD = f'''// Written by data/make_mojibake_tables.py from ftfy {ftfy.__version__} and Python's codecs; do not edit. Encodings as
// which UTF-8 is often decoded by mistake, and the characters that result. Used by mojibake_*.cpp alone.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace cliplab::mojibake {{

'''
TAIL = "\n}  // namespace cliplab::mojibake\n"


def members(character_class: str) -> str:
    """All characters of what stands between the brackets of a regular expression's class."""
    pattern = re.compile(f"[{character_class}]")
    return "".join(c for c in map(chr, range(0x10000)) if pattern.match(c))


def literal(characters: str, indent: int) -> str:
    """A UTF-16 literal, of several lines where it is long; escapes for what does not print by itself."""
    lines, line = [], ""
    for c in characters:
        piece = c if c.isprintable() and c != "\xad" else f"\\u{ord(c):04X}"
        if len(line) + len(piece) > 114 - indent:
            lines.append(line)
            line = ""
        line += piece
    lines.append(line)
    return ("\n" + " " * indent).join(f'u"{line}"' for line in lines)


def joined(beginning: str, value: str, indent: int) -> str:
    """Both on one line where they fit, as clang-format has it."""
    fits = "\n" not in value and len(beginning) + len(value) <= 113
    return f"{beginning} {value}" if fits else f"{beginning}\n{' ' * indent}{value}"


def text() -> str:
    names = list(MOJIBAKE_CATEGORIES)
    parts = ["/// What kind of character it is in wrongly decoded text. A character may be of several categories.\n"
             "enum Category : std::uint32_t {\n"]
    constants = ["k" + "".join(word.capitalize() for word in name.split("_")) for name in names]
    parts += [f"  {constant} = 1u << {i},\n" for i, constant in enumerate(constants)]
    parts.append("};\n\nstruct Members {\n  Category category;\n  std::u16string_view characters;\n};\n\n"
                 "inline constexpr std::array kMembers{\n")
    parts += ["    " + joined(f"Members{{{constant},", literal(members(MOJIBAKE_CATEGORIES[name]), 12), 12) + "},\n"
              for name, constant in zip(names, constants)]
    parts.append("};\n\n")
    clues = {
        "utf8_first_of_2": ("kFirstOfTwo", "Characters that may be the first byte of a UTF-8 character of two bytes."),
        "utf8_first_of_3": ("kFirstOfThree", "Of three bytes."),
        "utf8_first_of_4": ("kFirstOfFour", "Of four bytes."),
        "utf8_continuation": ("kContinuation", "Characters that may be a later byte; a space may stand for 0xA0."),
        "utf8_continuation_strict": ("kStrictContinuation", "Those that rarely stand for themselves next to mojibake."),
    }
    assert set(clues) == set(UTF8_CLUES)
    for name, (constant, comment) in clues.items():
        declaration = f"inline constexpr std::u16string_view {constant} ="
        parts.append(f"/// {comment}\n" + joined(declaration, literal(members(UTF8_CLUES[name]), 4), 4) + ";\n")
    parts.append("\nstruct Encoding {\n  const char* name;\n"
                 "  char16_t substitute;             // what byte 0x1A is\n"
                 "  std::u16string_view upper_half;  // what bytes 0x80 to 0xFF are\n};\n\n"
                 "/// In the order in which they are tried. A byte that is not assigned stands for the control of its "
                 "number.\ninline constexpr std::array kEncodings{\n")
    for encoding in CHARMAP_ENCODINGS:
        upper = bytes(range(0x80, 0x100)).decode(encoding)
        parts.append(f'    Encoding{{"{encoding}", 0x{ord(bytes([0x1A]).decode(encoding)):04X},\n'
                     f"             {literal(upper, 13)}}},\n")
    parts.append("};\n")
    return HEAD + "".join(parts) + TAIL


if __name__ == "__main__":
    if "--check" in sys.argv:
        current = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
        sys.exit(0 if current == text() else f"{TARGET} is stale: run data/make_mojibake_tables.py")
    TARGET.write_text(text(), encoding="utf-8", newline="\n")
