"""Figures 16 to 18: which classes are hard for people and for CLIP; what test pictures seen in training add to the score; which
labels a model gives men and women most unequally."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import COLOURS, GREY, INK, bars_of, colour_of, one_legend, panels
from params import column, pick
from reference import Reference
from results import ResultFile, Run
from study_tables import of_data_sets

SHOTS = {"zero-shot": "o-", "one-shot": "s--", "two-shot": "^:"}
PEOPLE = "human"
CERTAIN = ((0.001, "D", "p < 0.001"), (0.05, "s", "p < 0.05"), (1.01, "o", "p ≥ 0.05"), (2.1, "P", "none seen"))


def by_class(file: ResultFile) -> dict[str, dict[str, pd.DataFrame]]:
    """Data set -> model or people -> share of right answers, a row a class and a column a number of shots; only what was asked."""
    found: dict[str, dict[str, pd.DataFrame]] = {}
    for name in file.arrays(kind="classes"):
        dataset, who = file.array_params[name]["dataset"], file.array_params[name]["model"]
        shares = file.array(name)
        found.setdefault(dataset, {})[who] = shares.loc[:, shares.any() | (who != PEOPLE)]
    return found


def hard_classes(file: ResultFile, _: Run, reference: Reference) -> Figure | None:
    """Fig 16: accuracy by class, from the class that is hardest for people on; without people for the first model's zero-shot."""
    sets = by_class(file)
    if not sets:
        return None
    columns = min(len(sets), 2)
    rows = -(-len(sets) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(8.6, 3.5 * rows), layout="constrained", squeeze=False)
    for axes in list(grid.flat)[len(sets):]:
        axes.set_visible(False)
    colours = colour_of(list(dict.fromkeys(who for people in sets.values() for who in people if who != PEOPLE)))
    for axes, (dataset, scores) in zip(grid.flat, sets.items(), strict=False):
        draw_classes(axes, dataset, scores, colours)
    one_legend(figure, grid.flat, ncols=4)
    return figure


def draw_classes(axes: Axes, dataset: str, scores: dict[str, pd.DataFrame], colours: dict[str, str]) -> None:
    first = PEOPLE if PEOPLE in scores else next(iter(scores))
    by = scores[first].columns[0]
    order = np.argsort(scores[first][by].to_numpy(), kind="stable")
    for who, shares in scores.items():
        for shots in (s for s in SHOTS if s in shares):
            axes.plot(np.arange(1, len(order) + 1), 100 * shares[shots].to_numpy()[order], SHOTS[shots], markersize=3.5, linewidth=1.1,
                      color=INK if who == PEOPLE else colours[who], alpha=1 if shots == by else 0.6, label=f"{'people' if who == PEOPLE else who}, {shots}")
    axes.set(title=dataset, xlabel=f"classes, hardest first for {'people' if first == PEOPLE else first}, {by}", ylabel="accuracy, %", ylim=(-3, 103))


def overlap(file: ResultFile, _: Run, reference: Reference) -> Figure | None:
    """Fig 17: left, accuracy on pictures seen less on the others; right, what that adds to the whole set's."""
    records = of_data_sets(file.records)
    share = pick(records, method="overlap", metric="share").set_index("dataset")["value"]
    gain, difference, chance = (pick(records, method="overlap", metric=m) for m in ("gain", "difference", "p_value"))
    gain, difference = (rows[rows["dataset"].isin(share.index)] for rows in (gain, difference))
    if gain.empty:
        return None
    figure, (left, right) = panels(2, height=4)
    draw_overlap(left, difference, share, chance)
    if difference.empty:
        left.set(xticks=[], yticks=[])
        left.annotate("no test picture was seen in training:\nnothing to compare", (0.5, 0.6), xycoords="axes fraction", ha="center", color=GREY)
    paper = reference.rows(paper_ref="Fig 17").pivot_table(index="dataset", columns="metric", values="value", sort=False)
    if len(paper):
        right.plot(paper["share"], paper["gain"], "o", color=GREY, markersize=4, label="RN50x64 (paper, 7 of 35 sets read off)")
        for name, x, y in zip(paper.index, paper["share"], paper["gain"], strict=True):
            near = any(0 < a - x < 2 and abs(b - y) < 0.06 for a, b in zip(paper["share"], paper["gain"], strict=True))
            right.annotate(name, (x, y), xytext=(-5 if near else 5, 2), textcoords="offset points", fontsize=7.5, color=GREY, ha="right" if near else "left")
    draw_overlap(right, gain, share, chance)
    left.margins(x=0.16)
    left.set(title="Fig 17, left: here", xlabel="test pictures seen in training, %", ylabel="seen minus others, points")
    right.set(title="Fig 17, right", xlabel="test pictures seen in training, %", ylabel="all minus others, points")
    right.margins(x=0.16)
    one_legend(figure, (left, right), ncols=4)
    return figure


def draw_overlap(axes: Axes, rows: pd.DataFrame, share: pd.Series, chance: pd.DataFrame) -> None:
    """A point a data set and model, its marker says how surely pictures that were seen score higher."""
    p = chance.set_index(["dataset", "model"])["value"]
    p = np.array([p.get((d, m), 2.0) for d, m in zip(rows["dataset"], rows["model"], strict=True)])
    colours, low = colour_of(list(pd.unique(rows["model"]))), -1.0
    axes.axhline(0, color=INK, linewidth=0.8)
    for below, marker, title in CERTAIN:
        for model, colour in colours.items():
            part = rows[(p >= low) & (p < below) & rows["model"].eq(model).to_numpy()]
            if len(part):
                axes.errorbar(100 * share[part["dataset"]].to_numpy(), 100 * part["value"], yerr=bars_of(part), fmt=marker, color=colour, capsize=2,
                              markersize=5, linestyle="none", label=f"{model}, {title}")
        low = below
    for name, value in rows[p < 2].groupby("dataset")["value"].max().items():
        axes.annotate(name, (100 * share[name], 100 * value), xytext=(5, 3), textcoords="offset points", fontsize=7.5)


def gendered_labels(file: ResultFile, _: Run, reference: Reference) -> Figure | None:
    """Fig 18: for each gender the labels that it gets more often, by how often; of the first model that was asked, at each threshold."""
    tests = pick(file.records, metric="p_value", method="zero-shot")
    if tests.empty:
        return None
    chosen = tests[tests["dataset"].eq(tests["dataset"].iloc[0]) & tests["model"].eq(tests["model"].iloc[0])]
    chosen = chosen.assign(label=column(chosen, "label"), threshold=column(chosen, "threshold"))
    thresholds = list(pd.unique(chosen["threshold"]))
    most = max(chosen["threshold"].value_counts())
    figure, grid = plt.subplots(len(thresholds), 2, figsize=(8.6, len(thresholds) * (0.9 + 0.2 * most)), layout="constrained", squeeze=False)
    for axes, at in zip(grid, thresholds, strict=True):
        draw_labels(tuple(axes), file.records, chosen[chosen["threshold"] == at], at)
    one_legend(figure, grid.flat, ncols=2)
    return figure


def draw_labels(axes: tuple[Axes, Axes], records: pd.DataFrame, tests: pd.DataFrame, threshold: str) -> None:
    """Left those that women get more often, right men's; two bars a label."""
    dataset, model = tests["dataset"].iloc[0], tests["model"].iloc[0]
    rates, longest = {}, 0
    for gender in ("female", "male"):
        rows = pick(records, dataset=dataset, group=gender, model=model, metric="label_rate", threshold=threshold)
        rates[gender] = 100 * rows.assign(label=column(rows, "label")).groupby("label")["value"].last()
    for panel, gender, whom in zip(axes, ("female", "male"), ("women", "men"), strict=True):
        other = "male" if gender == "female" else "female"
        part = tests[[rates[gender][v] > rates[other][v] for v in tests["label"]]]
        part = part.assign(rate=[rates[gender][v] for v in part["label"]]).sort_values("rate", kind="stable")
        for name, title, colour, shift in (("female", "women", COLOURS[3], 0.19), ("male", "men", COLOURS[0], -0.19)):
            panel.barh(np.arange(len(part)) + shift, [rates[name][v] for v in part["label"]], height=0.36, color=colour, label=title)
        panel.set_yticks(range(len(part)), part["label"])
        longest = max(longest, len(part))
        panel.tick_params(axis="y", labelsize=7.5)
        panel.grid(axis="y", visible=False)
        panel.set(title=f"labels of {whom}, threshold {100 * float(threshold):g} %", xlabel="pictures with the label, %")
    for panel in axes:
        panel.set_ylim(-0.6, longest - 0.4)
