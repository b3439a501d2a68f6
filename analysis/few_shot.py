"""Tables and figures of the few-shot study (Figs 6 and 7): scores over shots, and examples a class that match zero-shot."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from figures import GREY, INK, colour_of, panels
from params import column, pick
from reference import Reference, plain
from results import ResultFile, Run
from study_tables import datasets_of, first, models_of, of_data_sets, shown
from tables import DASH, Table, number, published
from wording import BOUNDS, with_bounds

OWN = ("mean_per_class", "mean_top1_top5", "roc_auc")  # what a data set is scored by, where that is not top-1
STARTS = ("zero", "random", "zero-shot")


def by_score(file: ResultFile) -> ResultFile:
    """Each data set's own metric in the place of top-1: the study records one score a data set and method."""
    records = file.records
    return replace(file, records=records.assign(metric=records["metric"].where(~records["metric"].isin(OWN), "top1")))


def shots_of(records: pd.DataFrame) -> pd.DataFrame:
    """Few-shot scores with columns `shots` and `start`."""
    rows = of_data_sets(pick(records, method="few-shot", metric="top1"))
    rows = rows.assign(shots=pd.to_numeric(column(rows, "shots"), errors="coerce"), start=column(rows, "start"))
    return rows[rows["shots"].notna() & rows["start"].ne("")].astype({"shots": int})


def common(records: pd.DataFrame, model: str) -> list[str]:
    """Data sets with zero-shot and every number of shots of the model: means are over them."""
    few, zero = pick(shots_of(records), model=model), pick(records, model=model, method="zero-shot", metric="top1")
    counts = few.groupby("dataset", sort=False)["params"].nunique()
    return [d for d in counts.index[counts == counts.max()] if d in set(zero["dataset"])]


def mean_of(rows: pd.DataFrame, data: list[str]) -> pd.Series | None:
    """The mean over data sets; it carries no interval."""
    rows = rows[rows["dataset"].isin(data)].drop_duplicates("dataset")
    if rows.empty or len(rows) < len(data):
        return None
    value = float(rows["value"].mean())
    return pd.Series({"value": value, "ci_low": value, "ci_high": value, "source": rows["file"].iloc[0] if "file" in rows else ""})


def paper_curves(reference: Reference) -> tuple[dict[str, dict[int, float]], float | None]:
    """Fig 6: score by shots and model, and zero-shot CLIP's."""
    rows = reference.rows(paper_ref="Fig 6", method="few-shot")
    curves: dict[str, dict[int, float]] = {}
    for model, shot, value in zip(rows["model"], column(rows, "shots"), rows["value"], strict=True):
        curves.setdefault(model, {})[int(shot)] = float(value)
    curves = {model: dict(sorted(curve.items())) for model, curve in curves.items()}
    return curves, reference.value(paper_ref="Fig 6", method="zero-shot")


def few_shot(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    file = by_score(file)
    return [t for t in (_mean_table(file, reference), *_by_data_set(file), _examples(file, reference)) if t.rows]


def _mean_table(file: ResultFile, reference: Reference) -> Table:
    few = shots_of(file.records)
    curves, zero_shot = paper_curves(reference)
    counts = sorted({*few["shots"], *(s for c in curves.values() for s in c)})
    table = Table("few_shot_mean", "Mean score % over the data sets by labelled examples a class", [
        "model", "start", "zero-shot", *map(str, counts), "all examples", "source"], text_columns=2)
    for model in models_of(file.records):
        data = common(file.records, model)
        zero, whole = (mean_of(pick(file.records, model=model, method=m, metric="top1"), data) for m in ("zero-shot", "linear-probe"))
        for start in STARTS:
            rows = pick(few, model=model, start=start)
            cells = [shown(mean_of(rows[rows["shots"] == s], data)) for s in counts]
            if any(c != DASH for c in cells):
                table.add([model, start, shown(zero), *cells, shown(whole), f"this run, {len(data)} data sets"])
    for model, curve in curves.items():
        own = published(zero_shot) if model == "CLIP" else DASH
        table.add([f"{model} (paper)", "zero", own, *(published(curve.get(s)) for s in counts), DASH, "Fig 6, 20 data sets"], "paper")
    return table


def _by_data_set(file: ResultFile) -> list[Table]:
    """A table a model: what stands behind the means."""
    few, found = shots_of(file.records), []
    for model in models_of(file.records):
        counts = sorted(set(pick(few, model=model)["shots"]))
        table = Table(f"few_shot_{plain(model)}", f"Top-1 % of {model} by data set", ["data set", "start", "zero-shot", *map(str, counts), "all examples"],
                      text_columns=2)
        for data in datasets_of(pick(few, model=model)):
            zero, whole = (shown(first(file.records, dataset=data, model=model, method=m, metric="top1")) for m in ("zero-shot", "linear-probe"))
            for start in STARTS:
                rows = pick(few, model=model, start=start, dataset=data)
                if len(rows):
                    table.add([data, start, zero, *(shown(first(rows[rows["shots"] == s])) for s in counts), whole])
            majority = first(file.records, dataset=data, model="majority-class", method="floor", metric="top1")
            if majority is not None:
                table.add([data, "majority class", shown(majority), *[DASH] * (len(counts) + 1)], "floor")
        found.append(table)
    return found


def examples_of(records: pd.DataFrame, model: str, start: str) -> pd.DataFrame:
    rows = of_data_sets(pick(records, model=model, method="few-shot", metric="examples_per_class", start=start))
    return rows.drop_duplicates("dataset").set_index("dataset", drop=False)


def _paper_examples(reference: Reference) -> pd.DataFrame:
    rows = reference.rows(metric="examples_per_class", paper_ref="Fig 7").drop_duplicates("dataset")
    return of_data_sets(rows)


def _examples(file: ResultFile, reference: Reference) -> Table:
    """Fig 7, a row a data set."""
    columns = [(m, s) for m in models_of(file.records) for s in STARTS if len(examples_of(file.records, m, s))]
    ours = {c: examples_of(file.records, *c) for c in columns}
    paper = _paper_examples(reference).set_index("dataset")["value"]
    names = list(dict.fromkeys(d for rows in ours.values() for d in rows.index))
    theirs = {plain(d): d for d in paper.index}
    table = Table("few_shot_examples", "Labelled examples a class that match zero-shot", [
        "data set", *(f"{m}, start {s}" for m, s in columns), "CLIP ViT-L/14@336 (paper)"])

    for name in names:
        cells = [with_bounds(rows.loc[name], 1) if name in rows.index else DASH for rows in ours.values()]
        table.add([name, *cells, number(paper.get(theirs.get(plain(name), ""), math.nan), 1)])
    for name in paper.index:
        if plain(name) not in set(map(plain, names)):
            table.add([name, *[DASH] * len(columns), number(paper[name], 1)], "paper")
    for summary in ("mean", "median"):
        table.add([summary, *(_over_sets(rows, summary) if len(rows) else DASH for rows in ours.values()),
                   number(getattr(paper, summary)(), 1) if len(paper) else DASH])
    table.caption = ("Examples a class at which a probe's accuracy, interpolated log-linearly over the shots, equals zero-shot's; below 1 it is "
                     f"read off the line through 1 and 2 shots, down to a half; >: more than all samples, which counts as more than every number; {DASH}: not "
                     "measured. The paper's: Fig 7.")
    return table


def _over_sets(rows: pd.DataFrame, summary: str) -> str:
    """mean, median or max of examples a class; a bound where numbers that are bounds decide it."""
    sides = column(rows, "censored").fillna("")
    side = ""
    if summary == "median":
        middle = rows["value"].where(sides.eq(""), sides.map({"above": math.inf, "below": -math.inf})).median()
        side = "" if math.isfinite(middle) else "above" if middle > 0 else "below"
    elif sides.eq("above").any():
        side = "above"
    return with_bounds(pd.Series({"value": getattr(rows["value"], summary)(), "ci_low": 0.0, "ci_high": 0.0, "censored": side}), 1)


def shots_figure(file: ResultFile, run: Run, reference: Reference) -> Figure | None:
    """Fig 6: mean score over labelled examples a class; zero-shot at the left."""
    file = by_score(file)
    few, models = shots_of(file.records), models_of(file.records)
    if few.empty:
        return None
    figure, (ours, paper) = panels(2)
    for model, colour in colour_of(models).items():
        data = common(file.records, model)
        zero = mean_of(pick(file.records, model=model, method="zero-shot", metric="top1"), data)
        if zero is not None:
            ours.plot(0.6, 100 * zero["value"], "*", color=colour, markersize=11, label=f"{model}, zero-shot")
            ours.axhline(100 * zero["value"], color=colour, linewidth=0.7, linestyle=":")
        for start, style in zip(STARTS, ("o-", "^-.", "s--"), strict=True):
            rows = pick(few, model=model, start=start)
            means = {s: mean_of(rows[rows["shots"] == s], data) for s in sorted(set(rows["shots"]))}
            means = {s: m for s, m in means.items() if m is not None}
            if means:
                ours.plot(list(means), [100 * m["value"] for m in means.values()], style, color=colour, markersize=4,
                          label=f"{model}, probe from {start.replace('-shot', '-shot weights')}")
    curves, zero_shot = paper_curves(reference)
    for (model, curve), colour in zip(curves.items(), [INK, *[GREY] * len(curves)], strict=False):
        paper.plot(list(curve), list(curve.values()), "o-", color=colour, markersize=4, linewidth=1.2)
        end = max(curve)
        paper.annotate(model, (end, curve[end]), xytext=(5, 0), textcoords="offset points", fontsize=7.5, va="center")
    if zero_shot is not None:
        paper.plot(0.6, zero_shot, "*", color=INK, markersize=11)
        paper.plot([0.6, 16], [zero_shot] * 2, color=INK, linewidth=0.7, linestyle=":")
        paper.annotate("zero-shot CLIP", (0.6, zero_shot), xytext=(6, 5), textcoords="offset points", fontsize=7.5)
    for axes, title in ((ours, "this run"), (paper, "paper, Fig 6 (read off)")):
        axes.set_xscale("log", base=2)
        shots = sorted({*few["shots"], *(s for c in curves.values() for s in c)})
        axes.set_xticks(shots, map(str, shots))
        axes.set(title=title, xlabel="labelled examples a class", ylabel="mean top-1, %")
        axes.set_xlim(0.5, max(shots) * (6 if axes is paper else 1.3))
    ours.legend(loc="best", fontsize=7.5)
    return figure


def examples_figure(file: ResultFile, run: Run, reference: Reference) -> Figure | None:
    """Fig 7: a bar a data set."""
    models = [m for m in models_of(file.records) if len(examples_of(file.records, m, "zero"))]
    if not models:
        return None
    paper = _paper_examples(reference).sort_values("value")
    rows = {m: examples_of(file.records, m, "zero") for m in models}
    means = {m: rows[m]["value"] for m in models}
    names = list(pd.concat(means.values()).groupby(level=0).mean().sort_values().index)
    figure, (ours, theirs) = panels(2, height=max(3.2, 0.17 * len(paper) + 0.9, 0.3 * len(names) * len(models) + 1))
    height = 0.76 / len(models)
    for i, (model, colour) in enumerate(colour_of(models).items()):
        y = np.array([names.index(d) for d in means[model].index]) + (i - (len(models) - 1) / 2) * height
        ours.barh(y, means[model], height=height * 0.95, color=colour, label=model)
        for at, (_, row) in zip(y, rows[model].iterrows(), strict=True):
            value = row["value"]
            ours.annotate(f"{BOUNDS.get(row['censored'], '')}{value:.1f}", (value, at), xytext=(3, 0), textcoords="offset points", fontsize=7.5, va="center")
    ours.set_yticks(range(len(names)), names)
    theirs.barh(paper["dataset"], paper["value"], color=GREY, height=0.7)
    for y, value in enumerate(paper["value"]):
        theirs.annotate(f"{value:g}", (value, y), xytext=(3, 0), textcoords="offset points", fontsize=6.5, va="center")
    theirs.tick_params(axis="y", labelsize=7.5)
    for axes, title in ((ours, "this run, start zero"), (theirs, "paper, Fig 7: ViT-L/14@336")):
        axes.set(title=title, xlabel="labelled examples a class to match zero-shot")
        axes.margins(x=0.12)
        axes.grid(axis="y", visible=False)
    if len(models) > 1:
        ours.legend(loc="lower right")
    return figure
