"""Finds the tests in their sources, C++ and Python, without building or importing anything, and selects them by name or file."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from pathlib import Path

CPP = re.compile(r"^(TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P)\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.MULTILINE)
PYTHON = re.compile(r"^def (test_\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """A test as its source has it. A parametrised one is one case, whatever the number of its instances."""

    file: str  # relative to the project: tests/eval/metrics_test.cpp
    name: str  # Suite.Name | test_name | test_name[parameter]
    macro: str = ""  # of a C++ test: TEST, TEST_P, ...

    @property
    def patterns(self) -> list[str]:
        """What gtest's filter takes for all instances of this test."""
        suite, _, name = self.name.partition(".")
        if self.macro == "TEST_P":
            return [f"*/{suite}.{name}/*", f"{suite}.{name}/*"]
        if self.macro.startswith("TYPED"):
            return [f"{suite}/*.{name}", f"*/{suite}/*.{name}"]
        return [self.name]


def find(root: Path) -> list[Case]:
    """Every test of the project, in the order of the files' names."""
    cases = []
    for file in sorted((root / "tests").rglob("*_test.cpp")):
        name = str(file.relative_to(root))
        cases += [Case(name, f"{suite}.{test}", macro) for macro, suite, test in CPP.findall(file.read_text(encoding="utf-8"))]
    for file in sorted((root / "tests").rglob("test_*.py")):
        name = str(file.relative_to(root))
        cases += [Case(name, test) for test in PYTHON.findall(file.read_text(encoding="utf-8"))]
    return cases


def select(cases: list[Case], word: str) -> list[Case]:
    """The cases whose name or file contains the word, in any case of letters; also pytest's FILE::NAME[PARAMETER] and gtest's instances."""
    plain, bracket, parameter = word.removeprefix("./").partition("[")
    file, separator, name = plain.lower().partition("::")
    if separator:
        found = [case for case in cases if file in case.file.lower() and name in case.name.lower()]
    else:
        found = [case for case in cases if file in case.name.lower() or file in case.file.lower()]
    if not found:  # gtest prints Prefix/Suite.Name/0 and Suite/0.Name
        suites, _, test = file.partition(".")
        instances = {f"{suite}.{test.split('/')[0]}" for suite in suites.split("/")}
        found = [case for case in cases if case.name.lower() in instances]
    return [replace(case, name=f"{case.name}[{parameter}") for case in found if not case.macro] if bracket else found


def near_names(cases: list[Case], word: str) -> list[str]:
    """Up to three test names or files that are closest to a word that matches none."""
    scores: dict[str, float] = {}
    for case in cases:
        for shown, parts in ((case.name, [case.name, *case.name.split(".")]), (case.file, [case.file, Path(case.file).name])):
            scores[shown] = max(difflib.SequenceMatcher(None, part.lower(), word.lower()).ratio() for part in parts)
    best = sorted(scores, key=lambda name: -scores[name])[:3]
    return [name for name in best if scores[name] > 0.5]
