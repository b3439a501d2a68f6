"""Figures 11 and 12 from the probes of Table 10, with ours where a run has them on the paper's data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from figures import COLOURS, GREY, INK, panels
from pool import NOT_MODELS, Pool
from published import PAPER_MODELS, published_records, table9
from reference import BEST, plain
from study_tables import is_baseline
from verdicts import key

NOISY_STUDENT = "NS EfficientNet-L2-800"
CLIP = {plain(m) for m in PAPER_MODELS}


def probes(root: Path, records: pd.DataFrame) -> pd.DataFrame:
    """Probe scores in percent by the paper's metric: a row a model, a column a data set of Table 9."""
    names = {key(d): (d, m) for d, m in zip(table9(root)["dataset"], table9(root)["metric"], strict=True)}
    rows = records[records["method"].eq("linear-probe") & records["study"].isin(["zero_shot_vs_probe", "representation"])]
    right = [names.get(key(d), ("", ""))[1] == m for d, m in zip(rows["dataset"], rows["metric"], strict=True)]
    rows = rows[pd.Series(right, rows.index, dtype=bool)].assign(dataset=lambda r: [names[key(d)][0] for d in r["dataset"]])
    return 100 * rows.pivot_table(index="model", columns="dataset", values="value", aggfunc="last", sort=False)


def ours_of(root: Path, pool: Pool) -> pd.DataFrame:
    clean = pool.clean.dropna(subset=["value"])
    clean = clean[~clean["method"].isin(NOT_MODELS) & ~clean["model"].map(is_baseline)] if len(clean) else clean
    return probes(root, clean) if len(clean) else pd.DataFrame()


def figure_11(root: Path, pool: Pool) -> Figure | None:
    """A bar a data set: probe on the best CLIP minus probe on Noisy Student EfficientNet-L2."""
    paper, ours = probes(root, published_records(root)), ours_of(root, pool)
    if not {BEST, NOISY_STUDENT} <= set(paper.index):
        return None
    gap = (paper.loc[BEST] - paper.loc[NOISY_STUDENT]).dropna().sort_values()
    figure, (axes,) = panels(1, height=5.2)
    axes.barh(gap.index, gap, color=GREY, height=0.7, label="paper")
    mine = [m for m in ours.index if plain(m) == plain(BEST)]
    if mine:
        own = (ours.loc[mine[0]] - paper.loc[NOISY_STUDENT]).dropna()
        own = own[own.index.isin(gap.index)]
        axes.plot(own, [list(gap.index).index(d) for d in own.index], "o", color=COLOURS[0], label="measured here, minus the paper's")
        axes.legend(loc="lower right")
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(axis="y", visible=False)
    axes.set(title=f"paper, Fig 11: probe on {BEST} minus probe on {NOISY_STUDENT}", xlabel="points")
    return figure


def figure_12(root: Path, pool: Pool) -> Figure | None:
    """Mean probe score of the other data sets over ImageNet's, a point a model: Kornblith's 12 and all of Table 9."""
    paper, ours = probes(root, published_records(root)), ours_of(root, pool)
    if "ImageNet" not in paper:
        return None
    figure, axes = panels(2)
    twelve = table9(root).query("kornblith12 == 1")["dataset"]
    for panel, names, title in ((axes[0], twelve, "12 data sets"), (axes[1], table9(root)["dataset"], "27 data sets")):
        names = [n for n in names if n != "ImageNet"]
        for frame, clip, colour, label in ((paper, False, GREY, "others (paper)"), (paper, True, INK, "CLIP (paper)"), (ours, None, COLOURS[0], "here")):
            if not {*names, "ImageNet"} <= set(frame):
                continue
            part = frame if clip is None else frame[[(plain(m) in CLIP) == clip for m in frame.index]]
            part = part[[*names, "ImageNet"]].dropna()
            if len(part):
                panel.plot(part["ImageNet"], part[names].mean(axis=1), "*" if clip is None else "D" if clip else "o", color=colour,
                           markersize=8 if clip is None else 4, label=label)
        panel.set(title=f"Fig 12: {title}", xlabel="probe on ImageNet, %", ylabel="mean of the others, %")
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


FIGURES: tuple[tuple[str, str, Callable[[Path, Pool], Figure | None]], ...] = (
    ("paper_fig11", "Figure 11: what the probe on the best CLIP has over the best other model's, by data set (Table 10).", figure_11),
    ("paper_fig12", "Figure 12: mean probe score of the other data sets over ImageNet's, a point a model of Table 10. Models measured here "
                    "stand in it when all the data sets are scored.", figure_12),
)
