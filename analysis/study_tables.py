"""The tables of each study: ours with intervals, the two floors (raw pixels, majority class), the paper's rows.

Score tables have a row a model and method and a column a data set; wide ones are cut into pieces of
CHUNK data sets, each with its floors."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from params import column, pick, without
from reference import BEST, SMALLEST, Reference
from results import ResultFile, Run
from tables import DASH, Cell, Table, number, points, points_with_interval, published, with_interval

CHUNK = 5
FLOORS = (("majority-class", "floor"), ("raw-pixels", "linear-probe"))
FLOOR_NAMES = [name for name, _ in FLOORS]
MEAN = "mean"  # heads the column of means over the data sets
GAINS = ("effective_robustness", "relative_robustness", "class_adaptation")
PROMPTS = {"name-only": "name only", "one-template": "one template", "ensemble": "ensemble"}


def named_plainly(records: pd.DataFrame) -> pd.DataFrame:
    """Params without the probe's lambda, an outcome of its search that differs by data set: a probe is one row."""
    return without(records, "lambda")


def of_data_sets(records: pd.DataFrame) -> pd.DataFrame:
    """Without the rows that sum up several data sets."""
    return records[records["dataset"] != ""]


def at(data: str) -> dict[str, str]:
    """The filter of a data set's records, or of their mean."""
    return {"dataset": "", "summary": "mean"} if data == MEAN else {"dataset": data}


def first(records: pd.DataFrame, **where: str) -> pd.Series | None:
    chosen = pick(records, **where)
    return chosen.iloc[0] if len(chosen) else None


def value_of(records: pd.DataFrame, **where: str) -> float | None:
    row = first(records, **where)
    return None if row is None else float(row["value"])


def shown(row: pd.Series | None) -> str:
    return DASH if row is None else Cell(with_interval(row["value"], row["ci_low"], row["ci_high"]), row.get("source", ""))


def shown_points(row: pd.Series | None) -> str:
    return DASH if row is None else Cell(points_with_interval(row["value"], row["ci_low"], row["ci_high"]), row.get("source", ""))


def datasets_of(records: pd.DataFrame) -> list[str]:
    """Data sets in the order of the file; the pairs of a distribution shift are none."""
    return [d for d in pd.unique(records.loc[column(records, "source_set").eq(""), "dataset"]) if d]


def pairs_of(records: pd.DataFrame) -> list[tuple[str, str]]:
    """Source and shift of each distribution shift."""
    pairs = pd.DataFrame({"source": column(records, "source_set"), "shift": records["dataset"]}).drop_duplicates()
    return [(source, shift) for source, shift in pairs.itertuples(index=False, name=None) if source]


def are_baselines(records: pd.DataFrame) -> pd.Series:
    """Rows of floors, untrained encoders and fits on a share of the source: what a trained model is held against."""
    return records["model"].isin(FLOOR_NAMES) | column(records, "weights").eq("untrained") | column(records, "role").eq("baseline")


def baseline_models(records: pd.DataFrame) -> set[str]:
    """The models of such rows."""
    return set(records.loc[are_baselines(records), "model"])


def models_of(records: pd.DataFrame, baselines: bool = False) -> list[str]:
    """Models that were trained, not floors and not fits; `baselines` adds the untrained encoders."""
    chosen = records[~records["method"].isin(["fit", "floor", "cost"]) & ~records["model"].isin(FLOOR_NAMES)]
    chosen = chosen if baselines else chosen[~are_baselines(chosen)]
    return pd.unique(chosen["model"]).tolist()


def families_of(run: Run) -> dict[str, str]:
    """Model -> "vit" or "resnet", of the models whose cost a study of the run recorded."""
    costs = [pick(f.records, method="cost") for f in run.studies()]
    return {m: f for rows in costs for m, f in zip(rows["model"], column(rows, "family"), strict=True)}


def fit_of(records: pd.DataFrame, family: str, metric: str) -> pd.Series | None:
    """A record of the zero-shot fit of a family."""
    return first(records, method="fit", family=family, y="zero-shot", metric=metric)


def floor_row(records: pd.DataFrame, run: Run, floor: str, method: str, dataset: str, metric: str) -> pd.Series | None:
    """The floor from this study, else from another of the same run."""
    for frame in [records, *(f.records for f in run.studies())]:
        row = first(frame, **at(dataset), model=floor, method=method, metric=metric)
        if row is not None:
            return row
    return _mean_floor(records, run, floor, method, metric) if dataset == MEAN else None


def _mean_floor(records: pd.DataFrame, run: Run, floor: str, method: str, metric: str) -> pd.Series | None:
    """The mean over all data sets of the study when each has its floor; it carries no interval."""
    rows = [floor_row(records, run, floor, method, d, metric) for d in datasets_of(pick(records, metric=metric))]
    if not rows or any(row is None for row in rows):
        return None
    mean = sum(float(row["value"]) for row in rows) / len(rows)
    return pd.Series({"value": mean, "ci_low": mean, "ci_high": mean, "n": sum(int(row["n"]) for row in rows), "source": rows[0].get("file", "")})


def add_floors(table: Table, cells: Callable[[str, str], list[str]]) -> None:
    for floor, method in FLOORS:
        label = [floor.replace("-", " "), *(["probe" if method == "linear-probe" else method] * (table.text_columns - 1))]
        table.add(label + cells(floor, method), "floor")


def chunks(items: list[str]) -> list[list[str]]:
    """Pieces of near equal length, none longer than CHUNK."""
    count = max(1, -(-len(items) // CHUNK))
    size = max(1, -(-len(items) // count))
    return [items[i:i + size] for i in range(0, len(items), size)]


def score_tables(name: str, title: str, file: ResultFile, run: Run, reference: Reference, metric: str,
                 lines: list[tuple[str, str, dict[str, str]]], with_paper: bool = True) -> list[Table]:
    """Row labels and filters in `lines`: (model, second label, record filter)."""
    records, found, baselines = file.records, [], baseline_models(file.records)
    datasets = datasets_of(pick(records, metric=metric))
    if value_of(records, **at(MEAN), metric=metric) is not None:
        datasets.append(MEAN)
    parts = chunks(datasets)
    for i, part in enumerate(parts):
        suffix = f" ({i + 1} of {len(parts)})" if len(parts) > 1 else ""
        table = Table(f"{name}_{i + 1}" if suffix else name, title + suffix, ["model", "method", *part], text_columns=2)
        for model, label, where in lines:
            cells = [shown(first(records, **at(d), metric=metric, **where)) for d in part]
            if any(c != DASH for c in cells):
                table.add([model, label, *cells], "floor" if model in baselines else "ours")
        add_floors(table, lambda floor, method, part=part: [
            shown(floor_row(records, run, floor, method, d, metric)) for d in part])
        if with_paper:
            add_paper_rows(table, reference, part, metric)
        found.append(table)
    return found


def add_paper_rows(table: Table, reference: Reference, datasets: list[str], metric: str) -> None:
    """The paper's smallest and best model on data sets that both have (its own metric of Table 9)."""
    for model in (SMALLEST, BEST):
        for method, label in (("zero-shot", "zero-shot"), ("linear-probe", "probe")):
            if not any(label in row.cells[1] for row in table.rows if row.kind == "ours"):
                continue
            cells = [reference.cell(d, model, method) for d in datasets]
            if metric == "error":
                cells = [None if c is None else 100 - c for c in cells]
            if any(c is not None for c in cells):
                table.add([f"CLIP {model} (paper)", label, *map(published, cells)], "paper")


def encoder_scaling(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    records = file.records
    cost = pick(records, method="cost", metric="gflops").sort_values("value")
    models = list(dict.fromkeys([*cost["model"], *models_of(records)]))
    table = Table("encoder_scaling_mean", "Mean error and cost of a forward pass",
                  ["model", "GFLOPs (image)", "parameters (M)", "zero-shot error %", "probe error %", "source"])
    for model in models:
        gflops, parameters = (first(records, model=model, metric=m) for m in ("gflops", "parameters"))
        cells = [shown(first(records, **at(MEAN), model=model, method=m, metric="error"))
                 for m in ("zero-shot", "linear-probe")]
        sizes = [DASH if r is None else Cell(number(scale * r["value"], digits), r.get("source", ""))
                 for r, scale, digits in ((gflops, 1, 3), (parameters, 1e-6, 1))]
        table.add([model, *sizes, *cells, "this run"])
    for floor, method in FLOORS:
        cell = shown(floor_row(records, run, floor, method, MEAN, "error"))
        cells = [cell, DASH] if method == "floor" else [DASH, cell]
        table.add([floor.replace("-", " "), DASH, DASH, *cells, "this run"], "floor")
    for _, row in reference.rows(metric="gflops").iterrows():
        error = reference.value(model=row["model"], metric="error")
        table.add([f"CLIP {row['model']} (paper)", published(row["value"]), DASH, published(error), DASH, row["paper_ref"]],
                  "paper")
    lines = [(m, label, {"model": m, "method": method}) for m in models
             for method, label in (("zero-shot", "zero-shot"), ("linear-probe", "probe"))]
    return [table, *score_tables("encoder_scaling_datasets", "Error % by data set", file, run, reference, "error", lines)]


def zero_shot_vs_probe(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    models = models_of(file.records, baselines=True)
    lines = [(m, label, {"model": m, "method": method}) for m in models
             for method, label in (("zero-shot", "zero-shot"), ("linear-probe", "probe"))]
    found = []
    for metric, title in (("top1", "Top-1 accuracy %"), ("mean_per_class", "Mean-per-class accuracy %"),
                          ("top5", "Top-5 accuracy %")):
        if len(pick(file.records, metric=metric)):
            found += score_tables(f"zero_shot_vs_probe_{metric}", title, file, run, reference, metric, lines,
                                  with_paper=metric == "top1")
    return found


def prompt_engineering(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    records, models = file.records, models_of(file.records)
    table = Table("prompt_engineering_mean", "Mean top-1 % over the data sets by prompt",
                  ["model", *PROMPTS.values(), "ensemble − name only", "source"])
    for model in models:
        rows = [first(records, **at(MEAN), model=model, metric="top1", prompts=v) for v in PROMPTS]
        gain = None if rows[0] is None or rows[2] is None else rows[2]["value"] - rows[0]["value"]
        table.add([model, *map(shown, rows), points(gain), "this run"])
    add_floors(table, lambda floor, method: [
        shown(floor_row(records, run, floor, method, MEAN, "top1"))] * 3 + [DASH, "this run"])
    for model in pd.unique(reference.rows(metric="score")["model"]):
        name_only, ensemble = (reference.value(model=model, metric="score", prompts=v) for v in ("name-only", "ensemble"))
        table.add([f"CLIP {model} (paper)", published(name_only), DASH, published(ensemble),
                   f"{ensemble - name_only:+.1f}", "Fig 4"], "paper")
    found = [table]
    for metric, title in (("top1", "Top-1 accuracy %"), ("top5", "Top-5 accuracy %")):
        if datasets_of(pick(records, metric=metric)):
            lines = [(m, label, {"model": m, "method": "zero-shot", "prompts": v, "names": ""})
                     for m in models for v, label in PROMPTS.items()]
            found += score_tables(f"prompt_engineering_{metric}", f"{title} by prompt and data set", file, run,
                                  reference, metric, lines, with_paper=False)
    return found


def distribution_shift(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    records, found = file.records, []
    gains = [m for m in GAINS if len(pick(records, metric=m))]
    for i, (source, shift) in enumerate(pairs_of(records)):
        part = pick(records[records["method"] != "fit"], dataset=shift, source_set=source)
        table = Table(f"distribution_shift_{i + 1}", f"From {source} to {shift}",
                      ["model", "method", "source %", "shift %", *(g.replace("_", " ") + ", points" for g in gains)],
                      text_columns=2)
        # Fits on a share of the source are points of the line: they stand in the figure and in records.csv.
        part = part[column(part, "share").isin(["", "1/1"]) & column(part, "frames").eq("")]
        part = part.assign(shots=column(part, "shots"), is_baseline=are_baselines(part))
        lines = part[~part["model"].isin(FLOOR_NAMES)].sort_values("is_baseline", kind="stable")
        for model, method, shots, is_baseline in lines[["model", "method", "shots", "is_baseline"]].drop_duplicates().itertuples(index=False, name=None):
            cells = shift_cells(pick(part, model=model, method=method, shots=shots), gains)
            named = method.replace("linear-probe", "probe") + (f", a class: {shots}" if shots else "")
            table.add([model, named, *cells], "floor" if is_baseline else "ours")
        add_floors(table, lambda floor, _, part=part: shift_cells(pick(part, model=floor), gains))
        found.append(table)
    if len(reference.rows(paper_ref="Table 16")):
        found.append(paper_shift_table(reference))
    return found


def shift_cells(chosen: pd.DataFrame, gains: list[str]) -> list[str]:
    rates = [shown(first(chosen, metric=m)) for m in ("source_top1", "shift_top1")]
    rows = [first(chosen, metric=m) for m in gains]
    return rates + [shown_points(r) for r in rows]


def paper_shift_table(reference: Reference) -> Table:
    table = Table("distribution_shift_paper", "The paper's: ImageNet to the mean of seven shifts (Table 16)",
                  ["model", "method", "ImageNet %", "mean of 7 shifts %", "effective robustness, points"], text_columns=2)
    rows = reference.rows(paper_ref="Table 16", source_set="ImageNet", summary="mean")
    for _, row in rows.iterrows():
        source = reference.value(paper_ref="Table 16", dataset="ImageNet", model=row["model"], method=row["method"])
        robust = reference.value(metric="effective_robustness", model=row["model"], method=row["method"])
        table.add([f"{row['model']} (paper)", row["method"].replace("linear-probe", "probe"), published(source),
                   published(row["value"]), DASH if robust is None else f"+{robust:.1f}"], "paper")
    table.caption = ("Top-1 as the paper prints it, mean of seven shifts with pm-0 and pm-10 averaged first; the paper "
                     "gives neither floors nor intervals here. Effective robustness: derived from Fig 14's baseline line.")
    return table


STUDY_TABLES = {"encoder_scaling": encoder_scaling, "zero_shot_vs_probe": zero_shot_vs_probe,
                "distribution_shift": distribution_shift, "prompt_engineering": prompt_engineering}
