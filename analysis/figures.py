"""Figures of each study with matplotlib, no display: ours in colour, the paper's points in grey in their own panel.

Text and axes have one colour, INK, which render.py turns into the page's text colour (light and dark)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from params import column, pick  # noqa: E402
from headline import best_model, scores  # noqa: E402
from reference import BEST, Reference  # noqa: E402
from results import ResultFile, Run  # noqa: E402
from study_tables import FLOORS, MEAN, PROMPTS, at, families_of, fit_of, floor_row, models_of, value_of  # noqa: E402

INK = "#1b1f24"
GREY = "#8a9099"
PAPER_LABEL = "CLIP (paper)"
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f5fc9", "#a05a2c"]
plt.rcParams.update({
    "font.size": 9.5, "axes.titlesize": 10, "axes.titlelocation": "left", "legend.fontsize": 8.5, "legend.frameon": False,
    "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": GREY, "grid.alpha": 0.25,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "svg.hashsalt": "cliplab",
    "lines.linewidth": 1.6, "text.parse_math": False})  # a "$" in a name does not begin a formula


def colour_of(models: list[str]) -> dict[str, str]:
    """The same model has the same colour in every figure of a run."""
    return {m: COLOURS[i % len(COLOURS)] for i, m in enumerate(sorted(models))}


def marker_of(family: str | None) -> str:
    return {"vit": "o", "resnet": "s"}.get(family or "", "D")


def panels(count: int, width: float = 8.6, height: float = 3.5) -> tuple[Figure, list[Axes]]:
    figure, axes = plt.subplots(1, count, figsize=(width, height), layout="constrained", squeeze=False)
    figure.get_layout_engine().set(wspace=0.06)
    return figure, list(axes[0])


def bars_of(row: pd.DataFrame | pd.Series) -> np.ndarray:
    """Error bars in percent, [2] or [2, N]; never negative."""
    low, high = row["value"] - row["ci_low"], row["ci_high"] - row["value"]
    return np.maximum(100 * np.array([low, high], dtype=float), 0)


def one_legend(figure: Figure, of: Iterable[Axes], **how: object) -> None:
    """Below the panels: what stands in any of them, each label once."""
    handles = {label: handle for axes in of for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", **how)


def percent_ticks(axes: Axes, axis: str, low: float, high: float) -> None:
    """Round percent ticks on a logarithmic axis that may span little: 60, 65, 70 as well as 1, 2, 5, 10."""
    low, high = max(low * 0.96, 0.1), min(high * 1.04, 105.0)
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 50) if (high - low) / s <= 7)
    ticks = np.arange(math.ceil(low / step) * step, high + 1e-9, step)
    ticks = ticks[ticks > 0]
    target = axes.xaxis if axis == "x" else axes.yaxis
    (axes.set_xlim if axis == "x" else axes.set_ylim)(low, high)
    target.set_major_locator(matplotlib.ticker.FixedLocator(ticks))
    target.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda v, _: f"{v:g}"))
    target.set_minor_locator(matplotlib.ticker.NullLocator())


def plain_log(axes: Axes, values: pd.Series) -> None:
    """Decimal ticks on a logarithmic x axis of GFLOPs."""
    axes.set_xscale("log")
    low, high = float(values.min()) / 1.4, float(values.max()) * 1.4
    axes.set_xlim(low, high)
    subs = (1,) if high / low > 1000 else (1, 2, 5) if high / low > 3 else (1, 1.5, 2, 3, 4, 5, 7)
    ticks = [m * 10.0**e for e in range(-6, 7) for m in subs if low <= m * 10.0**e <= high]
    axes.xaxis.set_major_locator(matplotlib.ticker.FixedLocator(ticks))
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda v, _: f"{v:g}"))
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())


def encoder_scaling(file: ResultFile, run: Run, reference: Reference) -> Figure | None:
    """Fig 9: mean error over the cost of a forward pass, both axes logarithmic."""
    records = file.records
    costs = pick(records, method="cost", metric="gflops")
    cost, families = costs.set_index("model")["value"], dict(zip(costs["model"], column(costs, "family"), strict=True))
    rows = pick(records, **at(MEAN), method="zero-shot", metric="error")
    rows = rows[rows["model"].isin(cost.index)]
    if rows.empty:
        return None
    figure, (ours, paper) = panels(2)
    x = rows["model"].map(cost)
    for family, title, colour in (("vit", "ViT", COLOURS[0]), ("resnet", "ResNet", COLOURS[1])):
        part = rows[rows["model"].map(families) == family]
        if len(part):
            ours.errorbar(part["model"].map(cost), 100 * part["value"], yerr=bars_of(part), fmt=marker_of(family), color=colour,
                          capsize=2, label=title)
    for model, gflops, value in zip(rows["model"], x, rows["value"], strict=True):  # ViTs right above, ResNets left below
        above = families[model] == "vit"
        ours.annotate(model, (gflops, 100 * value), xytext=(6, 4) if above else (-6, -4), textcoords="offset points",
                      fontsize=8, ha="left" if above else "right", va="bottom" if above else "top")
    for family, colour in (("vit", COLOURS[0]), ("resnet", COLOURS[1]), ("all", INK)):
        draw_power_law(ours, records, family, x, colour)
    plain_log(ours, x)
    ours.set_xlim(float(x.min()) / 1.8, float(x.max()) * 2)
    ours.set_yscale("log")
    percent_ticks(ours, "y", 100 * rows["ci_low"].min(), 100 * rows["ci_high"].max())
    ours.set(title="this run", xlabel="GFLOPs per image", ylabel="mean zero-shot error, %")
    ours.legend(loc="best")
    draw_paper_scaling(paper, reference)
    return figure


def draw_power_law(axes: Axes, records: pd.DataFrame, family: str, x: pd.Series, colour: str) -> None:
    rows = [fit_of(records, family, m) for m in ("slope", "intercept")]
    if any(row is None for row in rows):
        return
    slope, intercept = (float(row["value"]) for row in rows)
    line = np.geomspace(x.min(), x.max(), 20)
    axes.plot(line, 100 * 10 ** (intercept + slope * np.log10(line)), color=colour, linewidth=1,
              linestyle="--" if family == "all" else "-", label="all models" if family == "all" else None)


def draw_paper_scaling(axes: Axes, reference: Reference) -> None:
    cost = reference.rows(metric="gflops").set_index("model")["value"]
    error = reference.rows(metric="error").set_index("model")["value"]
    axes.set_title("paper, Fig 9")
    if cost.empty:
        return
    axes.plot(cost, error[cost.index], "s", color=GREY, label=PAPER_LABEL)
    slope, intercept = (reference.value(method="fit", metric=m) for m in ("slope", "intercept"))
    line = np.geomspace(cost.min(), cost.max(), 20)
    axes.plot(line, 100 * 10 ** (intercept + slope * np.log10(line)), color=GREY, linewidth=1)
    for model in cost.index:
        axes.annotate(model, (cost[model], error[model]), xytext=(6, 5), textcoords="offset points", fontsize=8)
    plain_log(axes, cost)
    axes.set_xlim(right=float(cost.max()) * 2.6)
    axes.set_yscale("log")
    percent_ticks(axes, "y", error.min(), error.max())
    axes.set(xlabel="GFLOPs per image", ylabel="mean zero-shot error, %")


def prompt_engineering(file: ResultFile, run: Run, reference: Reference) -> Figure | None:
    """Fig 4: mean score with the bare class name, one template and the ensemble."""
    records, families = pick(file.records, **at(MEAN), method="zero-shot", metric="top1"), families_of(run)
    models = [m for m in models_of(file.records) if m in set(records["model"])]
    if not models:
        return None
    figure, (ours, paper) = panels(2)
    for (prompts, title), colour, shift in zip(PROMPTS.items(), (COLOURS[3], COLOURS[4], COLOURS[0]), (-0.08, 0, 0.08), strict=True):
        rows = pick(records, prompts=prompts).drop_duplicates("model").set_index("model").reindex(models)
        x, label = np.arange(len(models)) + shift, title
        markers = [marker_of(families.get(m)) for m in models]
        for marker in dict.fromkeys(markers):  # a line a family
            part = np.array([m == marker for m in markers])
            ours.errorbar(x[part], 100 * rows["value"][part], yerr=bars_of(rows[part]), fmt=f"{marker}-", capsize=2,
                          color=colour, label=label, linewidth=1.2)
            label = None
    for (floor, method), style in zip(FLOORS, (":", "--"), strict=True):
        row = floor_row(file.records, run, floor, method, MEAN, "top1")
        if row is not None:
            ours.axhline(100 * row["value"], color=INK, linestyle=style, linewidth=1.2, label=floor.replace("-", " "))
    ours.set_xticks(range(len(models)), models, rotation=30 if len(models) > 5 else 0)
    ours.set(title="this run", ylabel="mean top-1, %", ylim=(0, 1.08 * ours.get_ylim()[1]))
    figure.legend(*ours.get_legend_handles_labels(), loc="outside lower left", ncols=5)
    draw_paper_prompts(paper, reference)
    return figure


def draw_paper_prompts(axes: Axes, reference: Reference) -> None:
    cost = reference.rows(metric="gflops").set_index("model")["value"]
    axes.set_title("paper, Fig 4")
    for prompts, style, title in (("name-only", "o--", "name only"), ("ensemble", "o-", "ensemble")):
        score = reference.rows(metric="score", prompts=prompts).set_index("model")["value"]
        if len(score):
            axes.plot(cost[score.index], score, style, color=GREY, label=title)
            if prompts == "ensemble":
                for model in score.index:
                    axes.annotate(model, (cost[model], score[model]), xytext=(-4, 6), textcoords="offset points",
                                  fontsize=8, ha="right")
    if len(cost):
        plain_log(axes, cost)
        axes.set_xlim(left=float(cost.min()) / 2.2)
        axes.set(xlabel="GFLOPs per image", ylabel="mean score over 36 data sets, %")
        axes.legend(loc="lower right")


def zero_shot_bars(file: ResultFile, run: Run, reference: Reference) -> Figure | None:
    """Fig 5: zero-shot minus a fully supervised probe, a bar a data set."""
    model = best_model(file)
    if model is None:
        return None
    zero = scores(file, model, "zero-shot")
    gaps = {"probe on its own features": 100 * (zero - scores(file, model, "linear-probe")).dropna(),
            "probe on raw pixels": 100 * (zero - scores(file, "raw-pixels", "linear-probe")).dropna()}
    if all(gap.empty for gap in gaps.values()):
        return None
    order = list(gaps["probe on raw pixels"].sort_values().index) or list(gaps["probe on its own features"].index)
    printed = reference.rows(metric="delta", origin="printed").sort_values("value")
    figure, (ours, paper) = panels(2, height=max(3.4, 0.165 * len(printed) + 0.9, 0.36 * len(order) + 1))
    for (title, gap), colour, shift in zip(gaps.items(), (COLOURS[0], COLOURS[4]), (-0.19, 0.19), strict=True):
        if len(gap):
            ours.barh([order.index(d) + shift for d in gap.index if d in order], [gap[d] for d in gap.index if d in order],
                      height=0.36, color=colour, label=title)
    ours.set_yticks(range(len(order)), order)
    ours.set(title=f"this run: zero-shot {model} minus", xlabel="points of top-1")
    figure.legend(*ours.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    paper.barh(printed["dataset"], printed["value"], color=GREY, height=0.7)
    paper.tick_params(axis="y", labelsize=7.5)
    paper.set(title="paper, Fig 5: zero-shot CLIP minus\nprobe on ResNet-50", xlabel="points")
    for axes in (ours, paper):
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.grid(axis="y", visible=False)
    return figure


def zero_shot_scatter(file: ResultFile, run: Run, reference: Reference) -> Figure | None:
    """Fig 8: zero-shot over probe score, a point a data set, the paper's 27 in grey."""
    models, families = models_of(pick(file.records, method="zero-shot")), families_of(run)
    figure, (axes, side) = panels(2, height=4.4)
    old = pd.concat({t: reference.rows(paper_ref=t, model=BEST).query("dataset != ''").set_index("dataset")["value"]
                     for t in ("Table 10", "Table 11")}, axis=1)
    ours = {m: pd.concat([scores(file, m, "linear-probe"), scores(file, m, "zero-shot")], axis=1, join="inner",
                         keys=["probe", "zero_shot"]) * 100
            for m in models}
    if not any(len(p) for p in ours.values()):
        plt.close(figure)
        return None
    for panel in (axes, side):
        panel.plot([0, 100], [0, 100], color=INK, linestyle=":", linewidth=1, label="zero-shot = probe")
        panel.plot(old["Table 10"], old["Table 11"], "D", color=GREY, markersize=3.5, alpha=0.7, label=f"{BEST} (paper)")
    for model, colour in colour_of(models).items():
        if len(ours[model]):
            axes.plot(ours[model].iloc[:, 0], ours[model].iloc[:, 1], marker_of(families.get(model)), color=colour, markersize=5, label=model)
    best = best_model(file)
    draw_line(axes, file.records, best)
    label_points(side, ours[best], colour_of(models)[best], marker_of(families.get(best)), best)
    draw_line(side, file.records, best)
    axes.set_title("all models of this run")
    side.set_title(f"{best}, data sets named")
    for panel in (axes, side):
        panel.set(xlabel="linear probe top-1, %", ylabel="zero-shot top-1, %", xlim=(0, 102), ylim=(0, 102))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def label_points(axes: Axes, frame: pd.DataFrame, colour: str, marker: str, label: str) -> None:
    """Points with names; a name that would fall on another is moved up and joined to its point by a thin line."""
    axes.plot(frame.iloc[:, 0], frame.iloc[:, 1], marker, color=colour, markersize=6, label=label)
    taken: list[tuple[float, float]] = []
    frame = frame.sort_values("zero_shot")
    for name, (x, y) in zip(frame.index, frame.to_numpy(), strict=True):
        height = y
        while any(abs(height - other) < 4.2 for _, other in taken):
            height += 0.6
        taken.append((x, height))
        left = x > 50  # the paper's points lie to the right
        axes.annotate(name, (x, y), xytext=(x - 5 if left else x + 5, height), fontsize=8, va="center",
                      ha="right" if left else "left", arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6,
                                                                  "shrinkA": 1, "shrinkB": 3})


def draw_line(axes: Axes, records: pd.DataFrame, model: str | None) -> None:
    """The fit that the study wrote, on axes in percent."""
    slope, intercept, r = (value_of(records, method="fit", model=model, metric=m)
                           for m in ("slope", "intercept", "r"))
    if slope is not None and intercept is not None:
        x = np.array([0.0, 100.0])
        axes.plot(x, 100 * intercept + slope * x, color=INK, linewidth=1, label=None if r is None else f"fit, r = {r:.2f}")


def training(run: Run, _: Reference | None = None) -> Figure | None:
    """Loss (thin: each batch, thick: held-out pairs) and logit scale of every model; and what was watched, where any was."""
    logs = {name: f.array("curve") for name, f in run.training().items() if "curve" in f.array_columns}
    logs = {name: curve for name, curve in logs.items() if len(curve)}
    if not logs:
        return None
    watched = {name: f.array("watched") for name, f in run.training().items() if name in logs and "watched" in f.array_columns}
    figure, axes = panels(3, 12.5, 4.2) if watched else panels(2)
    loss, scale = axes[:2]
    for name, colour in colour_of(list(logs)).items():
        curve = logs[name]
        if name in watched:
            batch = float(curve["pairs"].iloc[-1] / curve["step"].iloc[-1])
            for marker, column in zip(itertools.cycle("osD^v<>"), watched[name].columns[1:], strict=False):
                axes[2].plot(batch * watched[name]["step"], 100 * watched[name][column], color=colour, marker=marker, markersize=4, label=f"{name}: {column}")
        for column, width, alpha in (("loss", 0.8, 0.45), ("val_loss", 2.0, 1.0)):
            part = curve.dropna(subset=[column])
            loss.plot(part["pairs"], part[column], color=colour, linewidth=width, alpha=alpha,
                      marker="o" if column == "val_loss" else None, markersize=3, label=name if column == "val_loss" else None)
        part = curve.dropna(subset=["logit_scale"])
        scale.plot(part["pairs"], part["logit_scale"], color=colour, label=name)
    loss.set(title="loss: batches thin, held-out pairs thick", xlabel="pairs seen", ylabel="contrastive loss")
    scale.set(title="logit scale", xlabel="pairs seen", ylabel="logit scale")
    for panel in axes:
        panel.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
        panel.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter(sep=""))
    loss.legend(loc="upper right", ncols=2)
    if watched:
        axes[2].set(title="watched while it was trained", xlabel="pairs seen", ylabel="%", ylim=(0, None))
        one_legend(figure, axes[2:], ncols=2, fontsize=7)
    return figure
