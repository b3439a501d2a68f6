"""Tables as plain rows of text, written as Markdown, CSV, Typst and HTML; the only place that makes percent.

A Table knows nothing of studies: study_tables.py fills it. Rows that are floors or the paper's are marked, so
that each format can set them apart."""

from __future__ import annotations

import csv
import html
import io
import math
from dataclasses import dataclass, field

DASH = "–"  # nothing measured or nothing published


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


def to_markdown(table: Table) -> str:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"

    rule = [":--" if i < table.text_columns else "--:" for i in range(len(table.columns))]
    body = [line([f"*{c}*" if row.kind != "ours" and i == 0 else c for i, c in enumerate(row.cells)])
            for row in table.rows]
    return "\n".join([line(table.columns), line(rule), *body]) + "\n"


def to_html(table: Table) -> str:
    def cells(values: list[str], tag: str) -> str:
        return "".join(f'<{tag}{" class=t" if i < table.text_columns else ""}>{html.escape(v)}</{tag}>'
                       for i, v in enumerate(values))

    body = "\n".join(f'<tr class="{row.kind}">{cells(row.cells, "td")}</tr>' for row in table.rows)
    return (f'<div class="scroll"><table>\n<thead><tr>{cells(table.columns, "th")}</tr></thead>\n'
            f"<tbody>\n{body}\n</tbody></table></div>\n")


def typst_string(text: str) -> str:
    """Text as a Typst string in content: no markup of it is read."""
    return '#"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def to_typst(table: Table) -> str:
    """A call of `result-table`, which paper/report.typ defines."""
    def row(cells: list[str], kind: str) -> str:
        return f'  ("{kind}", ' + ", ".join(f"[{typst_string(c)}]" for c in cells) + "),"

    lines = [f"#result-table({len(table.columns)}, {table.text_columns}, [{typst_string(table.title)}], "
             f"[{typst_string(table.caption)}], (", row(table.columns, "head")]
    lines += [row(r.cells, r.kind) for r in table.rows]
    return "\n".join(lines) + "\n))\n"
