"""Tables as LaTeX: escapes, long names, long tables; all of a report's compile, none runs over the margin."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "analysis"), str(Path(__file__).parent)]

from latex import breakable, shape_of, to_latex  # noqa: E402
from tables import Table  # noqa: E402

OVERFULL_PT = 1.0  # a third of the gap between two columns: nothing that an eye sees
MAIN = r"""\documentclass[10pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[a4paper,margin=25mm]{geometry}
\usepackage{booktabs,graphicx,array,longtable}
\begin{document}
"""


def compiled(folder: Path, files: list[Path]) -> tuple[str, list[str]]:
    """What pdflatex says, and its complaints: errors, lines over the margin, floats higher than a page."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed (Debian: texlive-latex-base texlive-latex-recommended)")
    folder.mkdir(exist_ok=True)
    pages = [f"\\typeout{{TABLE {f.name}}}\\input{{{f}}}\\clearpage\n" for f in files]
    (folder / "all.tex").write_text(MAIN + "".join(pages) + "\\end{document}\n")
    for _ in range(2):  # a longtable learns its widths from the first
        done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "all.tex"], cwd=folder, capture_output=True, check=False, timeout=600)
    said, name, complaints = done.stdout.decode(errors="replace"), "", []
    for line in said.splitlines():
        name = line.removeprefix("TABLE ") if line.startswith("TABLE ") else name
        wide = re.match(r"Overfull \\hbox \((.*)pt too wide\)", line)
        if line.startswith("!") or "Float too large" in line or wide and float(wide[1]) > OVERFULL_PT:
            complaints.append(f"{name}: {line}")
    return said, complaints


def test_every_table_of_a_report_compiles_within_the_margin(whole: Path, tmp_path: Path) -> None:
    files = sorted((whole / "results" / "report" / "tables").glob("*.tex"))
    assert len(files) > 40
    said, complaints = compiled(tmp_path / "tex", files)
    assert complaints == [] and "Output written on all.pdf" in said


def awkward() -> Table:
    table = Table("odd_1", "100 % of {x} & more_", ["model", "a text", "a header of several words", "b"], r"\\caption $ # ~ ^", text_columns=2)
    table.add(["模型_a/b@" + "0123456789abcdef" * 6, "Müller − 3 ± 1 ≥ 2 → Δ λ " * 20, "−12.5 [−13.0, −11.9]", "<|>"])
    table.add(["", "", "", ""], "paper")
    return table


def test_names_from_strangers_compile(tmp_path: Path) -> None:
    (tmp_path / "odd.tex").write_text(to_latex(awkward()))
    long = Table("long", "Many rows", ["model", "why", "n"], text_columns=2)
    for i in range(150):
        long.add([f"model {i} of a family with a name", "because of a reason that takes more than one line " * 2, str(i)])
    (tmp_path / "long.tex").write_text(to_latex(long))
    wide = Table("wide", "Many columns", ["model", *(f"data set {i}" for i in range(27))])
    for i in range(66):
        wide.add([f"model {i}", *["77.7"] * 27])
    (tmp_path / "wide.tex").write_text(to_latex(wide))
    said, complaints = compiled(tmp_path / "tex", [tmp_path / f"{n}.tex" for n in ("odd", "long", "wide")])
    assert complaints == [] and "Output written on all.pdf" in said


def test_a_table_that_is_broken_is_seen(tmp_path: Path) -> None:
    text = to_latex(awkward())
    (tmp_path / "a.tex").write_text(text.replace(r"\%", "%", 1))  # the caption's brace is commented out
    (tmp_path / "b.tex").write_text(text.replace(r"\usebox0\fi", r"\fi\noindent\rule{600pt}{1pt}"))
    assert any(c.startswith("a.tex: !") for c in compiled(tmp_path / "one", [tmp_path / "a.tex"])[1])
    assert any("too wide" in c for c in compiled(tmp_path / "two", [tmp_path / "b.tex"])[1])


def test_latex_escapes_and_marks() -> None:
    table = Table("a b", "100 %", ["model_x", "±"])
    table.add(["A&B {c}", "−1.0 ± 0.5"], "paper")
    text = to_latex(table)
    assert r"\caption{100 \%.}" in text and r"model\_x & $\pm$ \\" in text and r"\label{tab:a-b}" in text
    assert r"\textit{A\&B \{c\}} & \textit{$-$1.0 $\pm$ 0.5} \\" in text and text.count("rule") == 3
    assert r"\texttt{U+6A21}" in to_latex(awkward())


def test_only_what_is_wide_gets_breaking_columns_and_only_what_is_long_pages() -> None:
    narrow = Table("n", "n", ["model", "top-1"])
    narrow.add(["a name of thirty characters ....", "1.0"])
    assert shape_of(narrow).widths == [None, None] and not shape_of(narrow).is_long
    shape = shape_of(awkward())
    assert shape.tight and [w is not None for w in shape.widths] == [True, True, False, False]
    assert r"\shortstack[r]{a header of several\\words}" in to_latex(awkward())
    assert breakable("a/b −35.4, non-human") == "a/\u200bb −35.4, non-\u200bhuman"  # no number breaks
