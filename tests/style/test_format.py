"""All C++ is as clang-format 14 with .clang-format writes it."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = (".cpp", ".hpp", ".cu", ".inc")


def formatter() -> str:
    program = shutil.which("clang-format-14")
    if program is None:
        pytest.skip("clang-format-14 is not installed; ./cliplab test installs it")
    return program


def differing(files: list[Path]) -> list[str]:
    """The files that clang-format would change."""
    done = subprocess.run([formatter(), "--dry-run", "--Werror", "--style=file", *files], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "-Wclang-format-violations" in done.stderr, done.stderr
    return sorted({line.split(":")[0] for line in done.stderr.splitlines() if "-Wclang-format-violations" in line})


def test_every_file_is_formatted():
    files = sorted(file for top in ("src", "experiments", "tests") for file in (ROOT / top).rglob("*") if file.suffix in SUFFIXES)
    assert len(files) > 200
    wrong = differing(files)
    assert wrong == [], f"call: clang-format-14 -i {' '.join(str(Path(file).resolve().relative_to(ROOT)) for file in wrong)}"


def test_a_file_that_is_not_formatted_is_seen(tmp_path: Path):
    (tmp_path / ".clang-format").write_bytes((ROOT / ".clang-format").read_bytes())
    (tmp_path / "a.cpp").write_text("int  f( ){return 1;}\n")
    assert differing([tmp_path / "a.cpp"]) == [str(tmp_path / "a.cpp")]
