"""Reads the JUnit files that gtest and pytest write, and sums up a run: what failed and why, what was skipped, what was slow."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

SLOWEST = 15


@dataclass
class Outcome:
    """The results of one process of tests."""

    title: str
    seconds: float = 0.0
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # with the reason
    times: list[tuple[float, str]] = field(default_factory=list)

    def line(self) -> str:
        return f"{self.title}: {self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped in {self.seconds:.0f} s"


def name_of(case: ElementTree.Element) -> str:
    """tests/e2e/test_sweep.py::test_name of pytest, Suite.Name of gtest."""
    module, name = case.get("classname", ""), case.get("name", "")
    return f"{module.replace('.', '/')}.py::{name}" if module.startswith("tests.") else f"{module}.{name}"


def outcome_of(title: str, xml: Path, code: int, seconds: float) -> Outcome:
    """A process that wrote no report, ended with an error that no test shows, or ran no test at all has failed."""
    outcome = Outcome(title, seconds)
    try:
        cases = list(ElementTree.parse(xml).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        outcome.failed.append(f"{title}: ended with code {code} and without a report ({error})")
        return outcome
    for case in cases:
        name, skip = name_of(case), case.find("skipped")
        outcome.times.append((float(case.get("time", 0)), name))
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed.append(name)
        elif skip is not None or case.get("result") == "skipped":
            reason = (skip.get("message") or "") if skip is not None else ""
            outcome.skipped.append(f"{name}: {' '.join(reason.split())}")
        else:
            outcome.passed += 1
    if not cases:
        outcome.failed.append(f"{title}: ran no test")
    elif code and not outcome.failed:
        outcome.failed.append(f"{title}: every test passed, but the process ended with code {code}")
    return outcome


def summary(outcomes: list[Outcome]) -> tuple[str, int]:
    """The closing lines, the count last, and the exit code."""
    failed = [name for outcome in outcomes for name in outcome.failed]
    skipped = [name for outcome in outcomes for name in outcome.skipped]
    times = sorted((pair for outcome in outcomes for pair in outcome.times), reverse=True)
    passed = sum(outcome.passed for outcome in outcomes)
    lines = [f"skipped {name}" for name in skipped]
    if len(times) > SLOWEST:
        lines += [f"the {SLOWEST} slowest tests:", *(f"{seconds:7.1f} s  {name}" for seconds, name in times[:SLOWEST])]
    lines += [f"FAILED {name}" for name in failed]
    lines.append(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return "\n".join(lines), 1 if failed or not passed + len(skipped) else 0
