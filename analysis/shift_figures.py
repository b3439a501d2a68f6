"""Figures 13 to 15 in the paper's arrangement: the seven natural shifts of ImageNet, ours in colour where a run has all seven.

A point is a model and method: its mean over the class subsets of ImageNet at x, over the seven shifts at y, in logit axes.
The paper's points were read off the pixels but for Table 16's; the ImageNet models are those of Taori et al."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import COLOURS, GREY, INK, one_legend, panels
from pool import Pool
from params import column, pick
from published import SUBSETS_TO_SHIFTS, published_records
from reference import BEST, Reference, plain
from robustness_figure import BY_SOURCE, logit, set_ticks
from study_tables import are_baselines
from verdicts import SHIFTS7, are_shifts7

AXES = ("source_top1", "shift_top1")
MADE_OF = {"zero-shot": ("*", 9, COLOURS[1], "zero-shot, here"),  # marker, its size, colour, label by method
           BY_SOURCE: ("*", 9, COLOURS[4], "zero-shot, the source's classes, here"),
           "few-shot": ("^", 5, COLOURS[0], "few-shot, here"), "linear-probe": ("o", 5, COLOURS[0], "linear probe, here")}
TAORI = "(Taori et al.)"
PAPER_LIMITS = tuple(tuple(logit(np.array(ends) / 100)) for ends in ((60, 99.2), (18, 95)))  # x and y; of Taori's models those below are out of sight
V2 = "ImageNetV2"  # has all classes: its source accuracy is that on all of ImageNet
ROWS = ("ImageNet", V2, "ImageNet-R", "ObjectNet", "ImageNet-Sketch", "ImageNet-A")


def points_of(records: pd.DataFrame) -> pd.DataFrame:
    """The paper's points: a row a model, method and params."""
    rows = pick(records[records["metric"].isin(AXES)], **SUBSETS_TO_SHIFTS)
    return rows.pivot_table(index=["model", "method", "params"], columns="metric", values="value", sort=False).reset_index()


def ours_of(pool: Pool) -> pd.DataFrame:
    """Ours: the means over the seven pairs, of models, methods and params that have them all."""
    rows = pool.clean
    if rows.empty:
        return pd.DataFrame(columns=["model", "method", "params", *AXES])
    rows = rows[rows["metric"].isin(AXES) & ~are_baselines(rows) & are_shifts7(rows)]
    rows = rows.assign(key=rows["dataset"].map(plain))
    named = rows["model"].isin(rows.loc[rows["method"] == BY_SOURCE, "model"]) & rows["method"].eq("zero-shot")
    rows = pd.concat([rows[named].assign(method=BY_SOURCE), rows])  # where both have the same names there are no records of their own
    wide = rows.pivot_table(index=["model", "method", "params", "key"], columns="metric", values="value", aggfunc="last", sort=False)
    if not set(AXES) <= set(wide):
        return pd.DataFrame(columns=["model", "method", "params", *AXES])
    means = wide[list(AXES)].dropna().groupby(level=[0, 1, 2], sort=False).agg(["mean", "size"])
    whole = means[means[(AXES[0], "size")] == len(SHIFTS7)]
    return pd.DataFrame({a: whole[(a, "mean")] for a in AXES}).reset_index()


def scatter(axes: Axes, groups: list[tuple[str, pd.DataFrame, str, str, float]]) -> None:
    """Groups (label, points, marker, colour, size) and the line of no loss, in the paper's limits or as far as any model that is none of Taori's."""
    limits = np.array(PAPER_LIMITS)
    for label, part, marker, colour, size in groups:
        if len(part):
            x, y = logit(part[AXES[0]]), logit(part[AXES[1]])
            axes.plot(x, y, marker, color=colour, markersize=size, linestyle="none", label=label)
            if TAORI not in label:
                limits = [(min(low, v.min() - 0.2), max(high, v.max() + 0.2)) for (low, high), v in zip(limits, (x, y), strict=True)]
    axes.plot(*[(min(l for l, _ in limits), max(h for _, h in limits))] * 2, color=INK, linestyle=":", linewidth=1, label="ideal: no loss")
    for name, (low, high) in zip("xy", limits, strict=True):
        set_ticks(axes, name, low, high)
    axes.set(xlabel="ImageNet, class subsets, %", ylabel="mean of the 7 shifts, %")


def banded(axes: Axes, part: pd.DataFrame, colour: str) -> None:
    """Least squares through logits; the band has 95 % of the lines through points drawn again with replacement, as Fig 13's."""
    x, y = logit(part[AXES[0]]), logit(part[AXES[1]])
    if len(np.unique(x)) < 3:
        return
    draws = np.random.default_rng(0).integers(0, len(x), (1000, len(x)))
    draws = draws[np.ptp(x[draws], axis=1) > 0]
    span = np.linspace(x.min(), x.max(), 30)
    lines = [line_at(x[d], y[d], span) for d in draws]
    axes.fill_between(span, *np.quantile(lines, (0.025, 0.975), axis=0), color=colour, alpha=0.2, linewidth=0)
    axes.plot(span, line_at(x, y, span), color=colour, linewidth=1)


def line_at(x: np.ndarray, y: np.ndarray, span: np.ndarray) -> np.ndarray:
    slope = np.mean((x - x.mean()) * (y - y.mean())) / np.mean((x - x.mean()) ** 2)
    return y.mean() + slope * (span - x.mean())


def testbed_of(paper: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Standard training, and all that was meant to be more robust or saw more data."""
    kinds = column(paper, "testbed")
    return paper[kinds == "STANDARD"], paper[~kinds.isin(["STANDARD", ""])]


def of_clip(paper: pd.DataFrame, adaptation: str) -> pd.DataFrame:
    return pick(paper, model="CLIP", adaptation=adaptation)


def ours_groups(ours: pd.DataFrame) -> list[tuple[str, pd.DataFrame, str, str, float]]:
    return [(label, ours[ours["method"] == method], marker, colour, size) for method, (marker, size, colour, label) in MADE_OF.items()]


def figure_13(root: Path, pool: Pool) -> Figure | None:
    """Left: zero-shot CLIP against ImageNet models. Right: the two models that score 76.2 % on ImageNet, ours next to them."""
    records = published_records(root)
    paper, ours = points_of(records), ours_of(pool)
    if paper.empty:
        return None
    ours = ours[ours["method"] == "zero-shot"]
    standard, other = testbed_of(paper)
    clip = of_clip(paper, "classes")
    figure, (left, right) = panels(2, height=4.2)
    scatter(left, [(f"other training {TAORI}", other, "^", GREY, 3), (f"standard training {TAORI}", standard, "o", GREY, 3.5),
                   ("zero-shot CLIP (paper)", clip, "*", INK, 8), *ours_groups(ours)])
    for part, colour in ((standard, GREY), (clip, INK), (ours, COLOURS[1])):
        banded(left, part, colour)
    left.legend(loc="lower right", fontsize=7.5)
    left.set_title("Fig 13, left")
    draw_table(right, *table_13(records, pool))
    return figure


def table_13(records: pd.DataFrame, pool: Pool) -> tuple[list[str], list[list[str]]]:
    """Head and rows; our column is there when a run has one of the data sets."""
    theirs = [shift_scores(records[records["model"] == m], method) for m, method in (("ResNet-101", "supervised"), (BEST, "zero-shot"))]
    here = scores_here(pool, BEST, "zero-shot")
    rows = []
    for name in ROWS:
        base, clip = (t.get(plain(name), np.nan) for t in theirs)
        own = here.get(plain(name), np.nan)
        cells = [f"{v:.1f}" if np.isfinite(v) else "–" for v in (base, clip)]
        gap = clip - base
        rows.append([name, *cells, f"{gap:+.1f}".replace("-", "−") if abs(gap) > 0.05 else "0"]
                    + ([f"{own:.1f}" if np.isfinite(own) else "–"] if here else []))
    return ["", "ResNet-101", "zero-shot\nCLIP", "Δ", *(["here"] if here else [])], rows


def shift_scores(rows: pd.DataFrame, method: str) -> dict[str, float]:
    """Percent by data set: top-1 under each shift, and on all of ImageNet as one of the pairs has it at its source."""
    rows = pick(rows[rows["metric"].isin([*AXES, "top1"])], method=method, frames="")
    found = {}
    for dataset, source, metric, value in zip(rows["dataset"], column(rows, "source_set"), rows["metric"], rows["value"], strict=True):
        if source and plain(source) != plain("ImageNet"):
            continue
        at_source = plain(dataset) == plain(V2) and metric == AXES[0]
        name = plain("ImageNet") if at_source else plain(dataset)
        if metric == AXES[1] or name == plain("ImageNet"):
            found[name] = 100 * value
    return found


def scores_here(pool: Pool, model: str, method: str) -> dict[str, float]:
    """Of our runs of one model; empty without any."""
    clean = pool.clean
    return shift_scores(clean[clean["model"].map(plain).eq(plain(model))], method) if len(clean) else {}


def draw_table(axes: Axes, head: list[str], rows: list[list[str]]) -> None:
    axes.axis("off")
    axes.set_title("Fig 13, right: top-1, %")
    table = axes.table(cellText=rows, colLabels=head, loc="center", edges="horizontal", cellLoc="right",
                       colWidths=[0.34, *[0.2 if len(head) < 5 else 0.165] * (len(head) - 1)])
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    for (row, column), cell in table.get_celld().items():
        cell.set(edgecolor=GREY, linewidth=0.6, height=0.16 if row == 0 else 0.105)
        cell.set_text_props(color=COLOURS[1] if column == 4 else INK, ha="left" if column == 0 else "right")


def figure_14(root: Path, pool: Pool) -> Figure | None:
    """Left: two ways to adapt zero-shot CLIP. Right: what each gains on ImageNet and each shift."""
    records = published_records(root)
    paper, ours = points_of(records), ours_of(pool)
    bars = Reference.read(root, "distribution_shift").rows(paper_ref="Fig 14", metric="delta")
    if paper.empty or bars.empty:
        return None
    figure, axes = plt.subplot_mosaic([["scatter", "probe"], ["scatter", "classes"]], figsize=(8.6, 5.4), layout="constrained", width_ratios=(1.15, 1))
    left = axes["scatter"]
    standard, other = testbed_of(paper)
    scatter(left, [(f"ImageNet models {TAORI}", pd.concat([standard, other]), "o", GREY, 3),
                   ("CLIP, classes adapted to the shift (paper)", of_clip(paper, "classes"), "*", INK, 8),
                   ("CLIP, ImageNet's classes (paper)", of_clip(paper, "none"), "*", GREY, 8),
                   ("CLIP, fitted on ImageNet (paper)", of_clip(paper, "fit"), "D", INK, 4), *ours_groups(ours)])
    left.set_title("Fig 14, left")
    left.legend(loc="lower right", fontsize=7.5)
    probe, classes = (bars[bars["method"] == m].sort_values("value", kind="stable") for m in ("adapt-to-imagenet", "adapt-to-class-shift"))
    draw_bars(axes["probe"], probe, "right: adapt to ImageNet")
    draw_bars(axes["classes"], classes, "adapt to class shift")
    axes["classes"].set_xlabel("points over zero-shot with ImageNet's classes")
    own, by_source, fitted = (scores_here(pool, BEST, m) for m in ("zero-shot", BY_SOURCE, "linear-probe"))
    unmoved = {plain(d) for d in classes[classes["value"].eq(0)]["dataset"]}
    before = {d: value for d, value in own.items() if d in unmoved} | by_source
    draw_gains(axes["probe"], probe, {d: fitted[d] - before[d] for d in before if d in fitted})
    draw_gains(axes["classes"], classes, {d: own[d] - before[d] for d in before if d in own and by_source})
    return figure


def draw_bars(axes: Axes, bars: pd.DataFrame, title: str) -> None:
    axes.barh(list(bars["dataset"]), bars["value"], color=GREY, height=0.7)
    for at, value in enumerate(bars["value"]):
        axes.annotate(f"{value:+g}".replace("-", "−") if value else "0", (value, at), xytext=(-6 if value < 0 else 6, 0), textcoords="offset points",
                      fontsize=7.5, va="center", ha="right" if value < 0 else "left")
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.margins(x=0.2)
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(axis="y", visible=False)
    axes.set_title(title)


def draw_gains(axes: Axes, bars: pd.DataFrame, gains: dict[str, float]) -> None:
    """Ours, in points by data set, on the paper's bars."""
    chosen = {at: gains[plain(d)] for at, d in enumerate(bars["dataset"]) if plain(d) in gains}
    if chosen:
        axes.plot(list(chosen.values()), list(chosen), "o", color=COLOURS[0], markersize=5, linestyle="none", label=f"{BEST} here")
        axes.legend(loc="lower right", fontsize=7.5)


def figure_15(root: Path, pool: Pool) -> Figure | None:
    """Few-shot CLIP between zero-shot and the whole probe."""
    paper, ours = points_of(published_records(root)), ours_of(pool)
    curve = paper[paper["model"].eq(BEST) & paper["method"].eq("few-shot")].sort_values(AXES[0])
    if curve.empty:
        return None
    zero = paper[paper["model"].eq(BEST) & paper["method"].eq("zero-shot")]
    standard, other = testbed_of(paper)
    here = few_shot_curves(pool)
    figure, (axes, *beside) = panels(2 if here else 1, width=8.8 if here else 6.4, height=5)
    scatter(axes, [(f"ImageNet models {TAORI}", pd.concat([standard, other]), "o", GREY, 3), (f"few-shot {BEST} (paper)", curve, "^", INK, 5),
                   (f"zero-shot {BEST}, ImageNet's classes (paper)", zero, "*", INK, 11), *ours_groups(ours)])
    axes.plot(logit(curve[AXES[0]]), logit(curve[AXES[1]]), color=INK, linewidth=0.8)
    label_apart(axes, list(column(curve, "shots")), logit(curve[AXES[0]]), logit(curve[AXES[1]]), INK, [])
    axes.set_title("Fig 15: examples a class")
    one_legend(figure, [axes], ncols=2, fontsize=7.5)
    if here:
        draw_few_shot(beside[0], here)
    return figure


def label_apart(axes: Axes, texts: list[str], x: Iterable[float], y: Iterable[float], colour: str, taken: list[np.ndarray]) -> None:
    """Texts above a line's points, its ends first; one that would lie on an earlier one is left out. The axes' limits must stand;
    `taken` holds the labels so far, in shares of the panel."""
    points = list(zip(texts, x, y, strict=True))
    for text, *at in [*points[-1:], *points[:-1]]:
        place = axes.transLimits.transform(at)
        if any((np.abs(place - other) < (0.045, 0.035)).all() for other in taken):
            continue
        taken.append(place)
        axes.annotate(text, at, xytext=(0, 5), textcoords="offset points", fontsize=7.5, ha="center", color=colour)


def few_shot_curves(pool: Pool) -> dict[tuple[str, str], pd.DataFrame]:
    """By model and source: a row a number of examples a class (0: zero-shot, inf: all), means over that source's shifts measured here."""
    rows = pool.clean
    if rows.empty:
        return {}
    rows = rows[rows["study"].eq("distribution_shift") & rows["metric"].isin(AXES) & column(rows, "source_set").ne("") & column(rows, "frames").eq("")
                & rows["method"].isin(["zero-shot", "few-shot", "linear-probe"]) & ~are_baselines(rows)]
    rows = rows[~are_shifts7(rows)]  # those stand in the left panel
    shots = [{"zero-shot": 0.0, "linear-probe": np.inf}.get(m) if m != "few-shot" else float(k)
             for m, k in zip(rows["method"], column(rows, "shots"), strict=True)]
    rows = rows.assign(shots=shots, source=column(rows, "source_set"), value=rows["value"].clip(*edges(rows["n"])))
    last = rows.groupby(["model", "source", "dataset", "shots", "metric"], sort=False)["value"].last().unstack("metric")
    if not set(AXES) <= set(last):
        return {}
    curves = {}
    for at, part in last.dropna().groupby(level=[0, 1], sort=False):
        by_shots = part.groupby("shots")[list(AXES)].agg("mean")
        whole = part.groupby("shots").size() == part.index.get_level_values("dataset").nunique()
        if np.isfinite(by_shots.index[by_shots.index > 0]).any():
            curves[at] = by_shots[whole]
    return curves


def edges(n: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Where a rate of 0 and of 1 stand in logit axes."""
    edge = 0.5 / n.clip(lower=1)
    return edge, 1 - edge


def draw_few_shot(axes: Axes, curves: dict[tuple[str, str], pd.DataFrame]) -> None:
    """Ours: a line a model and source, the zero-shot point in its colour next to it."""
    spans, lines, taken = [], [], []
    for colour, ((model, source), curve) in zip(COLOURS * len(curves), curves.items(), strict=False):
        x, y = logit(curve[AXES[0]]), logit(curve[AXES[1]])
        probes = curve.index > 0
        axes.plot(x[probes], y[probes], "^-", color=colour, markersize=5, linewidth=0.8, label=f"few-shot {model}, {source}")
        axes.plot(x[~probes], y[~probes], "*", color=colour, markersize=11, linestyle="none", label=f"zero-shot {model}, {source}")
        lines.append(([f"{shots:.0f}" if np.isfinite(shots) else "all" for shots in curve.index[probes]], x[probes], y[probes], colour))
        spans += [*x, *y]
    low, high = min(spans) - 0.3, max(spans) + 0.3
    axes.plot([low, high], [low, high], color=INK, linestyle=":", linewidth=1)
    for name in "xy":
        set_ticks(axes, name, low, high)
    for texts, x, y, colour in lines:
        label_apart(axes, texts, x, y, colour, taken)
    axes.set(xlabel="source, %", ylabel="mean of its shifts, %", title="measured here")
    axes.legend(loc="upper left", fontsize=7.5)


SHIFT_FIGURES: tuple[tuple[str, str, Callable[[Path, Pool], Figure | None]], ...] = (
    ("paper_fig13", "Figure 13: zero-shot CLIP against models trained on ImageNet, over seven natural shifts; lines: least squares in logits, band: 95 % of "
                    "1,000 bootstrap draws. Right: two models that score alike on ImageNet. Models measured here stand in it when all seven pairs are scored; "
                    "pairs of other data sets stand in the study's own section.", figure_13),
    ("paper_fig14", "Figure 14: CLIP with the classes of each shift, with ImageNet's, and fitted on ImageNet. Right: what each step adds, in points over "
                    "zero-shot with ImageNet's classes.", figure_14),
    ("paper_fig15", "Figure 15: the probe on 1 to 128 examples a class and on all of the source. Models measured here on other pairs stand in the right "
                    "panel: source and mean of its shifts. Of labels that would lie on one another the first stands.", figure_15),
)
