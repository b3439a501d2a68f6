"""Writes the sections of a report as Markdown, as one HTML file and as Typst pieces for paper/report.typ."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pandas as pd

from document import Block, Config, Picture, Records, Section, Text
from figures import INK
from params import spelled
from tables import Table, anchor, markdown_text, to_html, to_markdown, to_typst, typst_string

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --page: #ffffff; --soft: #5b6470; --line: #d5dae0; --shade: #f3f5f8;
  --warn: #8a2c0d; --warn-page: #fdeee6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --page: #14171b; --soft: #9aa4b1; --line: #333a43;
  --shade: #1d2228; --warn: #ffb599; --warn-page: #3a1d12; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.5rem; border-top: 1px solid var(--line);
  padding-top: 1.2rem; } h3 { font-size: 1rem; margin: 1.8rem 0 .4rem; }
nav a { margin-right: 1rem; white-space: nowrap; } a { color: inherit; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums;
  overflow-wrap: normal; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
.t { text-align: left; } th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
td:first-child, th:first-child { position: sticky; left: 0; background: var(--page); padding-left: 0; }
td.long { white-space: normal; min-width: 8rem; max-width: 24rem; } th.long { white-space: normal; } tr.floor td, tr.paper td { color: var(--soft); }
tr.floor td:first-child { font-style: italic; }
figure { margin: 1.2rem 0; } figure svg { width: 100%; min-width: 36rem; height: auto; color: var(--ink); }
.caption { color: var(--soft); font-size: .85rem; max-width: 48rem; }
.banner { background: var(--warn-page); color: var(--warn); border-left: .3rem solid; padding: .6rem .8rem; font-weight: 600; }
.missing { color: var(--soft); font-style: italic; } pre { overflow-x: auto; background: var(--shade); padding: .6rem;
  font-size: .8rem; }
td a { text-decoration: underline dotted var(--soft); } td a:hover, td a:focus { text-decoration: underline; }
#records table { font-size: .75rem; } :target { outline: 2px solid var(--warn); }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid; }
th[aria-sort=ascending] button::after { content: " ▲"; } th[aria-sort=descending] button::after { content: " ▼"; }
.turned th:not(.t) { height: 7rem; } .turned th:not(.t) button { writing-mode: vertical-rl; transform: rotate(180deg); }
.turned td, .turned th { padding: .3rem .25rem; } #claims table { font-size: .75rem; } #claims td { padding: .3rem .4rem; vertical-align: top; }
#claims td.long { min-width: 5.5rem; } #claims td.long + td.long { min-width: 11rem; } #claims td.long + td.long + td.long { min-width: 6.5rem; }
"""
# Headers become buttons that sort by their column: by the number that a cell opens with, else by its text.
# A link into folded records opens what holds them.
SCRIPT = """
for (const table of document.querySelectorAll('table')) for (const [column, th] of [...table.tHead.rows[0].cells].entries()) {
  const button = document.createElement('button'); button.type = 'button'; button.append(...th.childNodes); th.append(button);
  button.onclick = () => {
    const up = th.getAttribute('aria-sort') !== 'ascending', body = table.tBodies[0];
    for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
    th.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    const key = row => { const text = row.cells[column].textContent.trim().replace(/\u2212/g, '-').replace(/,/g, '');
      const number = parseFloat(text); return [Number.isNaN(number) ? null : number, text]; };
    const rows = [...body.rows].map(row => [key(row), row]);
    rows.sort(([[a, s]], [[b, t]]) => a !== null && b !== null ? a - b : a !== null ? -1 : b !== null ? 1 : s.localeCompare(t));
    body.append(...(up ? rows : rows.reverse()).map(([, row]) => row));
  };
}
function reveal() { let place = document.getElementById(location.hash.slice(1));
  for (let at = place; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
  if (place) place.scrollIntoView({block: 'center'}); }
addEventListener('hashchange', reveal); if (location.hash) reveal();
"""
SHOWN_COLUMNS = ("dataset", "split", "model", "method", "metric", "params", "unit", "value", "ci_low", "ci_high", "n")


def to_markdown_report(title: str, sections: list[Section]) -> str:
    lines = [f"# {markdown_text(title)}", ""]
    for section in (s for s in sections if not all(isinstance(b, Records) for b in s.blocks)):
        lines += [f"## {markdown_text(section.title)}", ""]
        for block in section.blocks:
            lines += [_markdown(block), ""] if not _is_item(block) else [_markdown(block)]
        lines.append("")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _is_item(block: object) -> bool:
    return isinstance(block, Text) and block.kind == "item"


def _markdown(block: Block) -> str:
    if isinstance(block, Table):
        caption = f"\n{markdown_text(block.caption)}\n" if block.caption else ""
        return f"### {markdown_text(block.title)}\n\n{to_markdown(block)}{caption}"
    if isinstance(block, Picture):
        return f"![{block.name}](figures/{block.name}.svg)\n\n{markdown_text(block.caption)}"
    if isinstance(block, Config):
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block.text)), default=0))
        return f"<details><summary>Configuration of {html.escape(block.title)}</summary>\n\n{fence}\n{block.text.strip()}\n{fence}\n\n</details>"
    if isinstance(block, Records):
        return ""  # tables/records.csv
    text = markdown_text(block.text)
    return {"banner": f"> **{text}**", "item": f"- {text}", "missing": f"*{text}*"}.get(block.kind, text)


def to_html_report(title: str, sections: list[Section], figure_folder: Path) -> str:
    """One file: the figures are in it as SVG."""
    links = " ".join(f'<a href="#{s.key}">{html.escape(s.title.split(" (")[0])}</a>' for s in sections)
    body = "\n".join(_html_section(s, figure_folder) for s in sections)
    return (f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{html.escape(title)}</title>\n'
            f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{html.escape(title)}</h1>\n<nav>{links}</nav>\n{body}\n"
            f"<script>{SCRIPT}</script>\n</body>\n</html>\n")


def _html_section(section: Section, figure_folder: Path) -> str:
    blocks = "\n".join(_html(b, figure_folder) for b in section.blocks)
    blocks = re.sub(r"(?:<li>.*?</li>\n?)+", lambda m: f"<ul>\n{m[0].rstrip()}\n</ul>\n", blocks)
    return f'<section id="{section.key}">\n<h2>{html.escape(section.title)}</h2>\n{blocks}\n</section>'


def _html(block: Block, figure_folder: Path) -> str:
    if isinstance(block, Table):
        caption = f'<p class="caption">{html.escape(block.caption)}</p>' if block.caption else ""
        return f"<h3>{html.escape(block.title)}</h3>\n{to_html(block)}{caption}"
    if isinstance(block, Picture):
        svg = inline_svg((figure_folder / f"{block.name}.svg").read_text(encoding="utf-8"), block.name)
        return f'<figure><div class="scroll">{svg}</div>\n<figcaption class="caption">{html.escape(block.caption)}</figcaption></figure>'
    if isinstance(block, Config):
        return (f"<details><summary>Configuration of {html.escape(block.title)}</summary>"
                f"<pre>{html.escape(block.text)}</pre></details>")
    if isinstance(block, Records):
        return _html_records(block)
    if block.kind == "item":
        return f"<li>{html.escape(block.text)}</li>"
    style = "" if block.kind in ("text", "lead") else f' class="{block.kind}"'
    return f"<p{style}>{html.escape(block.text)}</p>"


def _html_records(block: Records) -> str:
    """Folded: every record of a file, a row each that numbers link to, then its provenance and configuration."""
    rows = "\n".join(f'<tr id="{anchor(f"{block.where}#{i}")}">' + "".join(
        f"<td{' class=t' if isinstance(v, str) else ''}>{html.escape(v) if isinstance(v, str) else f'{v:.6g}'}</td>" for v in row) + "</tr>"
        for i, row in enumerate(_spelled(block.file.records)[list(SHOWN_COLUMNS)].itertuples(index=False, name=None)))
    head = "".join(f"<th{' class=t' if i < 7 else ''}>{c}</th>" for i, c in enumerate(SHOWN_COLUMNS))
    facts = "\n".join(f"{k} = {v}" for k, v in sorted(block.file.provenance.items()))
    return (f'<details id="{anchor(block.where)}"><summary>{html.escape(block.where)}: {len(block.file.records):,} records, values as fractions'
            f'</summary><div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
            f"<p>Provenance</p><pre>{html.escape(facts)}</pre><p>Configuration</p><pre>{html.escape(block.file.config)}</pre></details>")


def _spelled(records: pd.DataFrame) -> pd.DataFrame:
    return records.assign(params=records["params"].map(spelled))


def inline_svg(svg: str, name: str) -> str:
    """The <svg> element with ids of its own and with the page's text colour in place of INK."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    svg = svg.replace(INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{name}"', 1)


def to_typst_pieces(title: str, sections: list[Section]) -> dict[str, str]:
    """File name -> text: `meta.typ` and `body.typ` with one include a section, each in a file of its own."""
    pieces = {"meta.typ": f"#let report-title = [{typst_string(title)}]\n"}
    sections = [s for s in sections if not all(isinstance(b, Records) for b in s.blocks)]
    for section in sections:
        blocks = "\n".join(_typst(b) for b in section.blocks)
        pieces[f"{section.key}.typ"] = f'#import "../report.typ": *\n= {typst_string(section.title)}\n{blocks}\n'
    pieces["body.typ"] = "".join(f'#include "{s.key}.typ"\n' for s in sections)
    return pieces


def _typst(block: Block) -> str:
    if isinstance(block, Table):
        return to_typst(block)
    if isinstance(block, Picture):
        return f'#result-figure("generated/figures/{block.name}.svg", [{typst_string(block.caption)}])\n'
    if isinstance(block, (Config, Records)):
        return ""  # the HTML and the result files hold them
    if block.kind == "item":
        return f"- {typst_string(block.text)}"
    if block.kind == "lead":
        return f"#lead[{typst_string(block.text)}]\n"
    if block.kind == "banner":
        return f"#banner[{typst_string(block.text)}]\n"
    return (f"#emph[{typst_string(block.text)}]" if block.kind == "missing" else typst_string(block.text)) + "\n"
