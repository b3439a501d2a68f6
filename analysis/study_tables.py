"""The tables of each study: ours with intervals, the two floors (raw pixels, majority class), the paper's rows.

Score tables have a row a model and method and a column a data set; wide ones are cut into pieces of
CHUNK data sets, each with its floors."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from reference import BEST, SMALLEST, Reference
from results import ResultFile, Run
from tables import DASH, Cell, Table, number, points, points_with_interval, published, with_interval

CHUNK = 5
SUMMARIES = ("mean", "median", "all")
FLOORS = (("majority-class", "floor"), ("raw-pixels", "linear-probe"))
FLOOR_NAMES = [name for name, _ in FLOORS]
GAINS = ("effective_robustness", "relative_robustness", "class_adaptation")
VARIANTS = {"name-only": "name only", "one-template": "one template", "ensemble": "ensemble"}


def pick(records: pd.DataFrame, **where: str) -> pd.DataFrame:
    for column, value in where.items():
        records = records[records[column] == value]
    return records


def named_plainly(records: pd.DataFrame) -> pd.DataFrame:
    """Variants without the probe's lambda, an outcome of its search that differs by data set: a probe is one row."""
    return records.assign(variant=records["variant"].str.replace(r"lambda=[^,]*,? ?", "", regex=True))


def of_data_sets(records: pd.DataFrame) -> pd.DataFrame:
    """Without the rows that sum up several data sets."""
    return records[~records["dataset"].isin(SUMMARIES)]


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
    """Data sets in the order of the file; summaries ("mean", "all", "a->b") are none."""
    names = pd.unique(records["dataset"]).tolist()
    return [d for d in names if d not in SUMMARIES and d and "->" not in d]


def is_baseline(model: str) -> bool:
    """Floors and untrained encoders: what a trained model is held against."""
    return model.startswith((*FLOOR_NAMES, "untrained "))


def models_of(records: pd.DataFrame, baselines: bool = False) -> list[str]:
    """Models that were trained, not floors and not names of fits; `baselines` adds the untrained encoders."""
    chosen = records[~records["method"].isin(["fit", "floor", "cost"]) & ~records["model"].isin(FLOOR_NAMES)]
    return [m for m in pd.unique(chosen["model"]) if baselines or not is_baseline(m)]


def fit_of(records: pd.DataFrame, model: str, metric: str) -> pd.Series | None:
    """A record of the zero-shot fit of a family; the probe's own fit has the same name with another variant."""
    return first(records[~records["variant"].str.contains("linear-probe")], method="fit", model=model, metric=metric)


def floor_row(records: pd.DataFrame, run: Run, floor: str, method: str, dataset: str, metric: str) -> pd.Series | None:
    """The floor from this study, else from another of the same run."""
    for frame in [records, *(f.records for f in run.studies())]:
        row = first(frame, dataset=dataset, model=floor, method=method, metric=metric)
        if row is not None:
            return row
    return _mean_floor(records, run, floor, method, metric) if dataset == "mean" else None


def _mean_floor(records: pd.DataFrame, run: Run, floor: str, method: str, metric: str) -> pd.Series | None:
    """The mean over all data sets of the study when each has its floor; it carries no interval."""
    rows = [floor_row(records, run, floor, method, d, metric) for d in datasets_of(pick(records, metric=metric))]
    if not rows or any(row is None for row in rows):
        return None
    mean = sum(float(row["value"]) for row in rows) / len(rows)
    where = str(rows[0].get("source", "")).partition("#")[0]
    return pd.Series({"value": mean, "ci_low": mean, "ci_high": mean, "n": sum(int(row["n"]) for row in rows), "source": where})


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
    records, found = file.records, []
    datasets = datasets_of(pick(records, metric=metric))
    if value_of(records, dataset="mean", metric=metric) is not None:
        datasets.append("mean")
    parts = chunks(datasets)
    for i, part in enumerate(parts):
        suffix = f" ({i + 1} of {len(parts)})" if len(parts) > 1 else ""
        table = Table(f"{name}_{i + 1}" if suffix else name, title + suffix, ["model", "method", *part], text_columns=2)
        for model, label, where in lines:
            cells = [shown(first(records, dataset=d, metric=metric, **where)) for d in part]
            if any(c != DASH for c in cells):
                table.add([model, label, *cells], "floor" if is_baseline(model) else "ours")
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
        cells = [shown(first(records, dataset="mean", model=model, method=m, metric="error"))
                 for m in ("zero-shot", "linear-probe")]
        sizes = [DASH if r is None else Cell(number(scale * r["value"], digits), r.get("source", ""))
                 for r, scale, digits in ((gflops, 1, 3), (parameters, 1e-6, 1))]
        table.add([model, *sizes, *cells, "this run"])
    for floor, method in FLOORS:
        cell = shown(floor_row(records, run, floor, method, "mean", "error"))
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
                  ["model", *VARIANTS.values(), "ensemble − name only", "source"])
    for model in models:
        rows = [first(records, dataset="mean", model=model, metric="top1", variant=v) for v in VARIANTS]
        gain = None if rows[0] is None or rows[2] is None else rows[2]["value"] - rows[0]["value"]
        table.add([model, *map(shown, rows), points(gain), "this run"])
    add_floors(table, lambda floor, method: [
        shown(floor_row(records, run, floor, method, "mean", "top1"))] * 3 + [DASH, "this run"])
    for model in pd.unique(reference.rows(metric="score")["model"]):
        name_only, ensemble = (reference.value(model=model, metric="score", variant=v) for v in ("name-only", "ensemble"))
        table.add([f"CLIP {model} (paper)", published(name_only), DASH, published(ensemble),
                   f"{ensemble - name_only:+.1f}", "Fig 4"], "paper")
    found = [table]
    for metric, title in (("top1", "Top-1 accuracy %"), ("top5", "Top-5 accuracy %")):
        if datasets_of(pick(records, metric=metric)):
            lines = [(m, label, {"model": m, "method": "zero-shot", "variant": v})
                     for m in models for v, label in VARIANTS.items()]
            found += score_tables(f"prompt_engineering_{metric}", f"{title} by prompt and data set", file, run,
                                  reference, metric, lines, with_paper=False)
    return found


def distribution_shift(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    records, found = file.records, []
    pairs = [d for d in pd.unique(records["dataset"]) if "->" in d]
    for i, pair in enumerate(pairs):
        part = records[(records["dataset"] == pair) & (records["method"] != "fit")]
        gains = [m for m in GAINS if len(pick(records, metric=m))]
        table = Table(f"distribution_shift_{i + 1}", f"From {pair.replace('->', ' to ')}",
                      ["model", "method", "source %", "shift %", *(g.replace("_", " ") + ", points" for g in gains)],
                      text_columns=2)
        part = part.assign(shots=part["variant"].where(part["method"].eq("few-shot"), ""))
        keys = list(part[["model", "method", "shots"]].drop_duplicates().itertuples(index=False, name=None))
        for model, method, shots in sorted(keys, key=lambda k: is_baseline(k[0])):  # stable: baselines go last
            partial = " on 1/" in model and not model.endswith(" on 1/1")
            if partial or model.startswith(FLOOR_NAMES[0]) or model.removesuffix(" on 1/1") in FLOOR_NAMES:
                continue  # fits on a share of the source are points of the line: figure and records.csv
            cells = shift_cells(pick(part, model=model, method=method, shots=shots), gains)
            named = method.replace("linear-probe", "probe") + shots.replace("shots=", ", a class: ")
            table.add([model.removesuffix(" on 1/1"), named, *cells],
                      "floor" if is_baseline(model) else "ours")
        add_floors(table, lambda floor, _, part=part, gains=gains: shift_cells(
            part[part["model"].isin([floor, f"{floor} on 1/1"])], gains))
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
    rows = reference.rows(paper_ref="Table 16", dataset="ImageNet->mean of 7 shifts")
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
