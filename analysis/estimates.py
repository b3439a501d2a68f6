"""The tests of paper/claims: each makes one estimate with an interval from two or three sets of records.

Intervals carry the sampling of test pictures: sums and differences of records by MOVER (Zou and Donner 2008), which
combines their own intervals and, records being independent, is too wide for two scores on the same pictures. Fits,
medians and shares of models resample the points instead (2,000 seeded draws, 95 %, percentiles)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

DRAWS = 2000
COLUMNS = ["value", "ci_low", "ci_high"]


@dataclass(frozen=True)
class Estimate:
    value: float
    low: float
    high: float
    n: int  # data sets, models or points behind it


class TooFew(Exception):
    """The records are there but too few for the test; the message says how many it needs."""


def moved(weights: np.ndarray, rows: pd.DataFrame) -> Estimate:
    """sum(weights * value) with the interval of a linear combination."""
    value, low, high = (rows[c].to_numpy(float) for c in COLUMNS)
    total = float(weights @ value)
    down = np.where(weights > 0, weights * (value - low), weights * (value - high))
    up = np.where(weights > 0, weights * (high - value), weights * (low - value))
    return Estimate(total, total - float(np.sqrt((down**2).sum())), total + float(np.sqrt((up**2).sum())), len(rows))


def mean(ours: pd.DataFrame, _: pd.DataFrame, __: dict) -> Estimate:
    return moved(np.full(len(ours), 1 / len(ours)), ours)


def paired(ours: pd.DataFrame, against: pd.DataFrame, need: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    both = ours.index.intersection(against.index, sort=False)
    if len(both) < need:
        raise TooFew(f"{len(both)} pairs, the test needs {need}")
    return ours.loc[both], against.loc[both]


def difference(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    a, b = paired(ours, against)
    both = moved(np.repeat([1 / len(a), -1 / len(a)], len(a)), pd.concat([a, b]))
    return Estimate(both.value, both.low, both.high, len(a))


def _differences(ours: pd.DataFrame, against: pd.DataFrame) -> list[Estimate]:
    a, b = paired(ours, against)
    return [moved(np.array([1.0, -1.0]), pd.concat([a.iloc[[i]], b.iloc[[i]]])) for i in range(len(a))]


def _count(ours: pd.DataFrame, against: pd.DataFrame, holds: Callable[[float], bool]) -> Estimate:
    """How many pairs hold; from those that hold over the whole interval to those that hold anywhere in it."""
    each = _differences(ours, against)
    sure = sum(holds(e.low) and holds(e.value) and holds(e.high) for e in each)
    possible = sum(holds(e.low) or holds(e.value) or holds(e.high) for e in each)
    return Estimate(sum(holds(e.value) for e in each), sure, possible, len(each))


EQUAL = 1e-9  # printed cells are decimals: equal ones differ by rounding in binary only


def wins(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    return _count(ours, against, lambda d: d > EQUAL)


def wins_or_ties(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    return _count(ours, against, lambda d: d > -EQUAL)


def win_share(ours: pd.DataFrame, against: pd.DataFrame, options: dict) -> Estimate:
    e = wins(ours, against, options)
    return Estimate(e.value / e.n, e.low / e.n, e.high / e.n, e.n)


def within(ours: pd.DataFrame, against: pd.DataFrame, options: dict) -> Estimate:
    return _count(ours, against, lambda d: abs(d) <= options["within"] + EQUAL)


def _resampled(points: np.ndarray, statistic: Callable[[np.ndarray], float], need: int) -> Estimate:
    if len(points) < need:
        raise TooFew(f"{len(points)} points, the test needs {need}")
    draws = np.random.default_rng(0).integers(0, len(points), (DRAWS, len(points)))
    values = np.array([statistic(points[d]) for d in draws])
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Estimate(float(statistic(points)), float(low), float(high), len(points))


def median(ours: pd.DataFrame, _: pd.DataFrame, __: dict) -> Estimate:
    return _resampled(ours["value"].to_numpy(float), np.median, 2)


def maximum(ours: pd.DataFrame, _: pd.DataFrame, __: dict) -> Estimate:
    row = ours.loc[ours["value"].idxmax()]
    return Estimate(*(float(row[c]) for c in COLUMNS), len(ours))


def minimum(ours: pd.DataFrame, _: pd.DataFrame, __: dict) -> Estimate:
    row = ours.loc[ours["value"].idxmin()]
    return Estimate(*(float(row[c]) for c in COLUMNS), len(ours))


def largest_gap(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """The largest of the differences, whichever way; its own interval, not that of a choice among many."""
    each = _differences(ours, against)
    e = max(each, key=lambda d: abs(d.value))
    return Estimate(abs(e.value), *(sorted((-e.high, -e.low)) if e.value < 0 else (e.low, e.high)), len(each))


def median_difference(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    a, b = paired(ours, against, 2)
    return _resampled((a["value"] - b["value"]).to_numpy(float), np.median, 2)


def _slope(p: np.ndarray) -> float:
    x = p[:, 0] - p[:, 0].mean()
    return float(x @ p[:, 1] / (x @ x)) if x @ x > 0 else float("nan")


def _r(p: np.ndarray) -> float:
    return float(np.corrcoef(p.T)[0, 1]) if p.std(axis=0).min() > 0 else float("nan")


def _points(ours: pd.DataFrame, against: pd.DataFrame, need: int = 3) -> np.ndarray:
    a, b = paired(ours, against, need)
    return np.column_stack([b["value"].to_numpy(float), a["value"].to_numpy(float)])  # x, y


def slope(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    return _resampled(_points(ours, against), _slope, 3)


def correlation(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    return _resampled(_points(ours, against), _r, 3)


def power_slope(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    return _resampled(np.log10(_points(ours, against)), _slope, 3)


def power_r(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    return _resampled(np.log10(_points(ours, against)), _r, 3)


def range_ratio(ours: pd.DataFrame, _: pd.DataFrame, __: dict) -> Estimate:
    if len(ours) < 2:
        raise TooFew("1 model, the test needs 2")
    ratio = float(ours["value"].max() / ours["value"].min())
    return Estimate(ratio, ratio, ratio, len(ours))


def lead(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """Our mean over the data sets minus the best other model's; `against` has a level `model` in its index."""
    wide = against["value"].unstack("model").reindex(ours.index).dropna(axis=1)
    if wide.empty:
        raise TooFew("no other model with a score on each data set")
    best = float(wide.mean().max())
    own = mean(ours, against, {})
    return Estimate(own.value - best, own.low - best, own.high - best, wide.shape[1])


def over_largest(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """Our mean minus the largest of the others, those of `ours` left out."""
    others = against.drop(ours.index, errors="ignore") if len(against) > 1 else against
    largest = others.loc[[others["value"].idxmax()]]
    weights = np.array([*np.full(len(ours), 1 / len(ours)), -1.0])
    return moved(weights, pd.concat([ours, largest]))


def logit(p: np.ndarray) -> np.ndarray:
    return np.log(p / (1 - p))


def _expected(baseline: pd.DataFrame) -> Callable[[np.ndarray], np.ndarray]:
    """The line through the baseline in logit axes; columns x and y."""
    points = baseline[["x", "y"]].dropna().to_numpy(float)
    if len(points) < 3:
        raise TooFew(f"{len(points)} baseline models, the line needs 3")
    b, a = np.polyfit(logit(points[:, 0]), logit(points[:, 1]), 1)
    return lambda x: 1 / (1 + np.exp(-(a + b * logit(x))))


def effective_robustness(ours: pd.DataFrame, against: pd.DataFrame, options: dict) -> Estimate:
    """Accuracy under shift minus what the baseline's line expects at our accuracy on the source (Taori et al.)."""
    shift, source = paired(ours, against)
    return _above(shift["value"].to_numpy(float), source["value"].to_numpy(float), options["baseline"])


def _above(y: np.ndarray, x: np.ndarray, baseline: pd.DataFrame) -> Estimate:
    residuals = y - _expected(baseline)(x)
    if len(residuals) < 3:
        return Estimate(float(residuals.mean()), float(residuals.mean()), float(residuals.mean()), len(residuals))
    return _resampled(residuals, np.mean, 3)


def robustness_lost(ours: pd.DataFrame, against: pd.DataFrame, options: dict) -> Estimate:
    """Mean effective robustness of the probes minus that of zero-shot, a point a model."""
    shift, source = paired(ours, against)
    x, y = source["value"].to_numpy(float), shift["value"].to_numpy(float)
    residuals = pd.Series(y - _expected(options["baseline"])(x), shift.index)
    probe, zero_shot = ((residuals.index.get_level_values("method") == m) for m in ("linear-probe", "zero-shot"))
    if not probe.any() or not zero_shot.any():
        raise TooFew("points of one method, the test needs zero-shot and linear-probe")
    lost = float(residuals[probe].mean() - residuals[zero_shot].mean())
    return Estimate(lost, lost, lost, len(residuals))


def gap_closed(ours: pd.DataFrame, against: pd.DataFrame, options: dict) -> Estimate:
    """The share of the expected loss under shift that is not lost; the largest of the models."""
    shift, source = paired(ours, against)
    x, y = source["value"].to_numpy(float), shift["value"].to_numpy(float)
    expected = _expected(options["baseline"])(x)
    share = float(np.max((y - expected) / (x - expected)))
    return Estimate(share, share, share, len(x))


def error_ratio(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """Mean error of `ours` over that of `against`."""
    ratio = float((1 - ours["value"]).mean() / (1 - against["value"]).mean())
    return Estimate(ratio, ratio, ratio, len(ours))


def ratio(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """Mean of `ours` over that of `against`; the interval is that of `ours`."""
    own, other = mean(ours, ours, {}), float(against["value"].mean())
    return Estimate(own.value / other, own.low / other, own.high / other, len(ours))


def _mean_curve(ours: pd.DataFrame) -> pd.Series:
    """Mean over the data sets at each number; `ours` is indexed by data set and number."""
    wide = ours["value"].unstack(level=-1).dropna()
    if wide.empty:
        raise TooFew("no data set with every number of shots")
    return wide.mean().sort_index()


def nearest_shots(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """The number of shots whose mean score is nearest to the zero-shot mean over the same data sets."""
    curve = _mean_curve(ours)
    sets = ours["value"].unstack(level=-1).dropna().index
    level = float(against.loc[against.index.intersection(sets), "value"].mean())
    gap = (curve - level).abs()
    return Estimate(float(gap.idxmin()), float(gap.idxmin()), float(gap.idxmin()), len(sets))


def efficiency(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """How many times fewer pictures `ours` needs for the last score of `against`; curves log-linear in the pictures."""
    a, b = _mean_curve(ours), _mean_curve(against)
    if not a.iloc[0] < b.iloc[-1] < a.iloc[-1]:
        raise TooFew("the two curves share no score")
    own = float(np.exp(np.interp(b.iloc[-1], np.maximum.accumulate(a.to_numpy()), np.log(a.index.to_numpy(float)))))
    return Estimate(float(b.index[-1]) / own, float(b.index[-1]) / own, float(b.index[-1]) / own, len(a) + len(b))


def transfer_lead(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """Mean of the other data sets above the logit line of other models at the same ImageNet score (Fig 12)."""
    def points(rows: pd.DataFrame) -> pd.DataFrame:
        wide = rows["value"].unstack("dataset")
        source = [c for c in wide if c == "imagenet"]
        if not source:
            raise TooFew("no score on ImageNet")
        return pd.DataFrame({"x": wide[source[0]], "y": wide.drop(columns=source).mean(axis=1)}).dropna()

    own, other = points(ours), points(against)
    return _above(own["y"].to_numpy(float), own["x"].to_numpy(float), other)


# name -> (function, levels of the index, needs `against`, needs `baseline`)
TESTS: dict[str, tuple[Callable, tuple[str, ...], bool, bool]] = {
    "mean": (mean, ("dataset",), False, False), "median": (median, ("dataset",), False, False),
    "maximum": (maximum, ("dataset",), False, False), "minimum": (minimum, ("dataset",), False, False),
    "largest_gap": (largest_gap, ("dataset",), True, False), "ratio": (ratio, ("dataset",), True, False),
    "difference": (difference, ("dataset",), True, False),
    "median_difference": (median_difference, ("dataset",), True, False), "wins": (wins, ("dataset",), True, False),
    "wins_or_ties": (wins_or_ties, ("dataset",), True, False), "win_share": (win_share, ("dataset",), True, False),
    "within": (within, ("dataset",), True, False), "slope": (slope, ("dataset",), True, False),
    "correlation": (correlation, ("dataset",), True, False), "power_slope": (power_slope, ("model",), True, False),
    "power_r": (power_r, ("model",), True, False), "range_ratio": (range_ratio, ("model",), False, False),
    "lead": (lead, ("dataset",), True, False), "effective_robustness": (effective_robustness, ("model", "params"), True, True),
    "robustness_lost": (robustness_lost, ("method", "model", "params"), True, True),
    "over_largest": (over_largest, ("dataset",), True, False),
    "gap_closed": (gap_closed, ("model", "params"), True, True), "error_ratio": (error_ratio, ("dataset",), True, False),
    "nearest_shots": (nearest_shots, ("dataset",), True, False), "efficiency": (efficiency, ("dataset",), True, False),
    "transfer_lead": (transfer_lead, ("model", "dataset"), True, False),
}
AGAINST_BY_MODEL = {"lead"}  # `against` keeps its models apart
BY_NUMBER = {"nearest_shots": ("shots",), "efficiency": ("images",)}  # a number of the params joins the index
