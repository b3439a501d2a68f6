"""Every header of src/ compiles alone: no .cpp has to include something else first.

Headers that lead to LibTorch, which takes the compiler 12 s, are compiled together, in one order and in the reverse: what a
header lacks has to come before it in both to pass.
"""

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"
COMPILER = os.environ.get("CXX") or shutil.which("g++") or "c++"
HEADERS = sorted(SRC.rglob("*.hpp"))


@cache
def included(header: Path) -> list[str]:
    return re.findall(r'^\s*#include\s*[<"]([^>"]+)', header.read_text(), re.MULTILINE)


@cache
def needs_torch(header: Path) -> bool:
    return any(name.startswith("torch/") or ((SRC / name).exists() and needs_torch(SRC / name)) for name in included(header))


def flags() -> list[str]:
    found = subprocess.run(["pkg-config", "--cflags", "eigen3"], capture_output=True, text=True, check=True).stdout.split()
    return ["-std=c++20", "-Wall", "-Werror", f"-I{SRC}", *(flag.replace("-I", "-isystem", 1) for flag in found)]


def torch_flags() -> list[str]:
    torch = next(iter((SRC.parent / ".venv").glob("lib/python3*/site-packages/torch/include")), None)
    if torch is None:
        pytest.skip("no LibTorch in .venv")
    return [*flags(), "-D_GLIBCXX_USE_CXX11_ABI=1", "-DFMT_HEADER_ONLY", "-isystem", str(torch), "-isystem", str(torch / "torch/csrc/api/include")]


def errors(headers: list[Path], options: list[str], more: str = "") -> str:
    """What the compiler says of a file that includes these."""
    lines = "".join(f'#include "{header.relative_to(SRC)}"\n' for header in headers) + more
    words = [COMPILER, *options, "-fsyntax-only", "-x", "c++", "-"]
    done = subprocess.run(words, input=lines, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr or f"exit {done.returncode}"


def all_errors(groups: list[list[Path]], options: list[str]) -> str:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return "".join(pool.map(lambda group: errors(group, options), groups))


def test_headers_without_torch_compile_alone() -> None:
    headers = [header for header in HEADERS if not needs_torch(header)]
    assert len(headers) > 60
    assert all_errors([[header] for header in headers], flags()) == ""


def test_headers_with_torch_compile_in_either_order() -> None:
    headers = [header for header in HEADERS if needs_torch(header)]
    assert headers
    assert all_errors([headers, headers[::-1]], torch_flags()) == ""


def test_a_header_that_lacks_an_include_is_noticed() -> None:
    header = [SRC / "base/clock.hpp"]
    assert "'vector'" in errors(header, flags(), "std::vector<int> numbers;\n").replace("‘", "'").replace("’", "'")
    assert errors(header, flags(), "#include <vector>\nstd::vector<int> numbers;\n") == ""
