"""Writes src/model/text/html_entities.hpp from Python's html.entities.html5 (the list of the HTML5 standard).

    .venv/bin/python data/make_html_entities.py          (writes)
    .venv/bin/python data/make_html_entities.py --check  (exit 1 when the file would change; the parity tests run it)
"""

import html.entities
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "src" / "model" / "text" / "html_entities.hpp"
HEAD = '''// Written by data/make_html_entities.py from Python's html.entities.html5; do not edit. One string of entries
// "name=code points in hex, joined by +"; "!" in place of "=" marks the old names that also count without semicolon.
#pragma once

#include <string_view>

namespace cliplab {

inline constexpr std::string_view kHtmlEntities =
'''
TAIL = ''';

}  // namespace cliplab
'''


def text() -> str:
    entries = []
    for name, value in sorted(html.entities.html5.items()):
        if not name.endswith(";"):
            assert html.entities.html5[name + ";"] == value
            continue
        mark = "!" if name[:-1] in html.entities.html5 else "="
        entries.append(name[:-1] + mark + "+".join(f"{ord(c):x}" for c in value) + " ")
    lines, line = [], ""
    for entry in entries:
        if len(line) + len(entry) > 100:
            lines.append(line)
            line = ""
        line += entry
    lines.append(line)
    return HEAD + "\n".join(f'    "{line}"' for line in lines) + TAIL


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text() == text() else f"{TARGET} is stale: run data/make_html_entities.py")
    TARGET.write_text(text())
