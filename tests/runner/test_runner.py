"""`./cliplab test`: which tests a word selects, what is built for them, and how a run is counted. On a small project with programs of bash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from runner.find import Case, find, near_names, select  # noqa: E402
from runner.junit import outcome_of, summary  # noqa: E402

CASES = [Case("tests/eval/metrics_test.cpp", "Metrics.TopOneOfTies", "TEST"), Case("tests/eval/metrics_test.cpp", "Loss.Falls", "TEST_P"),
         Case("tests/pixels/resize_test.cpp", "Resize.Pillow", "TYPED_TEST"), Case("tests/e2e/test_sweep.py", "test_wrong_words_are_refused"),
         Case("tests/analysis/test_claims.py", "test_metrics_of_claims")]


@pytest.mark.parametrize(("word", "names"), [
    ("ToponeOfTies", ["Metrics.TopOneOfTies"]),
    ("metrics", ["Metrics.TopOneOfTies", "Loss.Falls", "test_metrics_of_claims"]),
    ("tests/eval/metrics_test.cpp", ["Metrics.TopOneOfTies", "Loss.Falls"]),
    ("./tests/e2e/test_sweep.py", ["test_wrong_words_are_refused"]),
    ("test_claims", ["test_metrics_of_claims"]),
    ("tests/e2e/test_sweep.py::test_wrong_words_are_refused[a]", ["test_wrong_words_are_refused[a]"]),
    ("Devices/Loss.Falls/0", ["Loss.Falls"]),
    ("Resize/1.Pillow", ["Resize.Pillow"]),
    ("nothing_of_the_kind", []),
])
def test_a_word_selects_by_name_or_file(word: str, names: list[str]):
    assert [case.name for case in select(CASES, word)] == names


def test_near_names_of_a_typing_error():
    assert near_names(CASES, "TopOneOfTeis")[0] == "Metrics.TopOneOfTies"
    assert "tests/analysis/test_claims.py" in near_names(CASES, "test_clams.py")
    assert near_names(CASES, "qqqq") == []


def test_patterns_reach_every_instance():
    assert [case.patterns for case in CASES[:3]] == [["Metrics.TopOneOfTies"], ["*/Loss.Falls/*", "Loss.Falls/*"], ["Resize/*.Pillow", "*/Resize/*.Pillow"]]


def test_every_test_of_this_project_is_found():
    """As many as pytest and gtest count: each macro and each function at the start of a line, and no other way to write a test is used."""
    cases = find(TESTS.parent)
    by_hand = sum(line.startswith(("TEST", "TYPED_TEST(")) and not line.startswith("TEST_SUITE")
                  for file in TESTS.rglob("*_test.cpp") for line in file.read_text().splitlines())
    assert sum(bool(case.macro) for case in cases) == by_hand > 300
    indented = [file.name for file in TESTS.rglob("test_*.py") for line in file.read_text().splitlines() if line.lstrip().startswith("def test_") and line[0] == " "]
    assert indented == [] and Case("tests/runner/test_runner.py", "test_near_names_of_a_typing_error") in cases


GTEST = """<testsuites><testsuite name="A"><testcase name="Good" classname="A" time="0.5" result="completed"/>
<testcase name="Slow" classname="A" time="9" result="completed"><failure message="x"/></testcase>
<testcase name="Gpu" classname="A" time="0" result="skipped"><skipped message="no CUDA&#x0A;device"/></testcase></testsuite></testsuites>"""
PYTEST = """<testsuites><testsuite><testcase classname="tests.e2e.test_x" name="test_y[1]" time="2"/></testsuite></testsuites>"""


def test_reports_are_counted(tmp_path: Path):
    (tmp_path / "a.xml").write_text(GTEST)
    (tmp_path / "b.xml").write_text(PYTEST)
    a, b = outcome_of("a", tmp_path / "a.xml", 1, 1.0), outcome_of("b", tmp_path / "b.xml", 0, 1.0)
    text, code = summary([a, b])
    assert code == 1 and text.splitlines() == ["skipped A.Gpu: no CUDA device", "FAILED A.Slow", "2 passed, 1 failed, 1 skipped"]
    assert summary([b]) == ("1 passed, 0 failed, 0 skipped", 0)


def test_the_fifteen_slowest_are_named(tmp_path: Path):
    cases = "".join(f'<testcase classname="A" name="T{i:02}" time="{i}"/>' for i in range(20))
    (tmp_path / "a.xml").write_text(f"<testsuite>{cases}</testsuite>")
    lines = summary([outcome_of("a", tmp_path / "a.xml", 0, 1.0)])[0].splitlines()
    assert lines[0] == "the 15 slowest tests:" and [line.split(".")[-1] for line in lines[1:-1]] == [f"T{i:02}" for i in range(19, 4, -1)]


def test_a_process_without_report_without_test_or_with_an_error_of_its_own_has_failed(tmp_path: Path):
    (tmp_path / "none.xml").write_text("<testsuites/>")
    (tmp_path / "cut.xml").write_text(PYTEST[:40])
    (tmp_path / "good.xml").write_text(PYTEST)
    for xml, code, words in (("absent", 139, "ended with code 139 and without a report"), ("cut", 0, "without a report"), ("none", 0, "ran no test"),
                             ("good", 1, "the process ended with code 1")):
        outcome = outcome_of("job", tmp_path / f"{xml}.xml", code, 1.0)
        assert len(outcome.failed) == 1 and words in outcome.failed[0] and summary([outcome])[1] == 1
    assert outcome_of("job", tmp_path / "good.xml", 0, 1.0).failed == []


# A whole project: the bootstrap script writes down what it is asked for and "builds" programs that report what they ran.
CLIPLAB = """#!/bin/bash
cd "$(dirname "$0")"; echo "$*" >>asked
[[ $1 == build ]] || exit 0
mkdir -p build/$2/tests; touch build/$2/build.ninja
case $2 in
  dev) printf 'core_tests\\ttests/eval/metrics_test.cpp\\n' >build/dev/tests/sources.tsv ;;
  release) printf 'core_tests\\ttests/eval/metrics_test.cpp\\nmodel_tests\\ttests/train/step_test.cpp\\nisa_tests\\ttests/eval/metrics_test.cpp\\n' >build/release/tests/sources.tsv
    printf '\\nbuild cliplab: phony\\n' >build/release/build.ninja ;;
esac
for target in "${@:3}"; do
  [[ $target != broken ]] || exit 1
  [[ $target != *_tests ]] || { cp program build/$2/tests/$target; }
done
"""
PROGRAM = """#!/bin/bash
for word; do [[ $word != --gtest_output=xml:* ]] || report=${word#*xml:}; done
echo "ran $CLIPLAB_ISA$GTEST_FILTER ${GTEST_SHARD_INDEX:-all}"
echo "<testsuite><testcase classname='S' name='${GTEST_FILTER:-shard$GTEST_SHARD_INDEX}' time='1'/></testsuite>" >"$report"
"""
PYTHON = """#!/bin/bash
for word; do [[ $word != --junitxml=* ]] || report=${word#*=}; [[ $word != tests/* ]] || ran+=" $word"; done
echo "$CLIPLAB_BIN$ran" >>asked
echo "<testsuite><testcase classname='p' name='n' time='1'/></testsuite>" >"$report"
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    for name, text in {"cliplab": CLIPLAB, "program": PROGRAM, ".venv/bin/python": PYTHON,
                       "tests/eval/metrics_test.cpp": "TEST(Metrics, TopOne) {\n}\nTEST_P(Metrics, Ties) {\n}\n", "tests/train/step_test.cpp": "TEST(Step, Falls) {}\n",
                       "tests/e2e/test_sweep.py": "def test_a():\n    pass\ndef test_b():\n    pass\n", "tests/analysis/test_claims.py": "def test_c():\n    pass\n",
                       "tests/analysis/test_tables.py": "def test_d():\n    pass\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in ("cliplab", "program", ".venv/bin/python"):
        (tmp_path / name).chmod(0o755)
    (tmp_path / "data/corpora").mkdir(parents=True)
    return tmp_path


def run(project: Path, *words: str) -> tuple[int, str, str, set[str]]:
    """Exit code, last line, errors, and what the script and Python were asked for."""
    (project / "asked").unlink(missing_ok=True)
    outer = ("CLIPLAB_BIN", "CLIPLAB_ORACLE")  # set if these tests are themselves started by run.py
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    done = subprocess.run([sys.executable, TESTS / "run.py", "--root", project, *words], capture_output=True, text=True, timeout=60, check=False, env=environment)
    asked = (project / "asked").read_text().splitlines() if (project / "asked").exists() else []
    return done.returncode, done.stdout.strip().rpartition("\n")[2], done.stderr, set(asked)


def test_a_core_test_builds_the_sanitised_program_alone(small: Path):
    code, last, errors, asked = run(small, "topone")
    assert (code, last, asked) == (0, "1 passed, 0 failed, 0 skipped", {"build dev build.ninja", "build dev core_tests"}), errors
    assert "ran Metrics.TopOne all" in (small / "build/tests/core_tests.log").read_text()
    assert run(small, "TIES")[0] == 0
    assert "ran */Metrics.Ties/*:Metrics.Ties/* all" in (small / "build/tests/core_tests.log").read_text()


def test_a_test_of_torch_builds_its_program_in_the_release_build(small: Path):
    assert run(small, "Step.Falls")[3] == {"build dev build.ninja", "build release build.ninja", "build release model_tests"}


def test_python_tests_get_the_programs_that_they_start(small: Path):
    binary = small / "build/release/cliplab"
    assert run(small, "test_claims")[3] == {"install", f"{binary} tests/analysis/test_claims.py"}
    assert run(small, "test_sweep.py::test_b")[3] == {"install", "build release build.ninja", "build release cliplab", f"{binary} tests/e2e/test_sweep.py::test_b"}
    assert f"{binary} tests/e2e/test_sweep.py" in run(small, "test_sweep")[3]


def test_no_name_runs_everything_and_fast_leaves_the_whole_runs_out(small: Path):
    code, last, errors, asked = run(small)
    assert code == 0 and int(last.split()[0]) >= 4, errors  # core_tests and model_tests, a shard a worker, sweep, analysis
    assert f"{small}/build/release/cliplab tests/analysis/test_claims.py tests/analysis/test_tables.py" in asked
    assert "build release model_tests isa_tests" in asked and "build dev core_tests" in asked
    isa = {file.name: file.read_text() for file in (small / "build/tests").glob("isa_tests, part 1*.log")}
    assert len(isa) == 2 and sorted("avx2" in text for text in isa.values()) == [False, True]  # an optimised program runs with each instruction set
    assert not any("e2e" in line for line in run(small, "fast")[3])


def test_what_matches_nothing_is_one_line_with_near_names(small: Path):
    code, _, errors, asked = run(small, "TopTwo")
    assert code == 1 and errors == "cliplab: test TopTwo: no test or file has that in its name; near: Metrics.TopOne\n" and not asked


def test_a_failed_build_runs_nothing(small: Path):
    (small / "cliplab").write_text(CLIPLAB.replace("!= broken", "!= core_tests"))
    code, last, errors, _ = run(small, "topone")
    assert code == 1 and last == "" and "./cliplab build dev core_tests failed" in errors and not (small / "build/tests/core_tests.xml").exists()


def test_a_program_that_is_not_built_fails_its_tests(small: Path):
    assert run(small, "topone")[0] == 0
    (small / "build/dev/tests/core_tests").unlink()
    code, last, _, asked = run(small, "--no-build", "topone")
    assert code == 1 and last == "0 passed, 1 failed, 0 skipped" and not asked
