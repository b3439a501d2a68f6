"""Words on intervals are made from what each record says of itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis"))
from params import noted, to_text  # noqa: E402
from wording import intervals, with_bounds  # noqa: E402


def records(*kinds: dict[str, str], width: float = 0.1) -> pd.DataFrame:
    return noted(pd.DataFrame({"params": [to_text(k) for k in kinds], "value": 0.5, "ci_low": 0.5 - width, "ci_high": 0.5 + width}))


def test_methods_are_named_with_their_units_once() -> None:
    found = intervals(records({"interval": "clopper-pearson(pictures)"}, {"interval": "clopper-pearson(clips)"}, {"interval": "t(models)"},
                              {"interval": "clopper-pearson(pictures)", "shots": "1"}))
    assert found == "Intervals are 95 %: Clopper-Pearson over clips or pictures; Student's t over models."


def test_another_level_is_said_beside_its_method() -> None:
    found = intervals(records({"interval": "score(pictures)"}, {"interval": "newcombe(pictures)", "level": "0.995"}))
    assert found == "Intervals are 95 %: Tango's score interval for paired differences over pictures; 99.5 %, Newcombe over pictures."


def test_numbers_without_an_interval_are_said_to_have_none() -> None:
    both = pd.concat([records({"interval": "order(sets)"}), records({"interval": "none"}, width=0)])
    assert intervals(both).endswith("order statistics over sets. A number without one has none.")
    assert intervals(records({"interval": "none"}, {}, width=0)) == "No intervals."


def test_files_that_do_not_say_their_method_have_intervals_of_no_name() -> None:
    assert intervals(records({})) == "Intervals are 95 %."


def test_lines_that_carry_no_verdict_are_named() -> None:
    found = intervals(records({"interval": "delta(line)", "line": "extrapolated"}, {"interval": "delta(line)", "line": "fitted"}))
    assert "Distances from a line that is extrapolated bear no verdict." in found


@pytest.mark.parametrize(("side", "low", "high", "text"), [
    ("", 5.0, 5.0, "5.00"), ("", 2.9, 13.6, "5.00 [2.90, 13.60]"), ("above", 5.0, 5.0, "> 5.00"), ("below", 5.0, 5.0, "< 5.00")])
def test_bounds_are_marked(side: str, low: float, high: float, text: str) -> None:
    assert with_bounds(pd.Series({"value": 5.0, "ci_low": low, "ci_high": high, "censored": side})) == text
