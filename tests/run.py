"""Builds and runs the tests of the project: all of them, the fast ones, or those whose name or file contains one of the words.

    ./cliplab test                               everything; the last line counts what passed, failed and was skipped
    ./cliplab test fast                          everything but the whole runs (tests/e2e)
    ./cliplab test ProbeMatchesSklearn           a test, C++ or Python, by its name or a part of it
    ./cliplab test tests/eval/metrics_test.cpp   the tests of a file

Only the targets that the chosen tests need are built. The dev build (sanitised, without torch) and the release build go on at the same
time: the first compiles while pip installs LibTorch for the other. Needs only Python's own library, and no .venv to begin with.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from runner.find import Case, find, near_names, select
from runner.jobs import Job, cpp_jobs, longest_first, python_jobs
from runner.junit import Outcome, summary

CORPORA = ["fashion_mnist", "openmoji", "gemojione", "tuxpaint", "drawings", "emoji_people", "emoji_flags"]
PROGRAMS = {"CLIPLAB_BIN": "cliplab", "CLIPLAB_ORACLE": "tests/cliplab_oracle"}  # what Python tests start: variable, file
VARIANTS = {"isa_tests": [{}, {"CLIPLAB_ISA": "avx2"}]} if platform.machine() == "x86_64" else {}  # programs that run more than once: their environments
USES_PROGRAMS = ("tests/e2e/", "tests/parity/")


def say(text: str) -> None:
    print(f"== {text}", file=sys.stderr, flush=True)


class Failed(RuntimeError):
    """One line: what is wrong and what to do."""


class Session:
    """The chosen tests of one project, their builds and their processes."""

    def __init__(self, root: Path, words: list[str], build: bool) -> None:
        self.root, self.words, self.build = root, words, build
        self.all_cases = find(root)
        self.chosen = self.choose()
        self.python = [case for case in self.chosen if not case.macro]
        self.cpp = [case for case in self.chosen if case.macro]
        cores = os.cpu_count() or 1
        self.workers = cores if cores < 8 else cores // 4  # a whole run has threads of its own
        self.folder = root / "build/tests"
        self.files: dict[str, dict[str, set[str]]] = {}  # preset -> program -> test files

    def choose(self) -> list[Case]:
        if self.words == ["fast"]:
            return [case for case in self.all_cases if not case.file.startswith("tests/e2e/")]
        chosen: dict[Case, None] = {} if self.words else dict.fromkeys(self.all_cases)
        for word in self.words:
            found = select(self.all_cases, word)
            if not found:
                near = near_names(self.all_cases, word)
                raise Failed(f"test {word}: no test or file has that in its name" + (f"; near: {', '.join(near)}" if near else ""))
            chosen |= dict.fromkeys(found)
        return list(chosen)

    def make(self, *words: str) -> None:
        """The bootstrap script's `install` or `build PRESET TARGET...`."""
        if self.build and subprocess.run([self.root / "cliplab", *words], check=False).returncode:
            raise Failed(f"./cliplab {' '.join(words)} failed; its message is above")

    def programs(self, preset: str) -> dict[str, list[Case]]:
        """The test programs of a build, as CMake wrote them, with the chosen tests of each."""
        self.make("build", preset, "build.ninja")
        listed = self.root / "build" / preset / "tests/sources.tsv"
        if not listed.is_file():
            raise Failed(f"{listed}: not found; call ./cliplab test without --no-build")
        self.files[preset] = {}
        for line in listed.read_text(encoding="utf-8").splitlines():
            target, source = line.split("\t")
            self.files[preset].setdefault(target, set()).add(source)
        found = {target: [case for case in self.cpp if case.file in files] for target, files in self.files[preset].items()}
        return {target: cases for target, cases in found.items() if cases}

    def cpp_jobs(self, preset: str, programs: dict[str, list[Case]]) -> list[Job]:
        jobs = []
        for target, chosen in programs.items():
            of_target = [case for case in self.all_cases if case.file in self.files[preset][target]]
            for i, variant in enumerate(VARIANTS.get(target, [{}])):
                made = cpp_jobs(self.root / "build" / preset / "tests" / target, chosen, of_target, self.folder, self.workers)
                jobs += [replace(job, title=f"{job.title}, run {i + 1}" if i else job.title, environment=job.environment | variant) for job in made]
        return jobs

    def dev_jobs(self, programs: dict[str, list[Case]]) -> list[Job]:
        """The C++ tests of the layers without torch, sanitised."""
        self.make("build", "dev", *programs)
        return self.cpp_jobs("dev", programs)

    def release_jobs(self, in_dev: dict[str, list[Case]]) -> list[Job]:
        """The other C++ tests, and the Python tests with the programs that they start."""
        jobs = python_jobs(self.root / ".venv/bin/python", self.python, self.all_cases, self.folder)
        starts_programs = any(case.file.startswith(USES_PROGRAMS) for case in self.python)
        if self.python:
            self.make("install")
        done = {case.file for cases in in_dev.values() for case in cases}
        rest = [case for case in self.cpp if case.file not in done]
        if not rest and not starts_programs:
            return jobs
        programs = {target: cases for target, cases in self.programs("release").items() if target not in in_dev}
        if self.words not in ([], ["fast"]):  # by its name a test runs once: in the dev build where that has it
            programs = {target: cases for target, cases in programs.items() if any(case in rest for case in cases)}
        for case in rest:
            if all(case not in cases for cases in programs.values()):
                raise Failed(f"{case.file}: belongs to no test program; see tests/CMakeLists.txt")
        rules = (self.root / "build/release/build.ninja").read_text(encoding="utf-8")
        started = [Path(name).name for name in PROGRAMS.values() if starts_programs and f"\nbuild {name}:" in rules]
        if started:
            self.make("build", "release", *started)
        with ThreadPoolExecutor(1) as downloads:  # while the tests are compiled
            downloads.submit(self.fetch_corpora if started and self.build else lambda: None)
            if programs:
                self.make("build", "release", *programs)
        return jobs + self.cpp_jobs("release", programs)

    def fetch_corpora(self) -> None:
        """The tests of a corpus that cannot be had are skipped with a notice."""
        for corpus in CORPORA:
            if not (self.root / "data/corpora" / corpus / "manifest.json").exists():
                subprocess.run([self.root / "build/release/cliplab", "data", "fetch", corpus], check=False, stdin=subprocess.DEVNULL)

    def jobs(self) -> list[Job]:
        dev = self.programs("dev") if self.cpp else {}
        with ThreadPoolExecutor(2) as builds:
            started = [builds.submit(self.dev_jobs, dev)] if dev else []
            started += [builds.submit(self.release_jobs, dev)]
            return longest_first([job for build in started for job in build.result()])

    def environment(self) -> dict[str, str]:
        built = {name: str(self.root / "build/release" / program) for name, program in PROGRAMS.items()}
        defaults = built | {"CLIPLAB_SHARED": str(self.root.parent / "shared"), "OMP_WAIT_POLICY": "passive",
                            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
        return {name: os.environ.get(name, value) for name, value in defaults.items()} | {"CLIPLAB_ROOT": str(self.root)}

    def run(self) -> list[Outcome]:
        jobs = self.jobs()
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in (file for job in jobs for file in (job.xml, job.log)):
            old.unlink(missing_ok=True)
        outcomes = []
        with ThreadPoolExecutor(self.workers) as pool:
            running = {pool.submit(job.run, self.root, self.environment()): job for job in jobs}
            for done in as_completed(running):
                outcomes.append(outcome := done.result())
                if outcome.failed or self.words not in ([], ["fast"]):
                    print(running[done].log.read_text(encoding="utf-8", errors="replace"), flush=True)
                say(outcome.line())
        return outcomes


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="cliplab test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="NAME", help="a part of a test's name or file, or `fast`")
    parser.add_argument("--no-build", action="store_true", help="run what is built, as ctest does")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    try:
        text, code = summary(Session(options.root, options.words, not options.no_build).run())
    except Failed as error:
        print(f"cliplab: {error}", file=sys.stderr)
        return 1
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
