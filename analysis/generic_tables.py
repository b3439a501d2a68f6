"""Tables of a study that has no code of its own, and retrieval's: ours by metric, the paper's reference.csv next to it.

A metric whose values are rates is shown in percent, any other as it is: the paper's unit for the metric decides, else
that of the records."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from params import column, pick, spelled
from reference import Reference, plain
from results import RATE, ResultFile, Run
from study_tables import are_baselines, chunks, datasets_of, models_of, named_plainly, shown
from tables import DASH, Table, published
from wording import intervals, with_bounds

LINE = ["model", "method", "params"]
NO_RATES = ("fit", "cost")
DIRECTIONS = {"image-to-text": "text retrieval", "text-to-image": "image retrieval"}


def generic(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    """One table a metric and piece of data sets; rows are model, method and params."""
    found, file = [], replace(file, records=named_plainly(file.records))
    for metric in pd.unique(file.records["metric"]):
        found += _of_metric(file, reference, metric)
    return found


def is_rate(records: pd.DataFrame, paper: pd.DataFrame) -> bool:
    units = set(paper["unit"])
    return bool(units & {"percent", "points"}) or not units and records["unit"].eq(RATE).all()


def _of_metric(file: ResultFile, reference: Reference, metric: str) -> list[Table]:
    records, paper = pick(file.records, metric=metric), reference.rows(metric=metric)
    rate, baselines = is_rate(records, paper), set(records.loc[are_baselines(records), LINE].itertuples(index=False, name=None))
    data = list(pd.unique(records["dataset"]))
    theirs = {plain(d): d for d in pd.unique(paper["dataset"])}
    if not any(plain(d) in theirs for d in data):
        data += [d for d in theirs.values() if d not in data]  # nothing in common: the paper's own data sets
    lines = list(records[LINE].drop_duplicates().itertuples(index=False, name=None))
    name, parts = f"{file.experiment}_{metric}", chunks(data)
    tables = []
    for i, part in enumerate(parts):
        suffix = f" ({i + 1} of {len(parts)})" if len(parts) > 1 else ""
        table = Table(f"{name}_{i + 1}" if suffix else name, f"{metric}{', %' if rate else ''}{suffix}",
                      [*LINE, *(d or "over data sets" for d in part)], text_columns=3)
        for model, method, params in lines:
            rows = pick(records, model=model, method=method, params=params).drop_duplicates("dataset").set_index("dataset")
            cells = [_ours(rows.loc[d], rate and method not in NO_RATES) if d in rows.index else DASH for d in part]
            if any(c != DASH for c in cells):
                table.add([model, method, spelled(params), *cells], "floor" if (model, method, params) in baselines or method == "floor" else "ours")
        for key, rows in paper.groupby(LINE, sort=False):
            values = rows.drop_duplicates("dataset").set_index("dataset")["value"]
            cells = [published(values.get(theirs.get(plain(d), ""))) for d in part]
            if any(c != DASH for c in cells):
                table.add([f"{key[0]} (paper)", key[1], spelled(key[2]), *cells], "paper")
        tables.append(table)
    return tables


def _ours(row: pd.Series, rate: bool) -> str:
    return shown(row) if rate else with_bounds(row)


def retrieval(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    """Table 13's arrangement, a table a data set: recall at 1, 5 and 10 in both directions."""
    metrics = {"recall1": "R@1", "recall5": "R@5", "recall10": "R@10"}
    cells_of = [(v, m) for v in DIRECTIONS for m in metrics]
    found = []
    for data in datasets_of(file.records):
        records = pick(file.records, dataset=data)
        table = Table(f"retrieval_{plain(data)}", f"Recall % on {data}", [
            "model", "method", *(f"{DIRECTIONS[v]} {metrics[m]}" for v, m in cells_of)], text_columns=2)
        for model, method in records[["model", "method"]].drop_duplicates().itertuples(index=False, name=None):
            rows = pick(records, model=model, method=method)
            cells = [_first(pick(rows, direction=v, metric=m)) for v, m in cells_of]
            table.add([model, method, *cells], "floor" if method == "floor" else "ours")
        paper = reference.frame[reference.frame["dataset"].map(plain) == plain(data)]
        for model, method in paper[["model", "method"]].drop_duplicates().itertuples(index=False, name=None):
            rows = pick(paper, model=model, method=method)
            values = dict(zip(zip(column(rows, "direction"), rows["metric"], strict=True), rows["value"], strict=True))
            table.add([f"{model} (paper)", method, *(published(values.get(c)) for c in cells_of)], "paper")
        table.caption = (f"Text retrieval: {_count(records, 'image-to-text')} pictures seek a caption of theirs; image retrieval: "
                         f"{_count(records, 'text-to-image')} captions seek their picture. {intervals(records)} Models: {', '.join(models_of(records))}. "
                         "Floor: chance. The paper's rows, on Flickr30k and MSCOCO, stand in its Table 13.")
        found.append(table)
    return found


def _first(rows: pd.DataFrame) -> str:
    return shown(rows.iloc[0]) if len(rows) else DASH


def _count(records: pd.DataFrame, direction: str) -> str:
    rows = pick(records[records["method"] != "floor"], direction=direction)
    return f"{int(rows['n'].max()):,}" if len(rows) else "no"
