"""Decides without pandas or matplotlib whether the report is current, and lists the DEVIATION lines.

Standard library only: `report.py --if-stale` must answer within 0.1 s. Current means: the stamp names the same
runs, inputs and deviations, every output is there, and none is older than any input."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STAMP = ".stamp.json"
SOURCE_SUFFIXES = {".cpp", ".hpp", ".cu", ".cuh", ".h", ".cfg", ".py"}
_DEVIATION = re.compile(r"DEVIATION\((?P<section>[^)]+)\):\s*(?P<text>.*)")
_COMMENT = re.compile(r"^\s*(//|#|\*)+/?\s?")


@dataclass(frozen=True)
class Deviation:
    """One known departure from the paper, as the source states it."""

    section: str
    text: str
    file: str  # relative to the project


def deviations(root: Path) -> list[Deviation]:
    """Every `DEVIATION(section): what, why` under src/ and experiments/, with its continuation lines."""
    found: list[Deviation] = []
    for folder in ("src", "experiments"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SOURCE_SUFFIXES and path.is_file():
                found += _in_file(path, path.relative_to(root).as_posix())
    return found


def _in_file(path: Path, name: str) -> list[Deviation]:
    text = path.read_text(encoding="utf-8", errors="replace")
    if "DEVIATION(" not in text:
        return []
    lines, found = text.splitlines(), []
    for i, line in enumerate(lines):
        match = _DEVIATION.search(line)
        if match:
            found.append(Deviation(match["section"], _whole_sentence(match["text"].strip(), lines[i + 1:]), name))
    return found


def _whole_sentence(text: str, following: list[str]) -> str:
    """Joins the comment lines that follow until the sentence ends."""
    for line in following[:6]:
        if text.endswith(".") or not _COMMENT.match(line) or "DEVIATION(" in line:
            break
        more = _COMMENT.sub("", line).strip()
        if not more:
            break
        text += " " + more
    return text


class SetUpError(Exception):
    """What keeps a program from starting; one line."""


def home(project: Path) -> Path:
    """The folder that holds results/, as for the C++ program: $CLIPLAB_ROOT, else the project."""
    named = os.environ.get("CLIPLAB_ROOT", "")
    if named and not Path(named).is_dir():
        raise SetUpError(f"CLIPLAB_ROOT: '{named}', expected the project's folder")
    return Path(named) if named else project


def material(root: Path, project: Path) -> Path:
    """The folder of claims, references, page layout and sources: `root` where it has them, else the project of this program."""
    return root if (root / "paper" / "report.typ").is_file() else project


def os_error(error: OSError) -> str:
    """A line that names the file."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def newest_run(runs: Path) -> list[Path]:
    """The run folder that holds the newest .h5 file; none without one."""
    files = [(f.stat().st_mtime_ns, f) for f in runs.glob("*/*.h5")]
    return [max(files)[1].parent] if files else []


def every_run(runs: Path) -> list[Path]:
    """The run folders that hold a .h5 file, in order of name."""
    return sorted({f.parent for f in runs.glob("*/*.h5")})


def input_files(root: Path, folders: list[Path]) -> list[Path]:
    """All that the report is made from."""
    files = [f for folder in folders for f in sorted(folder.glob("*.h5"))]
    files += sorted(Path(__file__).resolve().parent.glob("*.py"))
    files += sorted((root / "experiments").glob("*/reference.csv"))
    files += sorted((root / "paper" / "claims").glob("*.toml")) + sorted((root / "paper" / "published").glob("*.csv"))
    files += [root / "paper" / "report.typ", root / "data" / "datasets.json"]
    return [f for f in files if f.exists()]


def _facts(root: Path, folders: list[Path]) -> dict[str, list[str]]:
    listed = [f"{d.section}|{d.text}|{d.file}" for d in deviations(root)]
    files = [os.path.relpath(f.resolve(), root.resolve()) for f in input_files(root, folders)]
    return {"inputs": files, "deviations": listed}


def is_current(root: Path, folders: list[Path], out: Path) -> bool:
    stamp = read_stamp(out)
    if not stamp or any(stamp.get(key) != value for key, value in _facts(root, folders).items()):
        return False
    try:
        oldest_output = min((out / name).stat().st_mtime_ns for name in stamp["outputs"])
        return oldest_output > max(f.stat().st_mtime_ns for f in input_files(root, folders))
    except (OSError, ValueError):
        return False


def read_stamp(out: Path) -> dict[str, list[str]]:
    try:
        return json.loads((out / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write_stamp(root: Path, folders: list[Path], out: Path, outputs: list[str], problems: list[str]) -> None:
    write_atomic(out / STAMP, json.dumps(_facts(root, folders) | {"outputs": outputs, "problems": problems}, indent=1))


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder against another report; the lock goes with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_atomic(path: Path, content: str | bytes) -> None:
    """Whole or not at all: a temporary file next to it, then a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
