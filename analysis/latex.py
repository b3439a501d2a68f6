"""Tables as LaTeX for one's own paper: booktabs' rules, made for a text width of 160 mm and pdflatex, each file to be \\input.

A table that is wider than the text is set smaller, its long text in columns that break lines, and shrunk if that is not enough;
one that is longer than a page is a longtable."""

from __future__ import annotations

import math
import re
import textwrap
from dataclasses import dataclass

from tables import LONG, WIDE, Table

CHARACTERS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "−": "$-$", "–": "--", "—": "---",
              "×": r"$\times$", "→": r"$\rightarrow$", "<": r"$<$", ">": r"$>$", "≤": r"$\leq$", "≥": r"$\geq$", "|": r"$|$", "Δ": r"$\Delta$",
              "λ": r"$\lambda$", "…": r"\ldots{}", "·": r"$\cdot$", "’": "'",
              "\u200b": r"\allowbreak{}", "“": "``", "”": "''", **{c: "\\" + c for c in "&%$#_{}"}}
ROOM, TIGHT_ROOM = 88, 106  # characters of a line of 160 mm in the size of the text and in footnotesize
PAGE = 48  # lines


def latex_text(text: str) -> str:
    """What a Latin font lacks stands as its code point, so that the rest compiles. After a line's end "[" and "*" would be an option of it."""
    shown = "".join(CHARACTERS.get(c) or (c if ord(c) < 0x100 else rf"\texttt{{U+{ord(c):04X}}}") for c in text)
    return "{}" + shown if shown[:1] in ("[", "*") else shown


@dataclass
class Shape:
    """Characters a column; a width only where the column breaks its lines."""

    longest: list[int]
    widths: list[float | None]
    tight: bool
    lines: int

    @property
    def is_long(self) -> bool:
        return self.lines > PAGE and len(self.longest) < WIDE


def header_lines(table: Table, column: int) -> list[str]:
    """Words of a header of numbers one under the other, where it is longer than what stands below."""
    header = table.columns[column]
    body = max((len(row.cells[column]) for row in table.rows), default=0)
    return [header] if column < table.text_columns else textwrap.wrap(header, max(10, body), break_long_words=False) or [""]


def shape_of(table: Table) -> Shape:
    longest = [max([len(r.cells[i]) for r in table.rows] + [len(h) for h in header_lines(table, i)]) for i in range(len(table.columns))]
    tight = sum(longest) + 2.5 * len(longest) > ROOM and len(longest) < WIDE
    breaks = [tight and n > LONG and i < table.text_columns for i, n in enumerate(longest)]
    left = TIGHT_ROOM - sum(n for n, b in zip(longest, breaks, strict=True) if not b) - 1.5 * len(longest)
    roots = [math.sqrt(min(n, 160)) if b else 0 for n, b in zip(longest, breaks, strict=True)]
    left = max(left, 11 * sum(breaks))
    widths = [left * r / sum(roots) if b else None for r, b in zip(roots, breaks, strict=True)]
    lines = sum(max(math.ceil(1.15 * len(c) / w) if w else 1 for c, w in zip(r.cells, widths, strict=True)) for r in table.rows)
    return Shape(longest, widths, tight, lines)


def to_latex(table: Table) -> str:
    """Floors and the paper's rows in italics, the header of a wide table upright."""
    shape, left = shape_of(table), min(table.text_columns, len(table.columns))
    spec = "".join(rf">{{\raggedright\arraybackslash}}p{{{0.5 * w:.1f}em}}" if w else "l" if i < left else "r" for i, w in enumerate(shape.widths))
    title = latex_text(" ".join(filter(None, (f"{table.title}.", table.caption))))
    key = re.sub(r"[^a-z0-9]+", "-", table.name.lower())
    caption, label = rf"\caption{{{title}}}", rf"\label{{tab:{key}}}"
    head = [r"\toprule", _head(table), r"\midrule"]
    body = [_line([breakable(c) if w else c for c, w in zip(row.cells, shape.widths, strict=True)], row.kind) for row in table.rows]
    size = [r"\footnotesize", r"\setlength{\tabcolsep}{3pt}"] if shape.tight else []
    if shape.is_long:
        lines = ["{" + "".join(size) + r"\setlength{\LTcapwidth}{\linewidth}", rf"\begin{{longtable}}{{{spec}}}",
                 rf"{caption}{label}\\", *head, r"\endfirsthead",
                 *head, r"\endhead", r"\bottomrule", r"\endlastfoot", *body, r"\end{longtable}}"]
    else:
        lines = [r"\begin{table}", r"\centering", r"\setlength{\belowcaptionskip}{6pt}", caption, label, *size,
                 rf"\sbox0{{\begin{{tabular}}{{{spec}}}", *head, *body,
                 r"\bottomrule", r"\end{tabular}}%", r"\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi", r"\end{table}"]
    packages = ["booktabs", "longtable" if shape.is_long else "graphicx", *(["array"] if any(shape.widths) else [])]
    return "\n".join(["% needs " + " ".join(rf"\usepackage{{{p}}}" for p in packages), *lines]) + "\n"


def breakable(text: str) -> str:
    """Names, paths and hashes may break: after a mark, else every twelve letters."""
    return re.sub(r"([/_@:=]|[,.|-](?=[^\d\s])|\w{12})(?=\S)", "\\1\u200b", text)


def _line(cells: list[str], kind: str) -> str:
    texts = [latex_text(c) for c in cells]
    return " & ".join(texts if kind == "ours" else [rf"\textit{{{t}}}" if t else t for t in texts]) + r" \\"


def _head(table: Table) -> str:
    upright = len(table.columns) >= WIDE
    texts = []
    for i, column in enumerate(table.columns):
        below = r"\\".join(map(latex_text, header_lines(table, i)))
        texts.append(rf"\rotatebox{{90}}{{{latex_text(column)}}}" if upright and i >= table.text_columns else
                     rf"\shortstack[r]{{{below}}}" if r"\\" in below else below)
    return " & ".join(texts) + r" \\"
