"""How intervals and bounds of records are put into words and cells."""

from __future__ import annotations

import pandas as pd

from params import column
from tables import Cell, number

METHODS = {"clopper-pearson": "Clopper-Pearson", "agresti-coull": "Agresti-Coull", "korn-graubard": "Korn-Graubard for clusters",
           "score": "Tango's score interval for paired differences", "newcombe": "Newcombe", "mover": "half-widths in quadrature", "t": "Student's t",
           "fisher-z": "Fisher's z", "delta": "delta method", "order": "order statistics", "bootstrap": "percentile bootstrap"}
USUAL = 0.95  # of intervals that say no level
BOUNDS = {"below": "< ", "above": "> "}


def intervals(records: pd.DataFrame) -> str:
    """One sentence on the intervals of these records, made from what each says of itself."""
    found: dict[tuple[float, str], list[str]] = {}
    kinds = set(zip(column(records, "level"), column(records, "interval").fillna(""), strict=True))
    for level, kind in sorted(kinds, key=lambda k: (float(k[0] or USUAL), k[1])):
        method, _, units = kind.partition("(")
        if method not in ("", "none"):
            found.setdefault((float(level or USUAL), METHODS.get(method, method)), []).append(units.rstrip(")"))
    said = "; ".join(f"{'' if level == USUAL else f'{100 * level:g} %, '}{method} over {' or '.join(units)}" for (level, method), units in found.items())
    lines = sorted(set(column(records, "line").fillna("")) - {"", "fitted"})
    flagged = f" Distances from a line that is {' or '.join(lines)} bear no verdict." if lines else ""
    return (f"Intervals are 95 %: {said}." if said else "Intervals are 95 %." if _have_any(records) else "No intervals.") + (
        " A number without one has none." if _lack_some(records) else "") + flagged


def _have_any(records: pd.DataFrame) -> bool:
    return bool((records["ci_high"] > records["ci_low"]).any())


def _lack_some(records: pd.DataFrame) -> bool:
    return _have_any(records) and bool((records["ci_high"] == records["ci_low"]).any())


def with_bounds(row: pd.Series, digits: int | None = None) -> str:
    """A count or another number that is not shown in percent: "5.4 [2.9, 13.6]" with its interval, "> 184" where it is a bound."""
    def spelled(value: float) -> str:
        return number(value) if digits is None else number(value, digits)

    text = BOUNDS.get(str(row.get("censored", "")), "") + spelled(row["value"])
    text += "" if row["ci_low"] == row["ci_high"] else f" [{spelled(row['ci_low'])}, {spelled(row['ci_high'])}]"
    return Cell(text, row.get("source", ""))

