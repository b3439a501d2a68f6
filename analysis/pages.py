"""Makes the pages and table files of a report. A block that a format cannot show is left out and becomes a line; the rest comes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import document
import render
from clean import said
from document import PROBLEMS, Block, Section
from latex import to_latex
from tables import Table, to_csv

Files = dict[str, str | bytes]


def rendered(root: Path, paper: Path, title: str, sections: list[Section], problems: list[str]) -> tuple[Files, dict[str, str]]:
    """Files of the report and the pieces of its PDF; `paper` is a folder for Typst that holds the figures. Adds to `problems`."""
    drawn = paper / "generated" / "figures"
    try:
        files = _all(title, sections, drawn)
    except Exception:  # noqa: BLE001  # one block: found by trying each
        sections = _showable(sections, problems, lambda section: _all(title, [section], drawn))
        files = _all(title, sections, drawn)
    known = len(problems)
    pdf, sections_of_pdf = _pdf(root, paper, title, sections, problems)
    if len(problems) > known:  # the page on the screen has what the PDF lacks, and the line about it
        sections = document.with_problems(sections, problems)
        sections_of_pdf = document.with_problems(sections_of_pdf, problems)
        files = _all(title, sections, drawn)
        pdf = pdf and compile_pdf(root, paper, render.to_typst_pieces(title, sections_of_pdf))
    return files | ({"report.pdf": pdf} if pdf else {}), render.to_typst_pieces(title, sections_of_pdf)


def _all(title: str, sections: list[Section], drawn: Path) -> Files:
    """Every format but the PDF."""
    files: Files = {"report.md": render.to_markdown_report(title, sections), "report.html": render.to_html_report(title, sections, drawn)}
    for table in (b for s in sections for b in s.blocks if isinstance(b, Table)):
        files |= {f"tables/{table.name}.csv": to_csv(table), f"tables/{table.name}.tex": to_latex(table)}
    for text in files.values():
        text.encode("utf-8")
    return files


def _pdf(root: Path, paper: Path, title: str, sections: list[Section], problems: list[str]) -> tuple[bytes | None, list[Section]]:
    """The PDF and its sections; None where none can be made."""
    def compiled(of: list[Section]) -> bytes:
        return compile_pdf(root, paper, render.to_typst_pieces(title, of))

    try:
        return compiled(sections), sections
    except Exception as error:  # noqa: BLE001
        try:
            compiled([])
        except Exception:  # noqa: BLE001  # not a block, but Typst or the layout
            problems.append(f"report.pdf could not be made ({said(error)})")
            return None, sections
    sections = _showable(sections, problems, lambda section: compiled([section]), "in the PDF ")
    try:
        return compiled(sections), sections
    except Exception as error:  # noqa: BLE001
        problems.append(f"report.pdf could not be made ({said(error)})")
        return None, sections


def _showable(sections: list[Section], problems: list[str], show: Callable[[Section], object], where: str = "") -> list[Section]:
    """The sections with the blocks that `show` can show, one by one."""
    kept = []
    for section in sections:
        try:
            show(section)
            kept.append(section)
            continue
        except Exception:  # noqa: BLE001
            blocks = [b for b in section.blocks if _shows(section, b, problems, show, where)]
        kept.append(Section(section.key, section.title, blocks))
    return document.with_problems([s for s in kept if s.blocks or s.key == PROBLEMS], problems)


def _shows(section: Section, block: Block, problems: list[str], show: Callable[[Section], object], where: str) -> bool:
    try:
        show(Section(section.key, section.title, [block]))
        return True
    except Exception as error:  # noqa: BLE001
        kind = type(block).__name__.lower()
        name = getattr(block, "name", "") or getattr(block, "title", "") or getattr(block, "where", "") or "of " + section.title
        problems.append(f"{kind} {name} could not be shown {where}({said(error)})")
        return False


def compile_pdf(root: Path, paper: Path, pieces: dict[str, str]) -> bytes:
    import typst

    shutil.copyfile(root / "paper" / "report.typ", paper / "report.typ")
    for name, text in pieces.items():
        (paper / "generated" / name).write_text(text, encoding="utf-8")
    main_file = paper / "main.typ"
    main_file.write_text('#import "report.typ": *\n#show: report\n#include "generated/body.typ"\n', encoding="utf-8")
    return typst.compile(str(main_file), root=str(paper))
