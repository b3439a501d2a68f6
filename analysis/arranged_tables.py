"""Tables of the studies whose table in the paper has an arrangement of its own (Tables 1, 2, 12, 14 and 15, Figures 10 to 12, 17):
the run's data sets first, then the paper's; what they leave out follows as generic tables.

A data set is scored by the paper's metric (Table 9), else by the one that was recorded apart from top-1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from generic_tables import generic
from params import column, parsed, pick
from published import published_records, table9
from reference import BEST, SMALLEST, Reference, plain
from results import ResultFile, Run
from study_tables import baseline_models, datasets_of, first, named_plainly, shown, shown_points
from tables import DASH, WIDE, Cell, Table, percent, points, published
from wording import intervals, with_bounds

METHODS = ("fine-tuned", "supervised", "linear-probe", "few-shot", "zero-shot")  # top to bottom, as the paper has them
OWN = ("map11", "roc_auc", "mean_top1_top5")
TITLES = {"mean_top1_top5": "mean of top-1 and top-5", "mean_per_class": "mean per class", "map11": "11-point mAP", "roc_auc": "ROC AUC"}
PAIRED = (("zero-shot", "zero-shot"), ("one-shot", "few-shot"), ("two-shot", "few-shot"))  # people's method, the model's
OF_TABLE_10 = (SMALLEST, BEST, "NS EfficientNet-L2-800", "ResNet-50")
VOTES = {"all": {"vote": "", "answers": ""}, "majority vote": {"vote": "majority", "answers": ""}, "guesses": {"vote": "", "answers": "guesses"},
         "majority vote on guesses": {"vote": "majority", "answers": "guesses"}}
UNSAID = {("rule", "fast"), ("weights", "untrained")}  # the default, and what the model's name says
Column = tuple[str, str]  # data set, metric


def columns_of(records: pd.DataFrame, reference: Reference) -> list[Column]:
    """The data sets of a file, each with the metric that counts."""
    nine = table9(reference.root) if reference.root else pd.DataFrame(columns=["dataset", "metric"])
    wanted = {plain(d): m for d, m in zip(nine["dataset"], nine["metric"], strict=True)}
    found: list[Column] = []
    for dataset in datasets_of(records[~records["method"].isin(["fit", "cost"])]):
        held = set(records.loc[records["dataset"] == dataset, "metric"])
        if "mwap" in held:
            found += [(dataset, "mwap"), (dataset, "mwsap")]
            continue
        found.append((dataset, next((m for m in (wanted.get(plain(dataset), ""), *OWN) if m in held), "top1")))
    return found


def headers(columns: list[Column]) -> list[str]:
    return [d if m == "top1" else f"{d}, {TITLES.get(m, m)}" for d, m in columns]


def score_table(name: str, title: str, records: pd.DataFrame, reference: Reference, paper: pd.DataFrame,
                extra: tuple[tuple[str, Callable[[str], str]], ...] = ()) -> Table:
    """A row a method and model, a column a data set; the paper's rows and data sets next to ours. `extra` columns are made of a model's name."""
    ours = columns_of(records, reference)
    mine = {(plain(d), m): (d, m) for d, m in ours}
    theirs = list(paper[["dataset", "metric"]].drop_duplicates().itertuples(index=False, name=None))
    columns = ours + [c for c in theirs if (plain(c[0]), c[1]) not in mine]
    table = Table(name, title, ["method", "model", *headers(columns), *(h for h, _ in extra)], text_columns=2)
    wide = len(table.columns) >= WIDE
    rows = records[records["method"].isin([*METHODS, "floor"]) & pd.MultiIndex.from_frame(records[["dataset", "metric"]]).isin(ours)]
    baselines = baseline_models(records)
    lines = list(dict.fromkeys(rows[["method", "params", "model"]].itertuples(index=False, name=None)))
    for line in sorted(lines, key=lambda k: (k[2] in baselines or k[0] == "floor", METHODS.index(k[0]) if k[0] in METHODS else len(METHODS))):
        method, params, model = line
        cells = [first(rows, dataset=d, metric=m, method=method, params=params, model=model) for d, m in columns]
        texts = [Cell(percent(c["value"]), c.get("source", "")) if wide and c is not None else shown(c) for c in cells]
        label = " ".join([spoken(method), *(f"{k}={v}" for k, v in parsed(params).items() if (k, v) not in UNSAID)])
        table.add([label, model, *texts, *(f(model) for _, f in extra)], "floor" if method == "floor" or model in baselines else "ours")
    for method, model in paper[["method", "model"]].drop_duplicates().itertuples(index=False, name=None):
        part = pick(paper, method=method, model=model)
        values = {(plain(d), m): v for d, m, v in zip(part["dataset"], part["metric"], part["value"], strict=True)}
        table.add([spoken(method), f"{model} (paper)", *(published(values.get((plain(d), m))) for d, m in columns), *[DASH] * len(extra)], "paper")
    return table


def spoken(method: str) -> str:
    return {"linear-probe": "probe", "": DASH}.get(method, method)


def with_rest(file: ResultFile, run: Run, reference: Reference, tables: list[Table], *refs: str) -> list[Table]:
    """The tables, then generic ones of the records that have no cell in them and of the paper's numbers but for `refs`."""
    held = {getattr(cell, "source", "") for table in tables for line in table.rows for cell in line.cells}
    left = replace(file, records=file.records[~file.records["source"].isin(held)])
    return [*tables, *generic(left, run, Reference(reference.frame[~reference.frame["paper_ref"].isin(refs)], reference.root))]


def visual_ngrams(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    return _scored(file, run, reference, "visual_ngrams_table1", "Table 1's arrangement: zero-shot transfer, %", "Table 1")


def ocr(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    return _scored(file, run, reference, "ocr_table14", "Table 14's arrangement: reading, %", "Table 14")


def action(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    return _scored(file, run, reference, "action_table15", "Table 15's arrangement: actions, %", "Table 15")


def _scored(file: ResultFile, run: Run, reference: Reference, name: str, title: str, ref: str) -> list[Table]:
    table = score_table(name, title, named_plainly(file.records), reference, reference.rows(paper_ref=ref, origin=""))
    return with_rest(file, run, reference, [table], ref)


def representation(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    """Table 10's rows and columns with the means and the cost of Figure 10; then Figure 11's differences."""
    records = named_plainly(file.records)
    means = pick(records, summary="mean", metric="mean")
    suites = list(pd.unique(column(means, "suite")))
    extra = tuple((f"mean of {suite}", lambda m, s=suite: shown(first(means, model=m, suite=s))) for suite in suites)
    extra += (("GFLOPs", lambda m: _number(first(records, method="cost", metric="gflops", model=m))),)
    table = score_table("representation_table10", "Table 10's arrangement: linear probes, %", records, reference, _table_10(records, reference), extra)
    lead = _leads(records, reference, columns_of(records, reference), suites)
    return with_rest(file, run, reference, [table, *([lead] if lead.rows else [])], "section 3.2", "Fig 11")


def _table_10(records: pd.DataFrame, reference: Reference) -> pd.DataFrame:
    """The paper's probes of a few models on data sets that the records have too, in percent."""
    if reference.root is None:
        return reference.rows(paper_ref="")
    ours, rows = {plain(d) for d in records["dataset"]}, published_records(reference.root)
    rows = rows[rows["paper_ref"].eq("Table 10") & rows["model"].isin(OF_TABLE_10) & rows["dataset"].map(plain).isin(ours)]
    return rows.assign(value=100 * rows["value"]).sort_values("model", key=lambda names: names.map(OF_TABLE_10.index), kind="stable")


def _leads(records: pd.DataFrame, reference: Reference, columns: list[Column], suites: list[str]) -> Table:
    """A row a model and baseline; empty without baselines."""
    gains, wins = pick(records, metric="gain"), pick(records, metric="wins")
    table = Table("representation_fig11", "Figures 10 and 11: probe minus the probe of another encoder, points", [
        "model", "over", *headers(columns), *(f"mean of {s}" for s in suites), "wins"], text_columns=2)
    for model, over in dict.fromkeys(zip(gains["model"], column(gains, "over"), strict=True)):
        part = pick(gains, model=model, over=over)
        cells = [first(part, dataset=d, score=m) for d, m in columns] + [first(part, summary="mean", suite=s) for s in suites]
        count = first(wins, model=model, over=over)
        table.add([model, over, *map(shown_points, cells), DASH if count is None else _wins(count)])
    if len(reference.rows(metric="wins")):
        twelve, whole, won = (reference.value(metric=m, suite=suite, over="NS EfficientNet-L2")
                              for m, suite in (("gain", "12 data sets"), ("gain", "27 data sets"), ("wins", "27 data sets")))
        table.caption = (f"The paper's {BEST} over NS EfficientNet-L2: {twelve:+.1f} points over 12 data sets, {whole:+.1f} over 27, {won:.0f} of 27 won "
                         f"(section 3.2, Fig 11). {intervals(pd.concat([gains, wins]))}")
    return table


def _number(row: pd.Series | None) -> str:
    return DASH if row is None else with_bounds(row)


def _wins(row: pd.Series) -> str:
    return Cell(f"{row['value']:.0f} of {row['n']:.0f}", row.get("source", ""))


def task_shift(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    """Figure 12 as a table: score on the reference set, mean of the others, and the lead over the baselines' line."""
    records = named_plainly(file.records)
    found = [score_table("task_shift_scores", "Linear probes, %", records, reference, _table_10(records, reference))]
    for source in [name for name in pd.unique(column(records, "reference")) if name]:
        part = pick(records, reference=source)
        line = Table(f"task_shift_{plain(source)}", f"Figure 12's arrangement: the others over {source}", [
            "model", f"{source}, %", "mean of the others, %", "over the baselines' line, points"])
        for model in pd.unique(part.loc[part["metric"] == "transfer_score", "model"]):
            score, transfer, lead = (first(part, model=model, metric=m) for m in ("reference_score", "transfer_score", "transfer_lead"))
            line.add([model, shown(score), shown(transfer), shown_points(lead)])
        paper = reference.rows(paper_ref="Fig 12")
        for model in pd.unique(paper["model"]):
            values = (published(reference.value(paper_ref="Fig 12", model=model, metric=m)) for m in ("reference_score", "transfer_score"))
            line.add([f"{model} (paper, ImageNet)", *values, DASH], "paper")
        found.append(line)
        fit = [first(part, method="fit", metric=m) for m in ("slope", "intercept", "r")]
        if fit[0] is not None:
            found.append(Table(f"task_shift_{plain(source)}_line", "The baselines' line in logits", ["", "slope", "intercept", "r"]))
            found[-1].add([f"logit others = a + b logit {source}", *map(_number, fit)])
    return with_rest(file, run, reference, found, "Fig 12")


def yfcc_vs_wit(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    """Table 12: a row a data set; the two models and their difference by probe, then zero-shot."""
    records, paper, baselines = named_plainly(file.records), reference.rows(paper_ref="Table 12"), baseline_models(file.records)
    names = [m for m in pd.unique(records.loc[records["method"] == "zero-shot", "model"]) if m not in baselines]
    if len(names) != 2:
        raise ValueError(f"{len(names)} models with zero-shot scores, expected two")
    paper = paper[paper["metric"] != "delta"]
    theirs = list(pd.unique(paper["model"]))
    table = Table("yfcc_vs_wit_table12", f"Table 12's arrangement: {names[0]} and {names[1]}, %", [
        "data set", *(f"{label} {c}" for label in ("probe", "zero-shot") for c in (*names, "Δ"))])
    for dataset, metric in [*columns_of(records, reference), ("", "mean"), ("", "wins")]:
        cells: list[str] = []
        for method in ("linear-probe", "zero-shot"):
            rows = [first(records, dataset=dataset, metric=metric, method=method, model=m) for m in names]
            cells += [DASH if r is None else _count(r) if metric == "wins" else shown(r) for r in rows]
            of_what = {"score": metric} if dataset else {"summary": metric}
            cells.append(shown_points(first(records, dataset=dataset, metric="delta", method=method, model=names[0], **of_what)))
        if any(c != DASH for c in cells):
            table.add([headers([(dataset, metric)])[0] if dataset else {"mean": "mean", "wins": "data sets won"}[metric], *cells])
    for dataset, metric in paper[["dataset", "metric"]].drop_duplicates().itertuples(index=False, name=None):
        values = [[reference.value(paper_ref="Table 12", dataset=dataset, metric=metric, method=m, model=t) for t in theirs] for m in ("linear-probe", "zero-shot")]
        cells = [c for pair in values for c in (*map(published, pair), points((pair[0] - pair[1]) / 100) if None not in pair and metric != "wins" else DASH)]
        table.add([(dataset or {"mean": "mean of 27", "wins": "data sets won"}[metric]) + f" (paper: {', '.join(theirs)})", *cells], "paper")
    return with_rest(file, run, reference, [table], "Table 12")


def _count(row: pd.Series) -> str:
    return Cell(f"{row['value']:.0f}", row.get("source", ""))


def human_comparison(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    """Table 2, one a data set: people's four ways to count, the models' accuracy next to the first."""
    records, found = named_plainly(file.records), []
    for dataset, metric in columns_of(records, reference):
        part = pick(records, dataset=dataset)
        table = Table(f"human_comparison_{plain(dataset)}", f"Table 2's arrangement: {dataset}, %", [
            "who", "method", "all" if metric == "top1" else f"all (models: {TITLES.get(metric, metric)})", *list(VOTES)[1:]], text_columns=2)
        for method, _ in PAIRED:
            cells = [shown(first(part, model="human", method=method, metric="top1", **v)) for v in VOTES.values()]
            if any(c != DASH for c in cells):
                table.add(["people", method, *cells])
        for model in [m for m in pd.unique(part["model"]) if m != "human"]:
            for shots, (label, method) in enumerate(PAIRED):
                row = first(part, model=model, method=method, metric="top1", shots=str(shots), start="zero") if shots else \
                    first(part, model=model, method=method, metric=metric)
                if row is not None:
                    table.add([model, label, shown(row), *[DASH] * 3])
            floor = first(part, model=model, method="floor", metric="top1")
            if floor is not None:
                table.add([model.replace("-", " "), "floor", shown(floor), *[DASH] * 3], "floor")
        for model, method in reference.rows(paper_ref="Table 2")[["model", "method"]].drop_duplicates().itertuples(index=False, name=None):
            values = [reference.value(paper_ref="Table 2", model=model, method=method, **v) for v in VOTES.values()]
            table.add([f"{'people' if model == 'human' else model} (paper, Pets)", method, *map(published, values)], "paper")
        found.append(table)
    return with_rest(file, run, reference, found, "Table 2", "section 4")


def data_overlap(file: ResultFile, run: Run, reference: Reference) -> list[Table]:
    """Figure 17 as a table: a row a data set and model."""
    records, paper = file.records, reference.rows(paper_ref="Fig 17")
    table = Table("data_overlap_fig17", "Figure 17's numbers: test pictures seen in training", [
        "data set", "model", "seen, %", "all, %", "others, %", "seen, top-1 %", "seen minus others, points (99.5 %)", "all minus others, points",
        "p"], text_columns=2)
    share, scores = pick(records, method="overlap", metric="share"), pick(records, method="zero-shot", metric="top1")
    for dataset, model in scores[["dataset", "model"]].drop_duplicates().itertuples(index=False, name=None):
        part, own = pick(records, dataset=dataset, model=model), pick(scores, dataset=dataset, model=model)
        difference, gain, chance = (first(part, method="overlap", metric=m) for m in ("difference", "gain", "p_value"))
        table.add([dataset, model, shown(first(share, dataset=dataset)), *(shown(first(own, pictures=v)) for v in ("all", "clean", "overlap")),
                   shown_points(difference), shown_points(gain), DASH if chance is None else Cell(f"{chance['value']:.2g}", chance.get("source", ""))])
    for dataset, model in paper[["dataset", "model"]].drop_duplicates().itertuples(index=False, name=None):
        seen, gain = (reference.value(paper_ref="Fig 17", dataset=dataset, metric=m) for m in ("share", "gain"))
        table.add([dataset, f"{model} (paper)", published(seen), *[DASH] * 4, DASH if gain is None else f"{gain:+.2f}", DASH], "paper")
    return with_rest(file, run, reference, [table], "Fig 17", "section 5")


ARRANGED = {"visual_ngrams": visual_ngrams, "human_comparison": human_comparison, "representation": representation, "task_shift": task_shift,
            "yfcc_vs_wit": yfcc_vs_wit, "ocr": ocr, "action": action, "data_overlap": data_overlap}
