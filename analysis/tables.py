"""Tables as plain rows of text, written as Markdown, CSV, Typst and HTML (LaTeX: latex.py); the only place that makes percent.

A Table knows nothing of studies: study_tables.py fills it. Rows that are floors or the paper's are marked, so
that each format can set them apart."""

from __future__ import annotations

import csv
import html
import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

DASH = "–"  # nothing measured or nothing published
NUMBER = re.compile(r"[−+]?\d")
WIDE = 13  # columns from which a table stands on a page turned by 90 degrees, with upright headers


class Cell(str):
    """Text of a cell that knows its record: "run/file.h5#row", or "run/file.h5" of a number made from several."""

    source: str

    def __new__(cls, text: str, source: str = "") -> Cell:
        cell = super().__new__(cls, text)
        cell.source = source
        return cell


def linked(table: Table, where: str) -> Table:
    """Numbers that were made from several records lead to their file; what stands in a column of the paper's leads nowhere."""
    for row in (r for r in table.rows if r.kind != "paper"):
        row.cells = [Cell(c, where) if i >= table.text_columns and NUMBER.match(c) and not getattr(c, "source", "") and "paper" not in table.columns[i]
                     else c for i, c in enumerate(row.cells)]
    return table


def anchor(source: str) -> str:
    """The place of a record or a file in the HTML report."""
    return "at-" + re.sub(r"[^A-Za-z0-9]+", "-", source)


def file_name(text: str) -> str:
    """Names come from result files: nothing in one leaves its folder."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:120]


@dataclass
class Row:
    cells: list[str]
    kind: str = "ours"  # "ours", "floor", "paper"


@dataclass
class Table:
    name: str  # file name of the CSV
    title: str
    columns: list[str]
    caption: str = ""
    text_columns: int = 1  # leading columns set to the left
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = file_name(self.name)

    def add(self, cells: list[str], kind: str = "ours") -> None:
        if len(cells) != len(self.columns):
            raise ValueError(f"{self.name}: {len(cells)} cells, expected {len(self.columns)}")
        self.rows.append(Row(cells, kind))


def missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def percent(value: float | None, digits: int = 1) -> str:
    """0.7214 -> "72.1"."""
    return DASH if missing(value) else f"{100 * value:.{digits}f}"


def with_interval(value: float | None, low: float | None, high: float | None, digits: int = 1) -> str:
    """Percent with its interval: "72.1 ± 0.9", or "1.2 [0.4, 3.1]" where the two sides differ when rounded."""
    if missing(value):
        return DASH
    text = percent(value, digits)
    if missing(low) or missing(high) or low == high:
        return text
    below, above = percent(value - low, digits), percent(high - value, digits)
    if below == above:
        return f"{text} ± {below}"
    return f"{text} [{percent(low, digits)}, {percent(high, digits)}]"


def points(value: float | None, digits: int = 1) -> str:
    """A difference of rates in percentage points with its sign."""
    if missing(value):
        return DASH
    text = f"{100 * value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{digits}f}"


def points_with_interval(value: float, low: float, high: float) -> str:
    """A difference in percentage points: "+5.1 [+3.0, +7.4]"."""
    if missing(value) or low == high:
        return points(value)
    return f"{points(value)} [{points(low)}, {points(high)}]"


def number(value: float | None, digits: int = 2) -> str:
    return DASH if missing(value) else f"{value:.{digits}f}".replace("-", "−")


def published(value: float | None, digits: int = 1) -> str:
    """A number of the paper, already in its unit."""
    return DASH if missing(value) else f"{value:.{digits}f}".replace("-", "−")


def to_csv(table: Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns + ["row kind"])
    writer.writerows([*row.cells, row.kind] for row in table.rows)
    return out.getvalue()


_MARKS = re.compile(r"[\\`*$]|<(?=[A-Za-z/!?])|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])|&(?=[#\w]+;)|~(?=~)|^[#>+=-]")


def markdown_text(text: str) -> str:
    """Text of which no markup is read: no emphasis, code, link, formula, HTML, heading or list."""
    return _MARKS.sub(lambda mark: "\\" + mark[0], text)


def to_markdown(table: Table, escape: Callable[[str], str] = markdown_text) -> str:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"

    rule = [":--" if i < table.text_columns else "--:" for i in range(len(table.columns))]
    body = [line([f"*{c}*" if row.kind != "ours" and i == 0 and c.strip() else c for i, c in enumerate(map(escape, row.cells))])
            for row in table.rows]
    return "\n".join([line([escape(c) for c in table.columns]), line(rule), *body]) + "\n"


WRAP = 24  # characters from which a text column breaks its lines


def to_html(table: Table) -> str:
    def shown(text: str) -> str:
        source, text = getattr(text, "source", ""), html.escape(text)
        return f'<a href="#{anchor(source)}">{text}</a>' if source else text

    kinds = [("t long" if any(len(r.cells[i]) > WRAP for r in table.rows) else "t") if i < table.text_columns else "" for i in range(len(table.columns))]

    def cells(values: list[str], tag: str) -> str:
        return "".join(f'<{tag}{f" class={chr(34)}{k}{chr(34)}" if k else ""}>{shown(v)}</{tag}>' for k, v in zip(kinds, values, strict=True))

    body = "\n".join(f'<tr class="{row.kind}">{cells(row.cells, "td")}</tr>' for row in table.rows)
    turned = ' class="turned"' if len(table.columns) >= WIDE else ""
    return (f'<div class="scroll"><table{turned}>\n<thead><tr>{cells(table.columns, "th")}</tr></thead>\n'
            f"<tbody>\n{body}\n</tbody></table></div>\n")


def typst_string(text: str) -> str:
    """Text as a Typst string in content: no markup of it is read."""
    return '#"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


LONG = 16  # characters from which text columns share the width that is left, long ones less than by their length


def typst_widths(table: Table) -> list[str]:
    longest = [max(len(text) for text in (column, *(r.cells[i] for r in table.rows))) for i, column in enumerate(table.columns)]
    tight = sum(min(n, 60) for n in longest) > 90 and len(longest) < WIDE  # else each column has the width of its text
    return [f"{math.sqrt(min(n, 160)):.1f}fr" if tight and n > LONG and i < table.text_columns else "auto" for i, n in enumerate(longest)]


def to_typst(table: Table) -> str:
    """A call of `result-table`, which paper/report.typ defines."""
    def row(cells: list[str], kind: str) -> str:
        return f'  ("{kind}", ' + ", ".join(f"[{typst_string(c)}]" for c in cells) + "),"

    lines = [f"#result-table(({', '.join(typst_widths(table))},), {table.text_columns}, [{typst_string(table.title)}], "
             f"[{typst_string(table.caption)}], (", row(table.columns, "head")]
    lines += [row(r.cells, r.kind) for r in table.rows]
    return "\n".join(lines) + "\n))\n"
