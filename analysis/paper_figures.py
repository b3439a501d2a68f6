"""Figures 10 to 12, 20 and 22 from Tables 10 and 11, with ours where a run has them on the paper's data sets; the list of all the
figures that no study draws by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures import COLOURS, GREY, INK, bars_of, colour_of, one_legend, panels, plain_log
from pool import NOT_MODELS, Pool
from params import column
from published import FOLDER, PAPER_MODELS, published_records, table9
from reference import BEST, plain
from shift_figures import SHIFT_FIGURES
from study_tables import are_baselines

SHORT = {"top1": "", "mean_per_class": "mean per class", "map11": "11-point mAP", "roc_auc": "ROC AUC", "mean_top1_top5": "mean of top-1, top-5"}
NOISY_STUDENT = "NS EfficientNet-L2-800"
CLIP = {plain(m) for m in PAPER_MODELS}
FAMILIES = {"CLIP-ViT": ("CLIP-ViT", INK, "*"), "CLIP-RN": ("CLIP-ResNet", INK, "s"),
            "EfficientNet-NoisyStudent": ("EfficientNet, Noisy Student", COLOURS[4], "^"), "EfficientNet": ("EfficientNet", COLOURS[2], "^"),
            "Instagram-ResNeXt": ("Instagram ResNeXt", COLOURS[3], "D"), "ResNet": ("ResNet", COLOURS[7], "s")}


def probes(root: Path, records: pd.DataFrame, method: str = "linear-probe") -> pd.DataFrame:
    """Scores of probes (or of another method) in percent by the paper's metric: a row a model, a column a data set of Table 9."""
    names = {plain(d): (d, m) for d, m in zip(table9(root)["dataset"], table9(root)["metric"], strict=True)}
    rows = records[records["method"].eq(method) & records["study"].isin(["zero_shot_vs_probe", "representation"])]
    right = [names.get(plain(d), ("", ""))[1] == m for d, m in zip(rows["dataset"], rows["metric"], strict=True)]
    rows = rows[pd.Series(right, rows.index, dtype=bool)].assign(dataset=lambda r: [names[plain(d)][0] for d in r["dataset"]])
    return 100 * rows.pivot_table(index="model", columns="dataset", values="value", aggfunc="last", sort=False)


def ours_of(root: Path, pool: Pool, method: str = "linear-probe") -> pd.DataFrame:
    clean = pool.clean.dropna(subset=["value"])
    clean = clean[~clean["method"].isin(NOT_MODELS) & ~are_baselines(clean)] if len(clean) else clean
    return probes(root, clean, method) if len(clean) else pd.DataFrame()


def figure_10(root: Path, pool: Pool) -> Figure | None:
    """Mean probe score over multiply-adds, a line a family: Kornblith's 12, all of Table 9, and what the runs hold."""
    paper, ours, cost = probes(root, published_records(root)), ours_of(root, pool), gflops(root)
    family = families(root)
    if family.empty or paper.empty:
        return None
    mine, here = cost_here(pool), other_means(pool)
    figure, axes = panels(3 if len(here) else 2, width=9.4 if len(here) else 8.6, height=4.4)
    twelve = table9(root).query("kornblith12 == 1")["dataset"]
    for panel, names in zip(axes, (twelve, table9(root)["dataset"]), strict=False):
        mean = paper[list(names)].mean(axis=1)
        unknown = mean[[m not in cost.index for m in mean.index]]
        for i, value in enumerate(unknown):
            panel.axhline(value, xmin=0.96, color=GREY, linewidth=0.9, label=None if i else "models of Table 10 whose cost is not known here")
        draw_families(panel, mean, cost, family, tuple(FAMILIES))
        if set(names) <= set(ours):
            own = ours[list(names)].dropna().mean(axis=1)
            own = own[[m in mine for m in own.index]]
            if len(own):
                panel.plot([mine[m] for m in own.index], own, "P", color=COLOURS[0], markersize=7, label="here")
        plain_log(panel, pd.Series([0.3, 300.0]))
        panel.set(title=f"Fig 10: mean over {len(names)} data sets", xlabel="GFLOPs an image", ylabel="mean probe score, %")
    if len(here):
        draw_here(axes[2], here, mine)
    one_legend(figure, axes[:2], ncols=3, fontsize=7.5)
    return figure


def draw_families(axes: Axes, values: pd.Series, cost: pd.Series, family: pd.Series, names: tuple[str, ...], style: str = "-", after: str = "") -> None:
    """A line a family over the models whose cost is known."""
    for name in names:
        label, colour, marker = FAMILIES[name]
        line = values[[m for m in family.index[family == name] if m in cost.index and m in values.index]]
        if len(line):
            axes.plot(cost[line.index], line, f"{marker}{style}", color=colour, markersize=7 if marker == "*" else 4, linewidth=1, label=label + after)


def draw_here(axes: Axes, here: pd.DataFrame, mine: dict[str, float]) -> None:
    """Means of a run over the data sets that it has, which are not the paper's."""
    for model, colour in colour_of(list(here["model"])).items():
        row = here[here["model"] == model]
        axes.errorbar(mine[model], 100 * row["value"], yerr=bars_of(row), fmt="P", color=colour, markersize=7, capsize=2, label=model)
    plain_log(axes, here["model"].map(mine))
    axes.legend(loc="best", fontsize=7.5)
    axes.set(title=f"here: mean over {column(here, 'suite').iloc[0]}", xlabel="GFLOPs an image", ylabel="mean probe score, %")


def gflops(root: Path) -> pd.Series:
    """Multiply-adds of one picture by model, of those whose cost is known."""
    path = root / FOLDER / "gflops.csv"
    return pd.read_csv(path).set_index("model")["gflops"] if path.exists() else pd.Series(dtype=float)


def families(root: Path) -> pd.Series:
    path = root / FOLDER / "table10.csv"
    return pd.read_csv(path).set_index("model")["family"] if path.exists() else pd.Series(dtype=str)


def cost_here(pool: Pool) -> dict[str, float]:
    rows = pool.clean
    rows = rows[rows["method"].eq("cost") & rows["metric"].eq("gflops")]
    return dict(zip(rows["model"], rows["value"], strict=True))


def other_means(pool: Pool) -> pd.DataFrame:
    """The newest representation's means over data sets that are neither the 12 nor the 27."""
    rows = pool.clean
    rows = rows[rows["study"].eq("representation") & rows["metric"].eq("mean") & ~column(rows, "suite").isin(["12 data sets", "27 data sets"])]
    rows = rows[rows["model"].isin(list(cost_here(pool)))]
    return rows[rows["file"].eq(rows["file"].iloc[-1])] if len(rows) else rows


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


def by_data_set(root: Path, parts: list[tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...], str, str, str]], pool: Pool) -> Figure | None:
    """A panel a data set of Table 9. Parts: scores of the paper's models and of ours, families, line style, what follows the label, our marker."""
    family, cost = families(root), gflops(root)
    if family.empty or any(paper.empty for paper, *_ in parts):
        return None
    ours_cost = cost.to_dict() | cost_here(pool)
    figure, grid = plt.subplots(5, 6, figsize=(9.6, 9))
    figure.subplots_adjust(left=0.065, right=0.995, bottom=0.065, top=0.965, hspace=0.5, wspace=0.28)
    for axes, (dataset, metric) in zip(grid.flat, table9(root)[["dataset", "metric"]].itertuples(index=False, name=None), strict=False):
        costs = [0.3, 300.0]
        for paper, ours, names, style, after, marker in parts:
            draw_families(axes, paper[dataset].dropna(), cost, family, names, style, after)
            own = ours[dataset].dropna() if dataset in ours else pd.Series(dtype=float)
            own = own[[m in ours_cost for m in own.index]]
            if len(own):
                costs += [ours_cost[m] / 2 for m in own.index]
                axes.plot([ours_cost[m] for m in own.index], own, marker, color=COLOURS[0], markersize=6, linestyle="none", label=f"here{after}")
        plain_log(axes, pd.Series(costs))
        axes.tick_params(labelsize=6.5, pad=1.5)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.set_title("\n".join(filter(None, (dataset, SHORT.get(metric, metric)))), fontsize=7.5)
    rest = list(grid.flat)[len(table9(root)):]
    for axes in rest:
        axes.set_axis_off()
    handles = {label: handle for axes in grid.flat for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    rest[0].legend(handles.values(), handles.keys(), loc="center left", fontsize=8)
    figure.supxlabel("GFLOPs an image", fontsize=9)
    figure.supylabel("score, %", fontsize=9)
    return figure


def figure_20(root: Path, pool: Pool) -> Figure | None:
    """Figure 10 for each data set by itself."""
    return by_data_set(root, [(probes(root, published_records(root)), ours_of(root, pool), tuple(FAMILIES), "-", "", "P")], pool)


def figure_22(root: Path, pool: Pool) -> Figure | None:
    """Zero-shot CLIP next to the probes of ResNets trained on ImageNet."""
    records = published_records(root)
    zero = (probes(root, records, "zero-shot"), ours_of(root, pool, "zero-shot"), ("CLIP-ViT", "CLIP-RN"), "-", ", zero-shot", "P")
    return by_data_set(root, [zero, (probes(root, records), pd.DataFrame(), ("ResNet",), "--", ", probe", "")], pool)


FIGURES: tuple[tuple[str, str, Callable[[Path, Pool], Figure | None]], ...] = (
    ("paper_fig10", "Figure 10: mean score of the linear probe over multiply-adds of one picture, a line a family. Scores: Table 10; costs, which the paper "
                    "draws but does not print: counted, see paper/published/gflops.csv; models of unknown cost are marked at the right edge. "
                    "Models measured here stand in it when all the data sets are scored, others in a panel of their own.", figure_10),
    ("paper_fig11", "Figure 11: what the probe on the best CLIP has over the best other model's, by data set (Table 10).", figure_11),
    ("paper_fig12", "Figure 12: mean probe score of the other data sets over ImageNet's, a point a model of Table 10. Models measured here "
                    "stand in it when all the data sets are scored.", figure_12),
    *SHIFT_FIGURES,
    ("paper_fig20", "Figure 20: the linear probes of Table 10 by data set, over multiply-adds of one picture; models of unknown cost are left out. Models measured "
                    "here stand in the panels of the data sets that are scored by the paper's metric.", figure_20),
    ("paper_fig22", "Figure 22: zero-shot CLIP (Table 11) next to linear probes of ResNets trained on ImageNet (Table 10), by data set.", figure_22),
)
