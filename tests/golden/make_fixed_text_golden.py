"""Writes tests/golden/fixed_texts.tsv: about 500 hard texts of tests/parity/wrong_texts.py and what ftfy.fix_text makes
of them.

    .venv/bin/python tests/golden/make_fixed_text_golden.py

A line: the text, a tab, the fixed text; the bytes below 0x20, 0x7F and '%' are written %XX.
"""

import sys
import unicodedata
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "parity"))
SEED = 7


def shown(text):
    return "".join(f"%{ord(c):02X}" if ord(c) < 0x20 or c in "\x7f%" else c for c in text)


def main():
    import ftfy
    from wrong_texts import PIECES, wrong_texts

    texts = [p + rest for p in PIECES for rest in ("", " a", "é")] + [t for t in wrong_texts(700, SEED) if len(t) <= 80]
    lines = [f"# ftfy {ftfy.__version__}, Unicode {unicodedata.unidata_version}, seed {SEED}; written by {Path(__file__).name}"]
    for text in dict.fromkeys(texts):
        if not any(unicodedata.category(c) in ("Cn", "Cs") for c in text):  # younger characters; no UTF-8 for surrogates
            lines.append(shown(text) + "\t" + shown(ftfy.fix_text(text)))
    (HERE / "fixed_texts.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
