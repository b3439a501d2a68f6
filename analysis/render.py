"""Writes the sections of a report as Markdown, as one HTML file and as Typst pieces for paper/report.typ."""

from __future__ import annotations

import html
import re
from pathlib import Path

from document import Config, Picture, Section, Text
from figures import INK
from tables import Table, to_html, to_markdown, to_typst, typst_string

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
td.t { white-space: normal; max-width: 24rem; } tr.floor td, tr.paper td { color: var(--soft); }
tr.floor td:first-child { font-style: italic; }
#summary td.t + td.t { min-width: 15rem; }
figure { margin: 1.2rem 0; } figure svg { width: 100%; min-width: 36rem; height: auto; color: var(--ink); }
.caption { color: var(--soft); font-size: .85rem; max-width: 48rem; }
.banner { background: var(--warn-page); color: var(--warn); border-left: .3rem solid; padding: .6rem .8rem; font-weight: 600; }
.missing { color: var(--soft); font-style: italic; } pre { overflow-x: auto; background: var(--shade); padding: .6rem;
  font-size: .8rem; }
"""


def to_markdown_report(title: str, sections: list[Section]) -> str:
    lines = [f"# {title}", ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        for block in section.blocks:
            lines += [_markdown(block), ""] if not _is_item(block) else [_markdown(block)]
        lines.append("")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _is_item(block: object) -> bool:
    return isinstance(block, Text) and block.kind == "item"


def _markdown(block: Text | Table | Picture | Config) -> str:
    if isinstance(block, Table):
        caption = f"\n{block.caption}\n" if block.caption else ""
        return f"### {block.title}\n\n{to_markdown(block)}{caption}"
    if isinstance(block, Picture):
        return f"![{block.name}](figures/{block.name}.svg)\n\n{block.caption}"
    if isinstance(block, Config):
        return f"<details><summary>Configuration of {block.title}</summary>\n\n```\n{block.text.strip()}\n```\n\n</details>"
    return {"banner": f"> **{block.text}**", "item": f"- {block.text}", "missing": f"*{block.text}*"}.get(block.kind, block.text)


def to_html_report(title: str, sections: list[Section], figure_folder: Path) -> str:
    """One file: the figures are in it as SVG."""
    links = " ".join(f'<a href="#{s.key}">{html.escape(s.title.split(" (")[0])}</a>' for s in sections)
    body = "\n".join(_html_section(s, figure_folder) for s in sections)
    return (f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{html.escape(title)}</title>\n'
            f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{html.escape(title)}</h1>\n<nav>{links}</nav>\n{body}\n"
            "</body>\n</html>\n")


def _html_section(section: Section, figure_folder: Path) -> str:
    blocks = "\n".join(_html(b, figure_folder) for b in section.blocks)
    blocks = re.sub(r"(?:<li>.*?</li>\n?)+", lambda m: f"<ul>\n{m[0].rstrip()}\n</ul>\n", blocks)
    return f'<section id="{section.key}">\n<h2>{html.escape(section.title)}</h2>\n{blocks}\n</section>'


def _html(block: Text | Table | Picture | Config, figure_folder: Path) -> str:
    if isinstance(block, Table):
        caption = f'<p class="caption">{html.escape(block.caption)}</p>' if block.caption else ""
        return f"<h3>{html.escape(block.title)}</h3>\n{to_html(block)}{caption}"
    if isinstance(block, Picture):
        svg = inline_svg((figure_folder / f"{block.name}.svg").read_text(encoding="utf-8"), block.name)
        return f'<figure><div class="scroll">{svg}</div>\n<figcaption class="caption">{html.escape(block.caption)}</figcaption></figure>'
    if isinstance(block, Config):
        return (f"<details><summary>Configuration of {html.escape(block.title)}</summary>"
                f"<pre>{html.escape(block.text)}</pre></details>")
    if block.kind == "item":
        return f"<li>{html.escape(block.text)}</li>"
    style = "" if block.kind in ("text", "lead") else f' class="{block.kind}"'
    return f"<p{style}>{html.escape(block.text)}</p>"


def inline_svg(svg: str, name: str) -> str:
    """The <svg> element with ids of its own and with the page's text colour in place of INK."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    svg = svg.replace(INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{name}"', 1)


def to_typst_pieces(title: str, sections: list[Section]) -> dict[str, str]:
    """File name -> text: `meta.typ` and `body.typ` with one include a section, each in a file of its own."""
    pieces = {"meta.typ": f"#let report-title = [{typst_string(title)}]\n"}
    for section in sections:
        blocks = "\n".join(_typst(b) for b in section.blocks)
        pieces[f"{section.key}.typ"] = f'#import "../report.typ": *\n= {typst_string(section.title)}\n{blocks}\n'
    pieces["body.typ"] = "".join(f'#include "{s.key}.typ"\n' for s in sections)
    return pieces


def _typst(block: Text | Table | Picture | Config) -> str:
    if isinstance(block, Table):
        return to_typst(block)
    if isinstance(block, Picture):
        return f'#result-figure("generated/figures/{block.name}.svg", [{typst_string(block.caption)}])\n'
    if isinstance(block, Config):
        return ""  # the HTML and the result files hold the configurations
    if block.kind == "item":
        return f"- {typst_string(block.text)}"
    if block.kind == "lead":
        return f"#lead[{typst_string(block.text)}]\n"
    if block.kind == "banner":
        return f"#banner[{typst_string(block.text)}]\n"
    return (f"#emph[{typst_string(block.text)}]" if block.kind == "missing" else typst_string(block.text)) + "\n"
