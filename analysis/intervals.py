"""Estimates with their intervals: sums of records, medians, lines, quotients. The counterpart of src/eval/intervals.cpp for numbers
that are made of records; how often the intervals hold the truth: tests/coverage."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

COLUMNS = ["value", "ci_low", "ci_high"]
EXACT = "exact"  # a column of rows that need no interval: chance, counted costs, printed numbers
CENSORED = "censored"  # a column of rows whose value is a bound: "above" or "below" which the number lies
LINE_POINTS = 5  # fewer make no line whose interval or verdict means anything (src/eval/robustness.hpp)
Z = float(stats.norm.ppf(0.975))


@functools.lru_cache(maxsize=None)
def _factor(k: int) -> float:
    return float(stats.norm.isf(0.025 / k)) / Z


@dataclass(frozen=True)
class Estimate:
    value: float
    low: float  # −∞: the value is an upper bound, unless it is `known`
    high: float  # ∞: the value is a lower bound, unless it is `known`
    n: int  # data sets, models or points behind it
    bounded: bool = True  # False: low and high say nothing of sampling
    known: bool = False  # the value, though a side is open

    def widened(self, k: int, tests: int = 1) -> Estimate:
        """With sides that hold in 97.5 % for all of k estimates at once (Bonferroni), each of which is looked at `tests` times; the
        half-widths grow as those of a normal distribution."""
        factor = _factor(k * tests)
        return Estimate(self.value, self.value - factor * (self.value - self.low), self.value + factor * (self.high - self.value), self.n, self.bounded)


class TooFew(Exception):
    """The records are there but too few for the test; the message says how many it needs."""


class Unfit(Exception):
    """The records are there and the number can be made, but it bears no verdict; `found` is the number."""

    def __init__(self, reason: str, found: Estimate) -> None:
        super().__init__(reason)
        self.found = found


def point(value: float, n: int) -> Estimate:
    return Estimate(float(value), float(value), float(value), n, bounded=False)


def with_bounds(rows: pd.DataFrame) -> np.ndarray:
    """Which rows have an interval? Equal bounds are none, but a row that is EXACT needs none."""
    exact = rows[EXACT].to_numpy(bool) if EXACT in rows else False
    return (rows["ci_high"] > rows["ci_low"]).to_numpy(bool) | exact


def have_bounds(rows: pd.DataFrame) -> bool:
    return bool(len(rows)) and bool(with_bounds(rows).all())


def as_rows(estimates: list[Estimate], index: pd.Index | None = None) -> pd.DataFrame:
    """Estimates as records; one that is bounded without a width is exact."""
    return pd.DataFrame([(e.value, e.low, e.high, e.bounded and not e.low < e.high) for e in estimates], index, [*COLUMNS, EXACT])


def t_half_width(estimated: float, df: float, known: float) -> float:
    """Half the 95 % interval of a number whose variance is the sum of one that was estimated with `df` degrees of freedom and one that
    is known (Satterthwaite's degrees of freedom)."""
    variance = estimated + known
    if estimated <= 0:
        return Z * math.sqrt(variance)
    return float(stats.t.ppf(0.975, variance**2 / (estimated**2 / df))) * math.sqrt(variance)


def sides(rows: pd.DataFrame) -> np.ndarray:
    """A row each: value, low, high; the side of a bound that is open reaches to infinity."""
    found = rows[COLUMNS].to_numpy(float).copy()
    if CENSORED in rows:
        found[(rows[CENSORED] == "below").to_numpy(bool), 1] = -math.inf
        found[(rows[CENSORED] == "above").to_numpy(bool), 2] = math.inf
    return found


def each_of(rows: pd.DataFrame) -> list[Estimate]:
    return [Estimate(*map(float, row), 1, bool(known)) for row, known in zip(sides(rows), with_bounds(rows), strict=True)]


def minus(own: Estimate, other: Estimate, n: int) -> Estimate:
    """By MOVER, as `moved`."""
    value = own.value - other.value
    low, high = math.hypot(own.value - own.low, other.high - other.value), math.hypot(own.high - own.value, other.value - other.low)
    return Estimate(value, value - low, value + high, n, own.bounded and other.bounded)


def moved(weights: np.ndarray, rows: pd.DataFrame) -> Estimate:
    """sum(weights * value) with the interval of a linear combination; none where a row has none."""
    value, low, high = sides(rows).T
    total = float(weights @ value)
    down = np.where(weights > 0, weights * (value - low), weights * (value - high))
    up = np.where(weights > 0, weights * (high - value), weights * (low - value))
    return Estimate(total, total - float(np.sqrt((down**2).sum())), total + float(np.sqrt((up**2).sum())), len(rows), have_bounds(rows))


def mean_alike(rows: pd.DataFrame) -> Estimate:
    """The mean of several models' scores on the same pictures: they err together, so half-widths add as they are."""
    return Estimate(*map(float, sides(rows).mean(axis=0)), len(rows), have_bounds(rows))


def mean_of(rows: pd.DataFrame) -> Estimate:
    """Of independent data sets."""
    return moved(np.full(len(rows), 1 / len(rows)), rows)


def median_of(values: np.ndarray, lows: np.ndarray | None = None, highs: np.ndarray | None = None) -> Estimate:
    """Between the order statistics that hold it with 95 % or more, whatever the values' distribution; none below 6. `lows` and `highs`
    are the values, or infinite where a value is a bound."""
    if len(values) < 2:
        raise TooFew(f"{len(values)} points, the test needs 2")
    lows, highs = (np.sort(values if side is None else side) for side in (lows, highs))
    value, out = float(np.median(values)), int(stats.binom.ppf(0.025, len(values), 0.5))
    if stats.binom.cdf(out, len(values), 0.5) > 0.025:
        out -= 1
    least, most = (float(lows[out]), float(highs[-1 - out])) if out >= 0 else (value, value)
    middle = [s[[(len(values) - 1) // 2, len(values) // 2]] for s in (lows, highs)]
    open_ = [bool(np.isinf(m).any()) for m in middle]  # a bound stands in the middle: the median is one too
    return Estimate(value, -math.inf if open_[0] else least, math.inf if open_[1] else most, len(values), out >= 0, not any(open_))


def standard_errors(rows: pd.DataFrame) -> np.ndarray:
    """The standard errors that the intervals stand for."""
    return ((rows["ci_high"] - rows["ci_low"]) / (2 * Z)).to_numpy(float)


@dataclass(frozen=True)
class Line:
    slope: float
    intercept: float
    n: int
    mean_x: float
    sxx: float
    variance: float  # of the points about the line
    r: float
    low_x: float
    high_x: float

    def at(self, x: np.ndarray) -> np.ndarray:
        return self.intercept + self.slope * x

    def variance_at(self, x: np.ndarray) -> np.ndarray:
        """Of at(x) as an estimate."""
        return self.variance * (1 / self.n + (x - self.mean_x) ** 2 / self.sxx)

    @property
    def t(self) -> float:
        return float(stats.t.ppf(0.975, self.n - 2))

    @property
    def fault(self) -> str:
        """What stands against a verdict on anything held against it; "" if nothing."""
        if self.n < LINE_POINTS:
            return f"{self.n} baselines, too few for a line"
        if abs(self.r) < 1 and abs(self.r) * math.sqrt((self.n - 2) / (1 - self.r**2)) <= self.t:
            return f"the line through {self.n} baselines is not significant (r = {self.r:.2f})"
        return ""


def fitted(x: np.ndarray, y: np.ndarray) -> Line:
    """Least squares; TooFew where x does not vary by more than its rounding."""
    if len(x) < 3:
        raise TooFew(f"{len(x)} points, the line needs 3")
    dx, dy = x - x.mean(), y - y.mean()
    noise = len(x) * 4 * np.finfo(float).eps
    sxx, syy = float(dx @ dx), float(dy @ dy)
    if sxx <= (noise * np.abs(x).max()) ** 2:
        raise TooFew(f"{len(x)} points with one x")
    slope = float(dx @ dy) / sxx
    residual = dy - slope * dx
    r = float(dx @ dy) / math.sqrt(sxx * syy) if syy > (noise * np.abs(y).max()) ** 2 else 0.0
    return Line(slope, float(y.mean() - slope * x.mean()), len(x), float(x.mean()), sxx, float(residual @ residual) / (len(x) - 2), r,
                float(x.min()), float(x.max()))


def slope_of(p: np.ndarray) -> Estimate:
    line = fitted(p[:, 0], p[:, 1])
    half = line.t * math.sqrt(line.variance / line.sxx)
    return Estimate(line.slope, line.slope - half, line.slope + half, line.n, half > 1e-9 * abs(line.slope))


def correlation_of(p: np.ndarray) -> Estimate:
    line = fitted(p[:, 0], p[:, 1])
    if abs(line.r) >= 1:
        return point(line.r, line.n)
    z, half = math.atanh(line.r), Z / math.sqrt(line.n - 3)
    return Estimate(line.r, math.tanh(z - half), math.tanh(z + half), line.n)


def quotient(own: Estimate, other: Estimate, n: int) -> Estimate:
    """By MOVER for ratios (Donner and Zou 2012); none where the lower one's interval reaches 0."""
    value = own.value / other.value
    if not (own.bounded and other.bounded and other.low > 0):
        return point(value, n)

    def edge(a: float, b: float, side: float) -> float:
        root = (own.value * other.value) ** 2 - a * b * (2 * own.value - a) * (2 * other.value - b)
        return (own.value * other.value + side * math.sqrt(max(0.0, root))) / (b * (2 * other.value - b))

    return Estimate(value, edge(own.low, other.high, -1), edge(own.high, other.low, 1), n)
