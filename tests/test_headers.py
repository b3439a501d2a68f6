"""Every header of src/ compiles alone: no .cpp has to include something else first.

Headers that lead to LibTorch are compiled over one precompiled <torch/torch.h>, which they all include, so they may lean on
the standard headers that it brings.
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


def torch_flags(folder: Path) -> list[str]:
    """Flags under which #include "precompiled.hpp" takes the place of <torch/torch.h>."""
    torch = next(iter((SRC.parent / ".venv").glob("lib/python3*/site-packages/torch/include")), None)
    if torch is None:
        pytest.skip("no LibTorch in .venv")
    more = [*flags(), "-D_GLIBCXX_USE_CXX11_ABI=1", "-DFMT_HEADER_ONLY", "-isystem", str(torch), "-isystem", str(torch / "torch/csrc/api/include")]
    header = folder / "precompiled.hpp"
    header.write_text("#include <torch/torch.h>\n")
    subprocess.run([COMPILER, *more, "-x", "c++-header", header, "-o", folder / "precompiled.hpp.gch"], check=True)
    return [f"-I{folder}", *more]


def errors(lines: str, options: list[str]) -> str:
    """What the compiler says of a file of these lines."""
    words = [COMPILER, *options, "-fsyntax-only", "-x", "c++", "-"]
    done = subprocess.run(words, input=lines, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr or f"exit {done.returncode}"


def failures(headers: list[Path], options: list[str], before: str = "") -> dict[str, str]:
    names = [str(header.relative_to(SRC)) for header in headers]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda name: errors(f'{before}#include "{name}"\n', options), names)
        return {name: said for name, said in zip(names, found, strict=True) if said}


def test_headers_without_torch_compile_alone() -> None:
    headers = [header for header in HEADERS if not needs_torch(header)]
    assert len(headers) > 60
    assert failures(headers, flags()) == {}


def test_headers_with_torch_compile_alone(tmp_path: Path) -> None:
    headers = [header for header in HEADERS if needs_torch(header)]
    assert headers
    assert failures(headers, torch_flags(tmp_path), '#include "precompiled.hpp"\n') == {}


def test_a_header_that_lacks_an_include_is_noticed() -> None:
    assert errors('#include "base/clock.hpp"\nstd::vector<int> numbers;\n', flags())
    assert not errors('#include "base/clock.hpp"\n#include <vector>\nstd::vector<int> numbers;\n', flags())
