"""The tests of paper/claims: each makes one estimate with an interval from two or three sets of records.

An interval holds the sampling of test pictures where a claim is about given models and data sets: sums and differences of
records by MOVER (Zou and Donner 2008) from their own intervals, which takes records as independent; two scores on the
same pictures are closer, so it is too wide for them. Where a claim is about a relation over models or data sets, these
are what varies: Student's t for slopes, Fisher's z for correlations, order statistics for medians, the delta method for
distances from a line. An estimate that has no honest interval has none, and no verdict. How often the intervals hold the
truth: tests/coverage."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from intervals import (
    EXACT,
    LINE_POINTS,
    Estimate,
    Line,
    TooFew,
    Unfit,
    as_rows,
    correlation_of,
    each_of,
    fitted,
    have_bounds,
    mean_of,
    median_of,
    minus,
    moved,
    point,
    quotient,
    sides,
    slope_of,
    standard_errors,
    t_half_width,
)


def mean(ours: pd.DataFrame, _: pd.DataFrame, __: dict) -> Estimate:
    return mean_of(ours)


def paired(ours: pd.DataFrame, against: pd.DataFrame, need: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    both = ours.index.intersection(against.index, sort=False)
    if len(both) < need:
        raise TooFew(f"{len(both)} pairs, the test needs {need}")
    return ours.loc[both], against.loc[both]


def difference(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    a, b = paired(ours, against)
    both = moved(np.repeat([1 / len(a), -1 / len(a)], len(a)), pd.concat([a, b]))
    return Estimate(both.value, both.low, both.high, len(a), both.bounded)


def _differences(ours: pd.DataFrame, against: pd.DataFrame) -> list[Estimate]:
    a, b = paired(ours, against)
    return [minus(x, y, 1) for x, y in zip(each_of(a), each_of(b), strict=True)]


def _count(ours: pd.DataFrame, against: pd.DataFrame, least: float, most: float = math.inf) -> Estimate:
    """How many pairs differ by `least` to `most`; from those that do so over the whole interval to those that do so anywhere in it, with
    intervals that hold for all pairs at once."""
    each = _differences(ours, against)
    wide = [e.widened(len(each)) for e in each]
    sure = sum(least <= e.low and e.high <= most for e in wide)
    possible = sum(e.high >= least and e.low <= most for e in wide)
    return Estimate(sum(least <= e.value <= most for e in each), sure, possible, len(each), all(e.bounded for e in each))


EQUAL = 1e-9  # printed cells are decimals: equal ones differ by rounding in binary only


def wins(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    return _count(ours, against, EQUAL)


def wins_or_ties(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    return _count(ours, against, -EQUAL)


def win_share(ours: pd.DataFrame, against: pd.DataFrame, options: dict) -> Estimate:
    e = wins(ours, against, options)
    return Estimate(e.value / e.n, e.low / e.n, e.high / e.n, e.n, e.bounded)


def within(ours: pd.DataFrame, against: pd.DataFrame, options: dict) -> Estimate:
    return _count(ours, against, -options["within"] - EQUAL, options["within"] + EQUAL)


def median(ours: pd.DataFrame, _: pd.DataFrame, __: dict) -> Estimate:
    values, low, high = sides(ours).T
    return median_of(values, np.where(np.isinf(low), low, values), np.where(np.isinf(high), high, values))


def _largest(each: list[Estimate]) -> Estimate:
    """Which is the largest is not known: some number is above its lower bound by chance, so the lower bounds hold for all at once; the
    upper bound of the true largest alone has to hold."""
    return Estimate(max(e.value for e in each), max(e.widened(len(each)).low for e in each), max(e.high for e in each), len(each),
                    all(e.bounded for e in each))


def _negative(e: Estimate) -> Estimate:
    return Estimate(-e.value, -e.high, -e.low, e.n, e.bounded)


def _smallest(each: list[Estimate]) -> Estimate:
    return _negative(_largest([_negative(e) for e in each]))


def maximum(ours: pd.DataFrame, _: pd.DataFrame, __: dict) -> Estimate:
    """Of the true numbers, of which the largest may be another than here."""
    return _largest(each_of(ours))


def minimum(ours: pd.DataFrame, _: pd.DataFrame, __: dict) -> Estimate:
    return _smallest(each_of(ours))


def largest_gap(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """The largest of the differences, whichever way; bounds as for `maximum`, of both sides of each."""
    each = _differences(ours, against)
    wide = [e.widened(len(each), 2) for e in each]
    nearest = max(0.0 if e.low <= 0 <= e.high else min(abs(e.low), abs(e.high)) for e in wide)
    return Estimate(max(abs(e.value) for e in each), nearest, max(max(abs(e.low), abs(e.high)) for e in each), len(each),
                    all(e.bounded for e in each))


def median_difference(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    a, b = paired(ours, against, 2)
    return median_of((a["value"] - b["value"]).to_numpy(float))


def _points(ours: pd.DataFrame, against: pd.DataFrame) -> np.ndarray:
    a, b = paired(ours, against)
    if len(a) < LINE_POINTS:
        raise TooFew(f"{len(a)} points, too few for a line: the test needs {LINE_POINTS}")
    return np.column_stack([b["value"].to_numpy(float), a["value"].to_numpy(float)])  # x, y


def slope(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    return slope_of(_points(ours, against))


def correlation(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    return correlation_of(_points(ours, against))


def power_slope(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    return slope_of(np.log10(_points(ours, against)))


def power_r(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    return correlation_of(np.log10(_points(ours, against)))


def range_ratio(ours: pd.DataFrame, _: pd.DataFrame, __: dict) -> Estimate:
    """The largest value over the smallest. It is exact where the values are counted (compute); sampled values give no interval."""
    if len(ours) < 2:
        raise TooFew("1 model, the test needs 2")
    ratio = float(ours["value"].max() / ours["value"].min())
    return Estimate(ratio, ratio, ratio, len(ours), bool(ours[EXACT].all()))


def lead(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """Our mean over the data sets minus the best other model's; `against` has a level `model` in its index. Which is best is not known,
    as for `maximum`."""
    scores = against["value"].unstack("model").reindex(ours.index).dropna(axis=1)
    if scores.empty:
        raise TooFew("no other model with a score on each data set")
    means = [mean_of(against.xs(m, level="model").loc[ours.index]) for m in scores]
    return _smallest([minus(mean_of(ours), other, 1) for other in means])


def over_largest(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """Our mean minus the largest of the others, those of `ours` left out; which is largest is not known, as for `maximum`."""
    others = against.drop(ours.index, errors="ignore") if len(against) > 1 else against
    return _smallest([minus(mean_of(ours), other, 1) for other in each_of(others)])


def logit(p: np.ndarray) -> np.ndarray:
    return np.log(p / (1 - p))


def _line(baseline: pd.DataFrame) -> Line:
    """The line through the baseline in logit axes; columns x and y."""
    points = baseline[["x", "y"]].dropna().to_numpy(float)
    if len(points) < 3:
        raise TooFew(f"{len(points)} baseline models, the line needs 3")
    return fitted(logit(points[:, 0]), logit(points[:, 1]))


def _above(shift: pd.DataFrame, source: pd.DataFrame, line: Line, weights_of: Callable[[pd.Index], np.ndarray]) -> Estimate:
    """sum(weights * (accuracy under shift minus what the line expects)): sampling of shift and source, each of its own pictures, and
    the line's error, which all points share (delta method). Points outside the baselines' range do not count where others are in it."""
    at = logit(source["value"].to_numpy(float))
    inside = (at >= line.low_x) & (at <= line.high_x)
    reason = line.fault or ("" if inside.any() else "extrapolated: outside the baselines' range")
    if inside.any():
        shift, source, at = shift[inside], source[inside], at[inside]
    weights = weights_of(shift.index)
    x, y, expected = source["value"].to_numpy(float), shift["value"].to_numpy(float), 1 / (1 + np.exp(-line.at(at)))
    value = float(weights @ (y - expected))
    by_logit = weights * expected * (1 - expected)
    # Rows are models on the same pictures, so their sampling errors add as they are.
    of_shift = float(np.abs(weights) @ standard_errors(shift))
    of_source = float(np.abs(by_logit * line.slope / (x * (1 - x))) @ standard_errors(source))
    of_line = line.variance * (by_logit.sum() ** 2 / line.n + (by_logit @ (at - line.mean_x)) ** 2 / line.sxx)
    half = t_half_width(of_line, line.n - 2, of_shift**2 + of_source**2)
    found = Estimate(value, value - half, value + half, len(x), half > 0 and have_bounds(shift) and have_bounds(source))
    if reason:
        raise Unfit(reason, found)
    return found


def _equal(index: pd.Index) -> np.ndarray:
    return np.full(len(index), 1 / len(index))


def effective_robustness(ours: pd.DataFrame, against: pd.DataFrame, options: dict) -> Estimate:
    """Accuracy under shift minus what the baseline's line expects at our accuracy on the source (Taori et al.)."""
    shift, source = paired(ours, against)
    return _above(shift, source, _line(options["baseline"]), _equal)


def robustness_lost(ours: pd.DataFrame, against: pd.DataFrame, options: dict) -> Estimate:
    """Mean effective robustness of the probes minus that of zero-shot, a point a model."""
    def weights(index: pd.Index) -> np.ndarray:
        methods = index.get_level_values("method")
        probe, zero_shot = methods == "linear-probe", methods == "zero-shot"
        if not probe.any() or not zero_shot.any():
            raise TooFew("points of one method, the test needs zero-shot and linear-probe")
        return probe / probe.sum() - zero_shot / zero_shot.sum()

    shift, source = paired(ours, against)
    return _above(shift, source, _line(options["baseline"]), weights)


def gap_closed(ours: pd.DataFrame, against: pd.DataFrame, options: dict) -> Estimate:
    """The share of the expected loss under shift that is not lost; the largest of the models. A choice among ratios: no interval."""
    shift, source = paired(ours, against)
    x, y = source["value"].to_numpy(float), shift["value"].to_numpy(float)
    expected = 1 / (1 + np.exp(-_line(options["baseline"]).at(logit(x))))
    return point(np.max((y - expected) / (x - expected)), len(x))


def error_ratio(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """Mean error of `ours` over that of `against`."""
    own, other = (rows.assign(value=1 - rows["value"], ci_low=1 - rows["ci_high"], ci_high=1 - rows["ci_low"]) for rows in (ours, against))
    return quotient(mean_of(own), mean_of(other), len(ours))


def ratio(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """Mean of `ours` over that of `against`."""
    return quotient(mean_of(ours), mean_of(against), len(ours))


def _curves(ours: pd.DataFrame) -> dict[float, pd.DataFrame]:
    """Rows by number, each of the data sets that have every number; `ours` is indexed by data set and number."""
    sets = ours["value"].unstack(level=-1).dropna().index
    if sets.empty:
        raise TooFew("no data set with every number of shots")
    numbers = sorted(ours.index.get_level_values(-1).unique())
    return {number: ours.xs(number, level=-1).loc[sets] for number in numbers}


def nearest_shots(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """The number of shots whose mean score is nearest to the zero-shot mean over the same data sets; from the first to the last number
    that may be the nearest: at its least distance none is surely nearer, with intervals that hold for all numbers at once."""
    curves = _curves(ours)
    sets = next(iter(curves.values())).index
    level = mean_of(against.loc[against.index.intersection(sets)])
    gaps = {k: minus(mean_of(rows), level, len(sets)) for k, rows in curves.items()}
    nearest = min(gaps, key=lambda k: abs(gaps[k].value))
    wide = {k: e.widened(len(gaps)) for k, e in gaps.items()}
    farthest = min(max(abs(e.low), abs(e.high)) for e in wide.values())  # the nearest number lies within this distance
    likely = [nearest, *(k for k, e in wide.items() if max(e.low, -e.high, 0.0) <= farthest)]
    return Estimate(float(nearest), float(min(likely)), float(max(likely)), len(sets), all(e.bounded for e in gaps.values()))


def efficiency(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """How many times fewer pictures `ours` needs for the last score of `against`; curves log-linear in the pictures. One training each:
    no interval."""
    a, b = (pd.Series({k: own["value"].mean() for k, own in _curves(rows).items()}) for rows in (ours, against))
    if not a.iloc[0] < b.iloc[-1] < a.iloc[-1]:
        raise TooFew("the two curves share no score")
    own = float(np.exp(np.interp(b.iloc[-1], np.maximum.accumulate(a.to_numpy()), np.log(a.index.to_numpy(float)))))
    return point(float(b.index[-1]) / own, len(a) + len(b))


def transfer_lead(ours: pd.DataFrame, against: pd.DataFrame, _: dict) -> Estimate:
    """Mean of the other data sets above the logit line of other models at the same ImageNet score (Fig 12)."""
    def points(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        wide = rows["value"].unstack("dataset").dropna()
        if "imagenet" not in wide:
            raise TooFew("no score on ImageNet")
        others = [mean_of(rows.loc[[(m, d) for d in wide if d != "imagenet"]]) for m in wide.index]
        return rows.xs("imagenet", level="dataset").loc[wide.index], as_rows(others, wide.index)

    (source, transfer), (x, y) = points(ours), points(against)
    line = _line(pd.DataFrame({"x": x["value"], "y": y["value"]}))
    return _above(transfer, source, line, _equal)


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
BY_NUMBER = {"nearest_shots": ("shots",), "efficiency": ("images",), "difference": ("images",)}  # a number of the params joins the index
OF_BOUNDS = {"mean", "median", "maximum", "minimum", "difference", "wins", "wins_or_ties", "win_share", "within", "largest_gap", "lead",
             "over_largest"}  # can hold numbers of which a bound alone is known
