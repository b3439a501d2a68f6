"""Turns chosen tests into processes: shards of a gtest binary, one pytest a file."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from runner.find import Case
from runner.junit import Outcome, outcome_of

JOB_SECONDS = 2400  # a job that takes longer hangs
TOGETHER = "tests/analysis"  # its files share a report that takes long to make: one process for all
# Longest first, so that the last jobs are short. Seconds on two cores; what is not listed takes less than a minute.
SECONDS = {"tests/e2e/test_kill.py": 200}


@dataclass
class Job:
    """One process of tests. Its output goes to build/tests/NAME.log, its JUnit report to NAME.xml."""

    title: str
    command: list[str]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.title.removeprefix("tests/").removesuffix(".py").replace("/", "-")

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def xml(self) -> Path:
        return self.folder / f"{self.name}.xml"

    def run(self, root: Path, environment: dict[str, str]) -> Outcome:
        report = f"--gtest_output=xml:{self.xml}" if "pytest" not in self.command else f"--junitxml={self.xml}"
        start = time.monotonic()
        with self.log.open("w", encoding="utf-8") as log:
            try:
                code = subprocess.run([*self.command, report], cwd=root, env=os.environ | environment | self.environment, stdin=subprocess.DEVNULL,
                                      stdout=log, stderr=subprocess.STDOUT, check=False, timeout=JOB_SECONDS).returncode
            except subprocess.TimeoutExpired:
                code = 124
            except OSError as error:
                log.write(f"{self.command[0]}: {error}\n")
                code = 127
        return outcome_of(self.title, self.xml, code, time.monotonic() - start)


def cpp_jobs(binary: Path, chosen: list[Case], all_cases: Iterable[Case], folder: Path, workers: int) -> list[Job]:
    """A gtest binary's tests: all of them spread over the workers, or the chosen ones in one process."""
    target = binary.name
    command = [str(binary), "--gtest_color=no"]
    if set(chosen) != set(all_cases):
        patterns = ":".join(pattern for case in chosen for pattern in case.patterns)
        return [Job(target, command, folder, {"GTEST_FILTER": patterns})]
    return [Job(f"{target}, part {i + 1} of {workers}", [*command, "--gtest_brief=1"], folder,
                {"GTEST_TOTAL_SHARDS": str(workers), "GTEST_SHARD_INDEX": str(i)}) for i in range(workers)]


def python_jobs(python: Path, chosen: list[Case], all_cases: list[Case], folder: Path) -> list[Job]:
    """A whole file by its path, a part of one by its tests."""
    groups: dict[str, list[str]] = {}
    for file in dict.fromkeys(case.file for case in chosen):
        wanted = [case for case in chosen if case.file == file]
        is_whole = set(wanted) == {case for case in all_cases if case.file == file}
        group = TOGETHER if file.startswith(f"{TOGETHER}/") else file
        groups.setdefault(group, []).extend([file] if is_whole else [f"{file}::{case.name}" for case in wanted])
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return [Job(group, [*command, *words], folder) for group, words in groups.items()]


def longest_first(jobs: list[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: -SECONDS.get(job.title, 0))
