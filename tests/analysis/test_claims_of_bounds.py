"""Numbers of which a bound alone is known, numbers without an interval, and numbers of different variants, in claims."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from claims import ClaimError, Question
from estimates import effective_robustness, range_ratio
from fake_run import row, write
from pool import Pool, make_pool
from results import read_run
from test_claims import PAPER, at_paper_scale, in_miniature
from verdicts import Verdict, compare, indexed


def examples(tmp_path: Path, values: list[float], side: str, rows: int = 7) -> dict[str, Verdict]:
    kept = [{"start": "zero"} | ({"censored": side} if side and i >= len(values) - rows else {}) for i in range(len(values))]
    return in_miniature(tmp_path, "few_shot", [row(f"set{i}", "rn-s", "few-shot", "examples_per_class", v, k, 100, 0.0) for i, (v, k) in enumerate(zip(values, kept, strict=True))])


def test_bounds_are_no_values(tmp_path: Path) -> None:
    """Seven data sets that never match within 16 examples: more than 16, which is not 16."""
    found = examples(tmp_path / "a", [16.0] * 7, "above")
    median, mean = found["examples-median"], found["examples-mean"]
    assert median.found == "> 16.00 [16.00, ∞]" and median.state == "reproduced"  # more than one example
    assert mean.found == "> 16.00" and mean.state == "point only"
    below = examples(tmp_path / "b", [0.5] * 7, "below")
    assert below["examples-median"].found == "< 0.50 [−∞, 0.50]" and below["examples-median"].state == "not reproduced"
    two = examples(tmp_path / "c", [2.0, 3.0, 4.0, 5.0, 6.0, 16.0, 16.0], "above", 2)["examples-median"]
    assert two.found == "5.00 [2.00, ∞]" and two.estimate.low == 2.0  # the middle one is known
    claim = Question("median", "examples a class", {}, None, None, 0, 16, 0.5, None, None)
    assert compare(median.estimate, claim) == "inconclusive" == compare(median.estimate, claim, exact=True)


def test_a_line_takes_no_bounds(tmp_path: Path) -> None:
    rows = PAPER.records.assign(censored="above")
    verdict = at_paper_scale("zero-shot-follows-probe", Pool(rows, exact=True))
    assert verdict.state == "inconclusive" and "of 54 numbers a bound alone is known" in verdict.reason


def test_variants_of_different_models_are_no_mean_either(tmp_path: Path) -> None:
    rows = [row("a", m, "few-shot", "examples_per_class", value, {"start": start}, 100, 0.0) for m, start, value in (("rn-s", "zero", 3.0), ("rn-w", "zero-shot", 60.0))]
    frame = make_pool([read_run(write(tmp_path / "own-1" / "few_shot.h5", "few_shot", rows).parent)]).records
    with pytest.raises(ClaimError, match="start=zero and start=zero-shot"):
        indexed(frame, ("dataset",), "median")


def test_robustness_of_scores_without_intervals_is_a_point() -> None:
    """The error of the line is a part of the interval; it cannot replace the sampling error of the scores."""
    index = pd.MultiIndex.from_tuples([("m", "{}")], names=["model", "params"])

    def score(value: float, half: float) -> pd.DataFrame:
        return pd.DataFrame({"value": [value], "ci_low": [value - half], "ci_high": [value + half], "exact": [False]}, index)

    x = np.linspace(0.4, 0.8, 9)
    line = {"baseline": pd.DataFrame({"x": x, "y": x - 0.1 + 0.01 * np.sin(40 * x)})}
    for of_shift, of_source, known in ((0.02, 0.02, True), (0.0, 0.02, False), (0.02, 0.0, False)):
        assert effective_robustness(score(0.55, of_shift), score(0.6, of_source), line).bounded == known


def test_the_range_of_measured_quantities_is_no_exact_one() -> None:
    cost = pd.DataFrame({"value": [6.1, 264.5], "ci_low": [6.1, 264.5], "ci_high": [6.1, 264.5], "exact": [True, True]})
    assert range_ratio(cost, cost, {}).bounded and not range_ratio(cost.assign(exact=[True, False]), cost, {}).bounded
