"""Tests of two classifiers on the same samples, from per-sample right and wrong: McNemar, paired bootstrap, Holm.

Only discordant samples tell: those that one has right and the other wrong. Draws are of their counts (multinomial), which
is the bootstrap of the samples itself without the samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DRAWS = 10_000


@dataclass(frozen=True)
class Paired:
    """B minus A, as fractions."""

    a: float
    b: float
    n: int
    only_a: int  # samples that A alone has right
    only_b: int
    p: float
    draws: np.ndarray  # [DRAWS], the bootstrap distribution of the difference

    @property
    def difference(self) -> float:
        return self.b - self.a

    @property
    def interval(self) -> tuple[float, float]:
        return interval(self.draws)


def interval(draws: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact, two-sided: under the null a discordant sample falls to either side like a coin."""
    from scipy.stats import binomtest

    return float(binomtest(only_b, only_a + only_b).pvalue) if only_a + only_b else 1.0


def rates(right_a: np.ndarray, right_b: np.ndarray, rng: np.random.Generator) -> Paired:
    """Two accuracies on N samples; boolean [N] each."""
    n, only_a, only_b = len(right_a), int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    drawn = rng.multinomial(n, [only_a / n, only_b / n, 1 - (only_a + only_b) / n], DRAWS)
    return Paired(float(right_a.mean()), float(right_b.mean()), n, only_a, only_b, mcnemar(only_a, only_b), (drawn[:, 1] - drawn[:, 0]) / n)


def class_means(right_a: np.ndarray, right_b: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Paired:
    """Two means over the classes of the class's accuracy: bootstrap within classes; p by swapping A and B at random in
    discordant samples, of which McNemar's coin is the case of one class."""
    classes = np.unique(labels)
    draws, swapped, parts = np.zeros(DRAWS), np.zeros(DRAWS), []
    for c in classes:
        a, b = right_a[labels == c], right_b[labels == c]
        n, only_a, only_b = len(a), int((a & ~b).sum()), int((b & ~a).sum())
        parts.append((a.mean(), b.mean(), only_a, only_b))
        weight = 1 / (n * len(classes))
        drawn = rng.multinomial(n, [only_a / n, only_b / n, 1 - (only_a + only_b) / n], DRAWS)
        draws += weight * (drawn[:, 1] - drawn[:, 0])
        swapped += weight * (2 * rng.binomial(only_a + only_b, 0.5, DRAWS) - (only_a + only_b))
    mean_a, mean_b, only_a, only_b = np.array(parts).T
    a, b = float(mean_a.mean()), float(mean_b.mean())
    p = (1 + int((np.abs(swapped) >= abs(b - a) - 1e-12).sum())) / (1 + DRAWS)  # 1e-12: sums of the same weights in another order
    return Paired(a, b, len(labels), int(only_a.sum()), int(only_b.sum()), p, draws)


def holm(p: list[float]) -> list[float]:
    """Adjusted so that the chance of any false difference stays below the level (Holm 1979)."""
    order, worst, adjusted = np.argsort(p, kind="stable"), 0.0, [1.0] * len(p)
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = worst
    return adjusted
