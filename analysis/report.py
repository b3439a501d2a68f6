"""Makes the report of one or more runs: report.md, report.html, report.pdf, figures and a CSV of every table.

    python analysis/report.py [RUN_FOLDER ...] [--all] [--out results/report] [--if-stale]

Without a folder the newest run is taken; --all takes every one of results/runs. A file that cannot be read is named and
left out. Only the standard library is imported before the --if-stale check."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import freshness

PROJECT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    out = options.out or options.root / "results" / "report"
    runs = options.root / "results" / "runs"
    folders = options.runs or (freshness.every_run(runs) if options.all else freshness.newest_run(runs))
    if not folders:
        print("report: no run under results/runs, expected a folder with .h5 files; run `./cliplab run quickstart`",
              file=sys.stderr)
        return 1
    if options.if_stale and freshness.is_current(options.root, folders, out):
        print(f"report: current ({out / 'report.html'})")
        return 0
    return make_or_say_why(options.root, folders, out)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="report.py", description="tables, figures and the report of one or more runs")
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN_FOLDER", help="default: the newest under results/runs")
    parser.add_argument("--all", action="store_true", help="every run under results/runs")
    parser.add_argument("--out", type=Path, help="folder of the report (default: results/report)")
    parser.add_argument("--if-stale", action="store_true", help="do nothing when the report is newer than all it is made from")
    parser.add_argument("--root", type=Path, default=PROJECT, help="project folder (default: the one of this file)")
    return parser.parse_args(arguments)


def make_or_say_why(root: Path, folders: list[Path], out: Path) -> int:
    from results import ResultError

    try:
        outputs = make(root, folders, out)
    except ResultError as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    print(f"report: {out / 'report.html'}, report.pdf, report.md and {len(outputs) - 3} tables and figures")
    return 0


def make(root: Path, folders: list[Path], out: Path) -> list[str]:
    """Writes the whole report; returns the names of its files below `out`."""
    import document
    import render
    from latex import to_latex
    from results import read_runs
    from tables import Table, to_csv

    runs, unread = read_runs(folders)
    for line in unread:
        print(f"report: left out: {line}", file=sys.stderr)
    title = "cliplab report: " + (", ".join(run.name for run in runs) if len(runs) < 4 else f"{len(runs)} runs")
    files: dict[str, str | bytes] = {}
    with tempfile.TemporaryDirectory(prefix="cliplab-report-") as scratch:
        paper = Path(scratch)
        drawn = paper / "generated" / "figures"
        drawn.mkdir(parents=True)
        sections = document.build(root, runs, drawn, freshness.deviations(root), tuple(unread))
        files["report.md"] = render.to_markdown_report(title, sections)
        files["report.html"] = render.to_html_report(title, sections, drawn)
        pieces = render.to_typst_pieces(title, sections)
        files["report.pdf"] = compile_pdf(root, paper, pieces)
        tables = [b for s in sections for b in s.blocks if isinstance(b, Table)]
        files |= {f"tables/{b.name}.csv": to_csv(b) for b in tables} | {f"tables/{b.name}.tex": to_latex(b) for b in tables}
        files["tables/records.csv"] = all_records(runs)
        files |= {f"figures/{f.name}": f.read_bytes() for f in sorted(drawn.iterdir())}
    publish(root, folders, out, files, pieces)
    return list(files)


def all_records(runs: list) -> str:
    """Every record of every file, fractions as they were written."""
    import pandas as pd

    frames = [f.records.drop(columns=["source", "file"]).assign(run=run.name, study=f.experiment) for run in runs for f in run.files]
    return pd.concat(frames).to_csv(index=False, lineterminator="\n")


def compile_pdf(root: Path, paper: Path, pieces: dict[str, str]) -> bytes:
    import typst

    shutil.copyfile(root / "paper" / "report.typ", paper / "report.typ")
    for name, text in pieces.items():
        (paper / "generated" / name).write_text(text, encoding="utf-8")
    main_file = paper / "main.typ"
    main_file.write_text('#import "report.typ": *\n#show: report\n#include "generated/body.typ"\n', encoding="utf-8")
    return typst.compile(str(main_file), root=str(paper))


def publish(root: Path, folders: list[Path], out: Path, files: dict[str, str | bytes], pieces: dict[str, str]) -> None:
    """Each file by rename; then what an earlier report left; the stamp last. Of two at once the second waits."""
    with freshness.locked(out):
        _publish(root, folders, out, files, pieces)


def _publish(root: Path, folders: list[Path], out: Path, files: dict[str, str | bytes], pieces: dict[str, str]) -> None:
    earlier = set(freshness.read_stamp(out).get("outputs", []))
    for name, content in files.items():
        freshness.write_atomic(out / name, content)
    for name in earlier - set(files):
        (out / name).unlink(missing_ok=True)
    generated = root / "paper" / "generated"
    for name, text in pieces.items():
        freshness.write_atomic(generated / name, text)
    for name, content in files.items():
        if name.endswith(".svg"):
            freshness.write_atomic(generated / name, content)
    freshness.write_stamp(root, folders, out, list(files))


if __name__ == "__main__":
    sys.exit(main())
