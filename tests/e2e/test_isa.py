"""One binary for every x86-64 processor with AVX2: what it says elsewhere, where its AVX-512 code is, and what a run with AVX2 measures."""

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import pytest

from whole_run import ROOT, Project, binary

SMOKE = ("run", "zero_shot_vs_probe/smoke", "--train.precision", "fp32")


def x86_binary() -> str:
    if os.uname().machine != "x86_64":
        pytest.skip("this is no x86-64 machine")
    return binary()


def said(*command: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, "\n".join(line for line in done.stderr.splitlines() if not line.startswith("qemu-x86_64: warning"))


def qemu(processor: str, *words: str, **environment: str) -> tuple[int, str]:
    if shutil.which("qemu-x86_64") is None:
        pytest.skip("no qemu-x86_64; install the package qemu-user")
    return said("qemu-x86_64", "-cpu", processor, x86_binary(), *words, **environment)


def test_wrong_level_is_one_line():
    assert said(x86_binary(), "list", CLIPLAB_ISA="sse9") == (
        1, "cliplab: CLIPLAB_ISA: 'sse9', expected avx2, avx512 or avx512bf16; unset it to use the best")


def test_processor_without_avx2_is_one_line():
    code, errors = qemu("Westmere", "list")
    assert code == 1
    assert re.fullmatch("cliplab: this processor lacks AVX2, expected .*; use a newer machine", errors)


def test_processor_with_avx2_alone_is_enough():
    assert qemu("Haswell", "check", "quickstart")[0] == 0


def test_level_above_the_processor_is_one_line():
    assert qemu("Haswell", "list", CLIPLAB_ISA="avx512") == (
        1, "cliplab: CLIPLAB_ISA: 'avx512', expected at most 'avx2' on this processor; unset it to use the best")


def public_avx512_symbols(nm_output: str) -> list[str]:
    """Names that the linker could merge with those of other files: of a function that is not a variant by name, or weak."""
    rows = [line.split() for line in nm_output.splitlines()]
    return [row[-1] for row in rows if len(row) == 3 and ".avx512" in row[-1] and row[1].isupper() and row[1] != "T"]


@pytest.mark.parametrize("layer", ["kernels", "eval"])
def test_avx512_code_shares_no_symbol_with_other_files(layer: str):
    symbols = subprocess.run(["nm", "--defined-only", Path(x86_binary()).parent / f"variants/{layer}.o"], capture_output=True, text=True, check=True).stdout
    assert ".avx512" in symbols
    assert public_avx512_symbols(symbols) == []
    assert public_avx512_symbols("00 W _ZNSt6vectorIfE.avx512") == ["_ZNSt6vectorIfE.avx512"]


AVX512 = re.compile(r"%zmm|%k[1-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])")  # registers that AVX2 lacks


def functions_with_avx512(disassembly) -> set[str]:
    name, found = "", set()
    for line in disassembly:
        if line.endswith(">:\n"):
            name = line.split("<", 1)[1][:-3]
        elif AVX512.search(line):
            found.add(name)
    return found


def test_only_functions_chosen_at_run_time_use_avx512():
    """Names of AVX-512 functions end in .avx512, or are in the namespace or a function of that name (resize_simd.cpp)."""
    with subprocess.Popen(["objdump", "-d", "--no-show-raw-insn", x86_binary()], stdout=subprocess.PIPE, text=True) as process:
        found = functions_with_avx512(process.stdout)
    assert {name for name in found if "avx512" not in name} == set()
    assert {name.rsplit(".", 1)[-1] for name in found} >= {"avx512"}
    assert functions_with_avx512(["0000 <plain>:\n", " 0: vaddps %zmm0,%zmm1,%zmm2\n"]) == {"plain"}


def records(project: Project, **environment: str) -> dict[tuple, tuple]:
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment.items():
            patch.setenv(key, value)
        done = project.run(*SMOKE)
    assert done.returncode == 0, done.stderr
    (path,) = (project.folder / "results/runs").glob("*/zero_shot_vs_probe.h5")
    with h5py.File(path) as file:
        table = file["records"]
        numbers = [table[key][:] for key in ("value", "ci_low", "ci_high", "n")]
        names = [table[key].asstr()[:] for key in table if table[key].dtype.kind == "O"]
    return dict(zip(zip(*names), zip(*numbers)))


def test_a_run_with_avx2_measures_the_same(project: Project, tmp_path: Path):
    """Other roundings may move single samples across a class's border: each value within the other's 95 % interval, or near it
    where it has none."""
    best, narrow = records(project), records(Project(tmp_path / "narrow"), CLIPLAB_ISA="avx2")
    assert best.keys() == narrow.keys() and best
    for key, (value, low, high, n) in best.items():
        other = narrow[key]
        assert other[3] == n, key
        if low == high:  # lines and bounds made of values that may each move by a sample
            assert abs(other[0] - value) <= 0.1 * max(1, abs(value)), key
        else:
            assert low <= other[0] <= high and other[1] <= value <= other[2], key


# The layers with code of one processor; the others are searched for such code instead, which takes no compiler.
ARM_LAYERS = ("base", "kernels", "pixels", "eval", "store")
PROCESSOR_CODE = re.compile(r"immintrin|__builtin_(cpu|ia32)|__x86_64__|\b_mm\d*_|__AVX|asm\s*\(")


def test_layers_without_torch_compile_for_arm():
    compiler = shutil.which("aarch64-linux-gnu-g++")
    if compiler is None:
        pytest.skip("no aarch64-linux-gnu-g++; install the package g++-aarch64-linux-gnu")
    # Headers of libraries are the same for every processor; those of libc come with the compiler.
    late = ["/usr/include", "/usr/include/x86_64-linux-gnu", "/usr/include/hdf5/serial"]
    packages = ["libpng", "libjpeg", "libwebp", "libtiff-4", "libopenjp2", "librsvg-2.0", "cairo", "freetype2", "fontconfig"]
    flags = subprocess.run(["pkg-config", "--cflags-only-I", *packages], capture_output=True, text=True, check=True).stdout.split()
    late += [flag[2:] for flag in flags]
    command = [compiler, "-std=c++20", "-fsyntax-only", "-Wno-psabi", "-I", ROOT / "src", "-isystem", "/usr/include/eigen3"]
    command += [word for folder in late for word in ("-idirafter", folder)]
    files = [file for layer in ARM_LAYERS for file in sorted((ROOT / "src" / layer).glob("*.cpp"))]

    def errors(file: Path) -> str:
        return subprocess.run([*command, file], capture_output=True, text=True, check=False).stderr

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        assert "".join(pool.map(errors, files)) == ""
    assert len(files) > 40


def test_other_layers_have_no_code_of_one_processor():
    files = [file for top in ("src", "experiments") for kind in ("cpp", "hpp") for file in (ROOT / top).rglob(f"*.{kind}")]
    others = [file for file in files if not any(file.is_relative_to(ROOT / "src" / layer) for layer in ARM_LAYERS)]
    assert len(others) > 100
    assert [str(file) for file in others if PROCESSOR_CODE.search(file.read_text())] == []
    assert PROCESSOR_CODE.search((ROOT / "src/pixels/resize_simd.cpp").read_text())
