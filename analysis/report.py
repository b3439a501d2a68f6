"""Makes the report of one or more runs: report.md, report.html, report.pdf, figures and a CSV of every table.

    python analysis/report.py [RUN_FOLDER ...] [--all] [--out results/report] [--if-stale]

Without a folder the newest run is taken; --all takes every one of results/runs. A file that cannot be read is named and
left out; what cannot be shown is a line of the report; either makes the exit status 1. Results are read and written below $CLIPLAB_ROOT
where it is set. Only the standard library is imported before the --if-stale check."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import freshness
from clean import complain, say

PROJECT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """0: made or current; 1: nothing was made, or something is missing in it."""
    options = parse(arguments)
    try:
        return answer(options, options.root or freshness.home(PROJECT))
    except freshness.SetUpError as error:
        complain(f"report: {error}")
    except OSError as error:
        complain(f"report: {freshness.os_error(error)}")
    return 1


def answer(options: argparse.Namespace, home: Path) -> int:
    out, runs, root = options.out or home / "results" / "report", home / "results" / "runs", freshness.material(home, PROJECT)
    folders = options.runs or (freshness.every_run(runs) if options.all else freshness.newest_run(runs))
    if not folders:
        complain(f"report: no run under {runs}, expected a folder with .h5 files; run `./cliplab run quickstart`")
        return 1
    if options.if_stale and freshness.is_current(root, folders, out):
        say(f"report: current ({out / 'report.html'})")
        return tell(freshness.read_stamp(out).get("problems", []))
    return make_or_say_why(home, root, folders, out)


def tell(problems: list[str]) -> int:
    for line in problems:
        complain(f"report: missing: {line}")
    return 1 if problems else 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="report.py", description="tables, figures and the report of one or more runs")
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN_FOLDER", help="default: the newest under results/runs")
    parser.add_argument("--all", action="store_true", help="every run under results/runs")
    parser.add_argument("--out", type=Path, help="folder of the report (default: results/report)")
    parser.add_argument("--if-stale", action="store_true", help="do nothing when the report is newer than all it is made from")
    parser.add_argument("--root", type=Path, help="project folder (default: $CLIPLAB_ROOT, else the one of this file)")
    return parser.parse_args(arguments)


def make_or_say_why(home: Path, root: Path, folders: list[Path], out: Path) -> int:
    from results import ResultError

    try:
        outputs, problems = make(home, root, folders, out)
    except ResultError as error:
        complain(f"report: {error}")
        return 1
    pages = [f"report.{suffix}" for suffix in ("html", "pdf", "md") if f"report.{suffix}" in outputs]
    say(f"report: {out / 'report.html'}, {', '.join(pages[1:])} and {len(outputs) - len(pages)} tables and figures")
    return tell(problems)


def make(home: Path, root: Path, folders: list[Path], out: Path) -> tuple[list[str], list[str]]:
    """Writes the whole report; returns the names of its files below `out`, and what could not be read or shown."""
    import document
    import pages
    from results import read_runs

    runs, problems = read_runs(folders)
    title = "cliplab report: " + (", ".join(run.name for run in runs) if len(runs) < 4 else f"{len(runs)} runs")
    with tempfile.TemporaryDirectory(prefix="cliplab-report-") as scratch:
        paper = Path(scratch)
        drawn = paper / "generated" / "figures"
        drawn.mkdir(parents=True)
        sections = document.build(root, runs, drawn, freshness.deviations(root), problems)
        files, pieces = pages.rendered(root, paper, title, sections, problems)
        files["tables/records.csv"] = all_records(runs)
        files |= {f"figures/{f.name}": f.read_bytes() for f in sorted(drawn.iterdir())}
    with freshness.locked(out):  # of two at once the second waits
        publish(home, root, folders, out, files, pieces, problems)
    return list(files), problems


def all_records(runs: list) -> str:
    """Every record of every file, fractions as they were written."""
    import pandas as pd

    frames = [f.records.drop(columns=["source", "file"]).assign(run=run.name, study=f.experiment) for run in runs for f in run.files]
    return pd.concat(frames).to_csv(index=False, lineterminator="\n")


def publish(home: Path, root: Path, folders: list[Path], out: Path, files: dict[str, str | bytes], pieces: dict[str, str], problems: list[str]) -> None:
    """Each file by rename; then what an earlier report left is removed; the stamp last."""
    earlier = set(freshness.read_stamp(out).get("outputs", []))
    for name, content in files.items():
        freshness.write_atomic(out / name, content)
    for name in earlier - set(files):
        (out / name).unlink(missing_ok=True)
    generated = home / "paper" / "generated"
    for name, text in pieces.items():
        freshness.write_atomic(generated / name, text)
    for name, content in files.items():
        if name.endswith(".svg"):
            freshness.write_atomic(generated / name, content)
    freshness.write_stamp(root, folders, out, list(files), problems)


if __name__ == "__main__":
    sys.exit(main())
