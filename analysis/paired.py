"""Tests of two classifiers on the same samples, from per-sample right and wrong.

One statistic gives p and interval, so that they never contradict one another: the score test of a paired difference. Without weights
and clusters it is McNemar's, and the interval Tango's (1998). A mean over classes weighs samples; samples of one cluster (frames of a
clip) count by their sum. Both enter as the effective number of samples that gives the score test its variance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Paired:
    """B minus A, as fractions."""

    a: float
    b: float
    n: int
    only_a: int  # samples that A alone has right
    only_b: int
    p: float
    interval: tuple[float, float]

    @property
    def difference(self) -> float:
        return self.b - self.a


def tango(gained: float, lost: float, n: float, z: float) -> tuple[float, float]:
    """The differences that the score test keeps at the quantile z; counts need not be whole."""
    def upper(b: float, c: float) -> float:
        low, high = (b - c) / n, 1.0
        for _ in range(100):
            d = (low + high) / 2
            linear, constant = -b - c + (2 * n - b + c) * d, -c * d * (1 - d)
            q = (math.sqrt(max(0.0, linear**2 - 8 * n * constant)) - linear) / (4 * n)
            keeps = z**2 * n * (2 * q + d * (1 - d)) > (b - c - n * d) ** 2
            low, high = (d, high) if keeps else (low, d)
        return (low + high) / 2

    return -upper(lost, gained), upper(gained, lost)


def compared(right_a: np.ndarray, right_b: np.ndarray, weights: np.ndarray | None = None, clusters: np.ndarray | None = None) -> Paired:
    """Two means of right answers; boolean [N] each. `weights` [N] sum to 1 (equal if None); `clusters` [N]: samples of one are alike."""
    n = len(right_a)
    w = np.full(n, 1 / n) if weights is None else weights
    gain = w * (right_b.astype(float) - right_a.astype(float))
    discordant = right_a != right_b
    total = float(w[discordant].sum())
    # The weight of one effective sample: as if so many equal ones had made the variance.
    unit = float((w[discordant] ** 2).sum() / total) if total > 0 else float((w**2).sum())
    df = math.inf
    if clusters is not None:
        _, place = np.unique(clusters, return_inverse=True)
        sums = np.bincount(place, gain)
        if total > 0:
            unit = max(unit, float((sums**2).sum()) / total)
        unit, df = max(unit, 1 / len(sums) if total == 0 else 0.0), max(1, len(sums) - 1)
    better, worse = float(w[discordant & right_b].sum()), float(w[discordant & right_a].sum())
    t = (better - worse) / math.sqrt(unit * total) if total > 0 else 0.0
    spread = stats.norm if math.isinf(df) else stats.t(df)
    bounds = tango(better / unit, worse / unit, 1 / unit, float(spread.ppf(0.975)))
    return Paired(float(w @ right_a), float(w @ right_b), n, int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum()),
                  float(2 * spread.sf(abs(t))), bounds)


def by_class(labels: np.ndarray) -> np.ndarray:
    """Weights that make a mean over samples one over the classes that occur."""
    _, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return 1 / (counts[place] * len(counts))


def holm(p: list[float]) -> list[float]:
    """Adjusted so that the chance of any false difference stays below the level (Holm 1979)."""
    order, worst, adjusted = np.argsort(p, kind="stable"), 0.0, [1.0] * len(p)
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = worst
    return adjusted
