"""Replaces the text between the results markers of README.md by a table made from results/published/*.h5.

    python analysis/readme_table.py [--check]

--check writes nothing and exits 1 with a diff when README.md is not current."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from clean import complain
from document import scale_note
from freshness import write_atomic
from headline import COLUMNS, headline
from results import ResultError, Run, read_results
from tables import Table, to_markdown

PROJECT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


def results_text(root: Path) -> str:
    """What stands between the markers."""
    paths = sorted((root / "results" / "published").glob("*.h5"))
    run = Run(root / "results" / "published", [read_results(path) for path in paths])
    for file in run.files:
        if file.smoke or file.dirty:
            raise ResultError(f"{file.path}: from a {'smoke run' if file.smoke else 'dirty tree'}, "
                              "expected a measurement of committed sources; publish another")
    table = Table("readme", "", [*COLUMNS, "file"], text_columns=2)
    for file in run.studies():
        for row in headline(root, file):
            table.add([file.experiment.replace("_", " "), *row, f"`{file.name}`"])
    if not table.rows:
        return "No results are published yet."
    return f"{to_markdown(table, escape=str)}\n{scale_note(root, run)} Made from `results/published` by `analysis/readme_table.py`."


def replaced(readme: str, text: str) -> str:
    begin, end = readme.find(BEGIN), readme.find(END)
    if begin < 0 or end < begin:
        raise ResultError(f"README.md: no '{BEGIN}' followed by '{END}', expected both markers")
    return f"{readme[:begin + len(BEGIN)]}\n{text}\n{readme[end:]}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="readme_table.py", description="the table of published results in README.md")
    parser.add_argument("--check", action="store_true", help="exit 1 with a diff when README.md is not current")
    parser.add_argument("--root", type=Path, default=PROJECT, help="project folder")
    options = parser.parse_args(arguments)
    path = options.root / "README.md"
    try:
        if not path.exists():
            raise ResultError(f"{path}: does not exist, expected a README with the results markers")
        old = path.read_text(encoding="utf-8")
        new = replaced(old, results_text(options.root))
    except ResultError as error:
        complain(f"readme_table: {error}")
        return 1
    if old == new:
        return 0
    if options.check:
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), "README.md",
                                                   "README.md from results/published"))
        print("readme_table: README.md is not current; run python analysis/readme_table.py", file=sys.stderr)
        return 1
    write_atomic(path, new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
