"""clang-tidy finds nothing in the C++ that does not include LibTorch, with the checks of .clang-tidy.

Most of its time goes into headers, so the files of a folder are checked as one, as CMake's unity build compiles them. A group that was found
clean is not checked again until one of its files, or a header that they include, changes: build/tidy/GROUP holds the hash.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GROUPS = {  # files that can be one: those of a folder, or of folders that share no name
    "base": ["src/base/*.cpp"],
    "store": ["src/store/*.cpp"],
    "pixels": ["src/pixels/*.cpp"],
    "sets": ["src/sets/*.cpp"],
    "layouts": ["src/sets/layouts/*.cpp"],
    "corpora": ["src/acquire/*.cpp", "src/inspect/*.cpp", "src/corpora/*.cpp"],
    "eval": ["src/eval/*.cpp"],
    "kernels": ["src/kernels/*.cpp"],
    "files": ["src/model/files/*.cpp"],
    "model": ["src/model/*.cpp", "src/model/families/*.cpp", "src/model/text/*.cpp"],
    "train": ["src/train/*.cpp"],
    "lab": ["src/lab/*.cpp"],
    "cli": ["src/cli/*.cpp"],
    "experiments": ["experiments/*/*.cpp"],
}
PACKAGES = ["hdf5", "librsvg-2.0", "freetype2", "libxml-2.0", "libopenjp2"]  # libraries whose headers are not in /usr/include itself
TOGETHER = 2  # processes
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)


def included(files: list[Path]) -> set[Path]:
    """The files and every header of the project that they include, directly or not."""
    found, open_files = set(files), list(files)
    while open_files:
        file = open_files.pop()
        for name in INCLUDE.findall(file.read_text(encoding="utf-8")):
            for path in (ROOT / "src" / name, file.parent / name):
                if path.is_file() and path not in found:
                    found.add(path)
                    open_files.append(path)
    return found


def needs_torch(file: Path) -> bool:
    return any("#include <torch/" in part.read_text(encoding="utf-8") for part in included([file]))


def sources(group: str) -> list[Path]:
    """The group's .cpp files that do not include LibTorch."""
    return [file for pattern in GROUPS[group] for file in sorted(ROOT.glob(pattern)) if not needs_torch(file)]


def flags() -> list[str]:
    """The include folders and macros of the build; -isystem: a library's headers are not checked."""
    listed = subprocess.run(["pkg-config", "--cflags-only-I", *PACKAGES], capture_output=True, text=True, check=True).stdout.split()
    libraries = [word for flag in listed for word in ("-isystem", flag.removeprefix("-I"))]
    known = ["-D__builtin_cpu_supports(level)=1", "-D__builtin_shuffle(a, b, lanes)=(a)"]  # g++ has these, clang 14 has not
    return ["-std=c++20", "-march=x86-64-v3", f"-I{ROOT / 'src'}", "-isystem", "/usr/include/eigen3", *libraries, *known, "-DEIGEN_MAX_ALIGN_BYTES=64"]


def findings(files: list[Path], merged: Path) -> str:
    """What clang-tidy says about these files; empty when it finds nothing. `merged` becomes the one file that includes them all."""
    program = shutil.which("clang-tidy-14")
    assert program is not None
    merged.parent.mkdir(parents=True, exist_ok=True)
    merged.write_text("".join(f'#include "{file}"\n' for file in files), encoding="utf-8")
    done = subprocess.run([program, "--quiet", f"--config-file={ROOT / '.clang-tidy'}", merged, "--", *flags()], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr


def group_findings(group: str) -> str:
    """The findings of a group; asked of clang-tidy only when something has changed since it was clean."""
    files = sources(group)
    digest = hashlib.sha256()
    for file in [Path(__file__), ROOT / ".clang-tidy", *sorted(included(files))]:
        digest.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    clean = ROOT / "build/tidy" / group
    if clean.is_file() and clean.read_text(encoding="utf-8") == digest.hexdigest():
        return ""
    text = findings(files, clean.with_suffix(".cpp"))
    if not text:
        clean.write_text(digest.hexdigest(), encoding="utf-8")
    return text


@pytest.fixture(scope="module")
def installed() -> None:
    if shutil.which("clang-tidy-14") is None:
        pytest.skip("clang-tidy-14 is not installed; ./cliplab test installs it")


@pytest.fixture(scope="module")
def started(installed: None, request: pytest.FixtureRequest):
    """The chosen groups' findings, TOGETHER at a time."""
    chosen = [item.callspec.params["group"] for item in request.session.items if getattr(item, "originalname", "") == test_clang_tidy_finds_nothing.__name__]
    with ThreadPoolExecutor(TOGETHER) as pool:
        yield {group: pool.submit(group_findings, group) for group in chosen}


@pytest.mark.parametrize("group", GROUPS)
def test_clang_tidy_finds_nothing(group: str, started: dict[str, Future[str]]):
    text = started[group].result()
    assert text == "", f"clang-tidy:\n{text}"


def test_every_file_without_torch_is_in_a_group():
    checked = {file for group in GROUPS for file in sources(group)}
    every = {file for top in ("src", "experiments") for file in (ROOT / top).rglob("*.cpp")}
    assert len(checked) > 100
    assert [str(file.relative_to(ROOT)) for file in sorted(every - checked) if not needs_torch(file)] == []


def test_a_wrong_name_is_found(installed: None, tmp_path: Path):
    wrong = tmp_path / "src/wrong.cpp"
    wrong.parent.mkdir()
    wrong.write_text("int WrongName() { return 1; }\n", encoding="utf-8")
    assert "invalid case style for function 'WrongName'" in findings([wrong], tmp_path / "merged.cpp")
    wrong.write_text("int right_name() { return 1; }\n", encoding="utf-8")
    assert findings([wrong], tmp_path / "merged.cpp") == ""
