"""Figs 13 and 14: accuracy under shift over accuracy at the source in logit axes, with the baseline line and the
ideal y = x; a panel a pair of data sets and one for the paper."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import COLOURS, GREY, INK, one_legend
from params import pick
from reference import Reference
from results import ResultFile, Run
from study_tables import are_baselines, pairs_of, value_of

TICKS = np.array([1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99])
BY_SOURCE = "source-zero-shot"  # of the study's records: zero-shot by the source's class names, where the shift's own differ
STYLES = {"zero-shot": (COLOURS[1], "*", 9), "linear-probe": (COLOURS[0], "o", 5.5), "few-shot": (COLOURS[0], "^", 4),
          BY_SOURCE: (COLOURS[4], "*", 9), "baseline": (INK, "x", 4.5)}


def logit(p: np.ndarray, n: np.ndarray | float = 1e6) -> np.ndarray:
    """ln(p / (1 - p)) with p moved into [1/(2n), 1 - 1/(2n)], as src/eval/robustness.hpp does."""
    edge = 1 / (2 * np.maximum(np.asarray(n, dtype=float), 1))
    p = np.clip(np.asarray(p, dtype=float), edge, 1 - edge)
    return np.log(p / (1 - p))


def distribution_shift(file: ResultFile, run: Run, reference: Reference) -> Figure | None:
    pairs = pairs_of(file.records)
    if not pairs:
        return None
    count = len(pairs) + 1
    columns = min(count, 3) if count != 4 else 2
    rows = -(-count // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(8.8, 3.5 * rows if columns > 2 else 4.1 * rows),
                                layout="constrained", squeeze=False)
    cells = list(grid.flat)
    for axes, pair in zip(cells, pairs, strict=False):
        draw_pair(axes, file.records, pair)
    draw_paper(cells[len(pairs)], reference)
    for axes in cells[count:]:
        axes.set_visible(False)
    one_legend(figure, cells, ncols=4)
    return figure


def table_of_points(records: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    """A row a model and method: source, shift, their sample counts and the kind of point."""
    part = pick(records, source_set=pair[0], dataset=pair[1], frames="")
    keys = ["model", "method", "params"]
    both = [pick(part, metric=f"{side}_top1").set_index(keys)[["value", "n"]].add_prefix(f"{side}_")
            for side in ("source", "shift")]
    points = pd.concat(both, axis=1, join="inner").reset_index()
    known = points["method"].where(points["method"].isin(list(STYLES)), "baseline")
    points["kind"] = known.where(~are_baselines(points), "baseline")
    return points


def draw_pair(axes: Axes, records: pd.DataFrame, pair: tuple[str, str]) -> None:
    points = table_of_points(records, pair)
    points = points.sort_values("kind", key=lambda k: k != "baseline")
    x, y = logit(points["source_value"], points["source_n"]), logit(points["shift_value"], points["shift_n"])
    titles = {"zero-shot": "zero-shot", "linear-probe": "linear probe", "few-shot": "probe on 1 to 128 a class",
              BY_SOURCE: "zero-shot, the source's class names", "baseline": "raw pixels, untrained, majority class"}
    for kind, (colour, marker, size) in STYLES.items():
        chosen = (points["kind"] == kind).to_numpy()
        if chosen.any():
            axes.plot(x[chosen], y[chosen], marker, color=colour, markersize=size, label=titles[kind], linestyle="none")
    slope, intercept = (value_of(records, source_set=pair[0], dataset=pair[1], method="fit", metric=m) for m in ("slope", "intercept"))
    finish(axes, x, y, slope, intercept, INK, "baseline fit")
    source, shift = pair
    axes.set(xlabel=f"{source} top-1, %", ylabel=f"{shift} top-1, %")


def draw_paper(axes: Axes, reference: Reference) -> None:
    rows = reference.rows(paper_ref="Fig 14")
    wide = rows[rows["metric"].isin(["source_top1", "shift_top1"])].pivot_table(
        index=["method", "params"], columns="metric", values="value", sort=False)
    axes.set(title="paper, Fig 14", xlabel="ImageNet class subsets, %", ylabel="mean of 7 shifts, %")
    if wide.empty:
        return
    for method, (_, marker, size) in STYLES.items():
        part = wide[wide.index.get_level_values("method") == method]
        if len(part):
            axes.plot(logit(part["source_top1"] / 100), logit(part["shift_top1"] / 100), marker, color=GREY,
                      markersize=size * 0.8, linestyle="none", label=f"paper's {method}".replace("-p", " p"))
    slope, intercept = (reference.value(role="baseline", metric=m) for m in ("slope", "intercept"))
    finish(axes, logit(wide["source_top1"] / 100), logit(wide["shift_top1"] / 100), slope, intercept, GREY,
           "82 standard models, fit")


def spaced_ticks(low: float, high: float) -> np.ndarray:
    """Percent ticks within the limits (logits) that stand at least a ninth of the axis apart."""
    kept: list[int] = []
    for tick in TICKS:
        at = logit(tick / 100)
        if low <= at <= high and (not kept or at - logit(kept[-1] / 100) > (high - low) / 9):
            kept.append(int(tick))
    return np.array(kept)


def finish(axes: Axes, x: np.ndarray, y: np.ndarray, slope: float | None, intercept: float | None, colour: str,
           label: str) -> None:
    """The two lines, limits around the points and ticks in percent."""
    if len(x) == 0:
        return
    low, high = min(x.min(), y.min()) - 0.35, max(x.max(), y.max()) + 0.35
    span = np.array([low, high])
    axes.plot(span, span, color=colour, linestyle=":", linewidth=1, label="ideal: no loss" if colour == INK else None)
    if slope is not None and intercept is not None:
        axes.plot(span, intercept + slope * span, color=colour, linewidth=1, label=label)
    for name in "xy":
        set_ticks(axes, name, low, high)


def set_ticks(axes: Axes, name: str, low: float, high: float) -> None:
    """Limits (logits) of the axis and its ticks in percent."""
    ticks = spaced_ticks(low, high)
    axis = getattr(axes, f"{name}axis")
    axes.set(**{f"{name}lim": (low, high)})
    axis.set_major_locator(matplotlib.ticker.FixedLocator(logit(ticks / 100)))
    axis.set_major_formatter(matplotlib.ticker.FixedFormatter([str(t) for t in ticks]))
