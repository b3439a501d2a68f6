"""Tables and figure of prompt engineering beyond Figure 4: ensembles of fewer templates, and names before they were chosen."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from figures import COLOURS, GREY, panels
from params import column, pick
from reference import Reference
from results import ResultFile, Run
from study_tables import MEAN, PROMPTS, at, datasets_of, first, models_of, prompt_engineering, shown, shown_points
from tables import DASH, Cell, Table, number
from wording import intervals

ALL = "ensemble"
BY_TEXT = {prompts: PROMPTS[prompts] for prompts in ("name-only", "one-template")}


def sizes_of(records: pd.DataFrame) -> pd.DataFrame:
    """Means over ensembles of so many templates drawn at random, with a column `size`."""
    rows = pick(records, method="zero-shot", metric="top1")
    rows = rows[column(rows, "templates") != ""]
    return rows.assign(size=column(rows, "templates").astype(int))


def prompt_tables(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    return prompt_engineering(file, run, reference) + [t for t in (sizes_table(file.records), names_table(file.records)) if t.rows]


def sizes_table(records: pd.DataFrame) -> Table:
    """A row a model and data set; columns for each size that any has, all templates, and what was chosen from them."""
    rows, chosen = sizes_of(records), pick(records, method="zero-shot", metric="top1")
    subsets = [s for s in pd.unique(column(chosen, "subset")) if s]
    sizes = sorted(set(rows["size"]))
    table = Table("prompt_engineering_templates", "Top-1 % by the number of templates, drawn at random",
                  ["model", "data set", *map(str, sizes), "all", *(f"chosen {s}" for s in subsets)], text_columns=2,
                  caption=f"Means over the draws, 1: over every template alone; draws differ little where most templates are in each. {intervals(rows)}"
                          + (" Last: choices by forward selection, here or by the prompts' authors." if subsets else ""))
    for model, data in rows[["model", "dataset"]].drop_duplicates().itertuples(index=False):
        where = {"model": model, "dataset": data}
        cells = [shown(first(rows, size=s, **where)) for s in sizes]
        cells += [shown(first(chosen, prompts=ALL, **where)), *(shown(first(chosen, subset=s, **where)) for s in subsets)]
        table.add([model, data, *cells], "ours")
    return table


def names_table(records: pd.DataFrame) -> Table:
    """A row a model, data set and prompt: the set's own labels against the names that were chosen for them."""
    zero = pick(records, method="zero-shot")
    any_shared = len(pick(zero, metric="top1_shared_label")) > 0
    table = Table("prompt_engineering_names", "Top-1 % with the data set's own labels and with chosen names",
                  ["model", "data set", "prompt", "own labels", "chosen names", "difference",
                   *(["pictures of shared labels", "own labels there", "chosen names there"] if any_shared else [])],
                  text_columns=3,
                  caption=intervals(pick(zero, metric="gain_over_own_names")) + (
                      " A shared label is one that two classes or more have (ImageNet's crane, bird and machine): by it no classifier tells them apart." if any_shared else ""))
    for model, data in pick(zero, metric="gain_over_own_names")[["model", "dataset"]].drop_duplicates().itertuples(index=False):
        part = pick(zero, model=model, dataset=data)
        for prompts, label in BY_TEXT.items():
            chosen, own = ({"prompts": prompts, "names": names} for names in ("", "own"))
            shared = first(part, metric="top1_shared_label", **chosen)
            count = DASH if shared is None else Cell(number(shared["n"], 0), shared.get("source", ""))
            there = [count, shown(first(part, metric="top1_shared_label", **own)), shown(shared)] if any_shared else []
            table.add([model, data, label, shown(first(part, metric="top1", **own)), shown(first(part, metric="top1", **chosen)),
                       shown_points(first(part, metric="gain_over_own_names", **chosen)), *there], "ours")
    return table


def sizes_figure(file: ResultFile, run: Run, _: Reference) -> Figure | None:
    """What an ensemble gains over one of its templates, by its size; the best model, a line a data set."""
    rows = sizes_of(file.records)
    models = [m for m in models_of(file.records) if m in set(rows["model"])]
    if not models:
        return None
    means = pick(file.records, **at(MEAN), method="zero-shot", metric="top1", prompts=ALL).drop_duplicates("model").set_index("model")["value"]
    best = max(models, key=lambda m: float(means.get(m, 0.0)))
    figure, (axes,) = panels(1, 7.4, 4.4)
    most = 1
    for data, (marker, colour) in zip(datasets_of(pick(rows, model=best)), itertools.product("osD^v", COLOURS), strict=False):
        part = pick(rows, model=best, dataset=data).sort_values("size")
        whole = first(file.records, model=best, dataset=data, metric="top1", prompts=ALL)
        alone = 100 * float(part["value"].iloc[0])
        spread = 100 * (part["ci_high"] - part["value"]).where(part["size"] > 1, 0.0)  # of one: what the lines are held against
        axes.errorbar(part["size"], 100 * part["value"] - alone, yerr=spread, fmt=f"{marker}-", color=colour, capsize=2, markersize=4, label=data)
        if whole is not None:
            most = max(most, count := int((file.array(file.arrays(kind="templates", dataset=data, model=best)[0])["templates"] == 1).sum()))
            axes.plot([part["size"].max(), count], [100 * part["value"].iloc[-1] - alone, 100 * whole["value"] - alone], f"{marker}:", color=colour, markersize=8, linewidth=1,
                      markevery=[1])
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_xscale("log", base=2)
    ticks = 2.0 ** np.arange(0, np.floor(np.log2(most)) + 1)
    axes.set_xticks(ticks, [f"{t:.0f}" for t in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(title=best, xlabel="templates in the ensemble; the large marker at a line's end: all", ylabel="top-1, points over one template")
    axes.legend(loc="best", fontsize=7.5, ncols=2)
    return figure
