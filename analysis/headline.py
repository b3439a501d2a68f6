"""The short table of a run: what each study asks, our number, the paper's; and the table of the training logs.

The README's table is made from the same rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from intervals import COLUMNS as BOUNDS
from intervals import Estimate, mean_alike, mean_of, moved
from params import column, pick
from pool import why_left_out
from reference import BEST, Reference
from results import ResultFile, Run
from study_tables import FLOOR_NAMES, MEAN, are_baselines, at, first, fit_of, models_of, of_data_sets, shown, value_of
from tables import DASH, Cell, Table, linked, number, percent, points, points_with_interval, published
from wording import with_bounds

COLUMNS = ["study", "quantity", "measured here", "paper", "in the paper"]
FAMILIES = {"all": "all models", "vit": "ViTs", "resnet": "ResNets"}


def best_model(file: ResultFile, metric: str = "top1") -> str | None:
    """The model with the highest mean zero-shot score over the data sets of the file."""
    chosen = of_data_sets(pick(file.records, method="zero-shot", metric=metric))
    chosen = chosen[chosen["model"].isin(models_of(file.records))]
    means = chosen.groupby("model", sort=False)["value"].mean().dropna()
    return None if means.empty else str(means.idxmax())


def scores(file: ResultFile, model: str, method: str, metric: str = "top1") -> pd.Series:
    """Score by data set."""
    chosen = of_data_sets(pick(file.records, model=model, method=method, metric=metric))
    chosen = chosen[column(chosen, "source_set") == ""]
    return chosen.drop_duplicates("dataset").set_index("dataset")["value"]


def headline(root: Path, file: ResultFile) -> list[list[str]]:
    """Rows [quantity, ours, paper, where] of one study; a record without a number counts as none."""
    file = replace(file, records=file.records.dropna(subset=["value"]))
    maker = {"encoder_scaling": _scaling, "zero_shot_vs_probe": _probe, "distribution_shift": _shift,
             "prompt_engineering": _prompt, "few_shot": _few_shot, "retrieval": _retrieval}.get(file.experiment)
    return maker(file, Reference.read(root, file.experiment)) if maker else []


def _scaling(file: ResultFile, reference: Reference) -> list[list[str]]:
    rows = []
    for family, title in FAMILIES.items():
        fit = fit_of(file.records, family, "slope")
        if fit is not None:
            paper = reference.value(method="fit", metric="slope", family=family)
            rows.append([f"slope of log error over log GFLOPs, {title} ({int(fit['n'])} points)", with_bounds(fit),
                         number(paper), "Fig 9, derived" if paper is not None else DASH])
    gflops = pick(file.records, method="cost", metric="gflops")["value"]
    if len(gflops) > 1:
        rows.append(["range of compute, largest over smallest", f"{gflops.max() / gflops.min():.0f}×",
                     f"{published(reference.value(metric='compute_range'), 0)}×", "Fig 9"])
    rows += _mean_and_floors(file, "error", "mean zero-shot error %, lowest", min)
    return rows


def _mean_and_floors(file: ResultFile, metric: str, title: str, best: object) -> list[list[str]]:
    means = pick(file.records, **at(MEAN), method="zero-shot", metric=metric)
    means = means[~means["model"].isin(FLOOR_NAMES)]
    if means.empty:
        return []
    row = means.loc[means["value"].idxmin() if best is min else means["value"].idxmax()]
    rows = [[f"{title} ({row['model']})", shown(row), DASH, DASH]]
    for floor in FLOOR_NAMES:
        row = first(file.records, **at(MEAN), model=floor, metric=metric)
        if row is not None:
            rows.append([f"the same, {floor.replace('-', ' ')}", shown(row), DASH, DASH])
    return rows


def _probe(file: ResultFile, reference: Reference) -> list[list[str]]:
    model = best_model(file)
    if model is None:
        return []
    zero, probe, raw = scores(file, model, "zero-shot"), scores(file, model, "linear-probe"), \
        scores(file, "raw-pixels", "linear-probe")
    majority = scores(file, "majority-class", "floor")
    wins = reference.value(metric="wins_against_resnet50_probe")
    rows = [[f"zero-shot {model}: data sets won against a probe on raw pixels (paper: on ResNet-50)", _wins(zero, raw),
             f"{published(wins, 0)} of 27", "Fig 5"],
            [f"zero-shot {model}: data sets won against the majority class", _wins(zero, majority), DASH, DASH],
            [f"zero-shot {model}: data sets won against the probe on its own features", _wins(zero, probe),
             _paper_own_wins(reference), "Tables 10, 11"]]
    for metric, title in (("r", "correlation of zero-shot with probe scores"), ("slope", "slope of the same")):
        for fit in (first(file.records, method="fit", metric=metric, model=m) for m in (model,)):
            if fit is not None:
                rows.append([f"{title} ({fit['model']}, {int(fit['n'])} points)", with_bounds(fit),
                             number(reference.value(method="fit", metric=metric, origin="printed")), "Fig 8"])
                break
    return rows + _largest_data_set(file, model)


def _largest_data_set(file: ResultFile, model: str) -> list[list[str]]:
    """The scores on the data set with the most test pictures: its intervals are the narrowest."""
    chosen = of_data_sets(pick(file.records, model=model, method="zero-shot", metric="top1"))
    if chosen.empty:
        return []
    dataset = chosen.loc[chosen["n"].idxmax(), "dataset"]
    rows = []
    for title, key in ((f"zero-shot {model}", {"model": model, "method": "zero-shot"}),
                       (f"probe on features of {model}", {"model": model, "method": "linear-probe"}),
                       ("probe on raw pixels", {"model": "raw-pixels", "method": "linear-probe"})):
        row = first(file.records, dataset=dataset, metric="top1", **key)
        if row is not None:
            rows.append([f"{dataset}, top-1 % of {int(row['n']):,}: {title}",
                         shown(row), DASH, DASH])
    return rows


def _wins(ours: pd.Series, other: pd.Series) -> str:
    both = pd.concat([ours, other], axis=1, join="inner")
    return DASH if both.empty else f"{int((both.iloc[:, 0] > both.iloc[:, 1]).sum())} of {len(both)}"


def _paper_own_wins(reference: Reference) -> str:
    zero, probe = (reference.rows(paper_ref=t, model=BEST).query("dataset != ''").set_index("dataset")["value"]
                   for t in ("Table 11", "Table 10"))
    return _wins(zero, probe)


def _shift(file: ResultFile, reference: Reference) -> list[list[str]]:
    rows = []
    for method, title in (("zero-shot", "zero-shot"), ("linear-probe", "probe")):
        chosen = pick(file.records, method=method, metric="effective_robustness")
        chosen = chosen[~are_baselines(chosen)]
        if len(chosen):
            paper = reference.value(metric="effective_robustness", method=method)
            by_pair = [mean_alike(rows_of) for _, rows_of in chosen.groupby(["dataset", column(chosen, "source_set")], sort=False)]
            unfit = sorted(set(column(chosen, "line")) - {"", "fitted"})
            rows.append([f"effective robustness, points, {title}: mean over models and shifts" + (f" (line {', '.join(unfit)}: no verdict)" if unfit else ""),
                         _points(mean_of(_frame(by_pair))),
                         DASH if paper is None else f"+{paper:.1f}", "Fig 14, derived" if paper is not None else DASH])
    return rows


def _prompt(file: ResultFile, reference: Reference) -> list[list[str]]:
    chosen = pick(file.records, **at(MEAN), method="zero-shot", metric="top1")
    by_model = {m: part.set_index(column(part, "prompts")) for m, part in chosen.groupby("model", sort=False)}
    rows = []
    for better, title in (("one-template", "one template"), ("ensemble", "ensemble")):
        gains = [moved(np.array([1.0, -1.0]), part.loc[[better, "name-only"]]) for part in by_model.values() if {better, "name-only"} <= set(part.index)]
        if gains:
            gain = mean_alike(_frame(gains))
            paper = "almost 5" if better == "ensemble" else published(
                reference.value(metric="gain", prompts="one-template", over="name-only"))
            rows.append([f"gain in points, {title} over name only: mean over models and data sets", _points(gain), paper,
                         "Fig 4" if better == "ensemble" else "section 3.1.4, ImageNet"])
    return rows + _mean_and_floors(file, "top1", "mean zero-shot top-1 %, highest", max) + _first_five(file)


def _frame(estimates: list[Estimate]) -> pd.DataFrame:
    return pd.DataFrame([(e.value, e.low, e.high) if e.bounded else (e.value,) * 3 for e in estimates], columns=BOUNDS)


def _points(estimate: Estimate) -> str:
    return points_with_interval(estimate.value, estimate.low, estimate.high) if estimate.bounded else points(estimate.value)


def _first_five(file: ResultFile) -> list[list[str]]:
    """Data sets with many names: how often the right one is among the first five, for the best kind of prompt."""
    chosen = of_data_sets(pick(file.records, method="zero-shot", metric="top5"))
    best = chosen.loc[chosen.groupby("dataset", sort=False)["value"].idxmax()] if len(chosen) else chosen
    return [[f"{row['dataset']}, top-5 % of {int(row['n']):,} ({row['model']}, {prompts}, the best of the prompts)",
             shown(row), DASH, DASH] for prompts, (_, row) in zip(column(best, "prompts"), best.iterrows(), strict=True)]


def _few_shot(file: ResultFile, reference: Reference) -> list[list[str]]:
    rows = []
    for model in models_of(file.records):
        row = first(file.records, summary="median", model=model, metric="examples_per_class", start="zero")
        if row is not None:
            rows.append([f"examples a class that match zero-shot, median over {int(row['n'])} data sets ({model})", with_bounds(row),
                         number(reference.value(paper_ref="Fig 7", summary="median"), 1), "Fig 7"])
    return rows


def _retrieval(file: ResultFile, reference: Reference) -> list[list[str]]:
    rows, chosen = [], pick(file.records, metric="recall1", method="zero-shot")
    chosen = chosen.assign(direction=column(chosen, "direction"))
    for _, row in chosen[chosen["model"].isin(models_of(file.records))].iterrows():
        paper = reference.value(dataset="flickr30k", model="CLIP", method="zero-shot", metric="recall1", direction=row["direction"])
        floor = value_of(file.records, dataset=row["dataset"], model="chance", metric="recall1", direction=row["direction"])
        against = "" if floor is None else f", chance {percent(floor)}"
        rows.append([f"{row['dataset']}, {row['direction']}, first % of {int(row['n']):,} ({row['model']}{against}; paper: Flickr30k)",
                     shown(row), published(paper), "Table 13"])
    return rows


def headline_table(root: Path, run: Run) -> Table:
    """Of the files that count; each number knows its record, or its file where it is made from several."""
    table = Table("summary", "Summary", COLUMNS, text_columns=2)
    for file in run.studies():
        where = file.where
        for quantity, ours, *paper in [] if why_left_out(file) else headline(root, file):
            table.add([file.experiment.replace("_", " "), quantity, Cell(ours, getattr(ours, "source", "") or where), *paper])
    return table


def training_table(run: Run) -> Table | None:
    """One row a training log: what it cost and where the loss ended."""
    table = Table("training", "Training", ["model", "steps", "pairs seen", "minutes", "pairs/s (median)", "last loss",
                                           "lowest held-out loss"])
    for name, file in run.training().items():
        if "curve" not in file.array_columns:
            continue
        curve = file.array("curve")
        last = curve.ffill().iloc[-1] if len(curve) else pd.Series(np.nan, index=curve.columns)
        where = file.where
        table.add([Cell(name, where), *(f"{last.get(c, np.nan):,.0f}" for c in ("step", "pairs")), number(last.get("seconds", np.nan) / 60, 1),
                   number(curve["pairs_per_second"].median(), 0), number(last.get("loss"), 3),
                   number(curve["val_loss"].min(), 3)])
        table = linked(table, where)
    return table if table.rows else None
