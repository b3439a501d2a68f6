"""Compares two runs sample by sample: the difference of each score with a paired test, all tests Holm-corrected.

    python analysis/compare.py RUN RUN [--pair LEFT=RIGHT ...] [--top 5] [--csv FILE]

Same names are compared (two versions of a model); else the one model of each run; else --pair says: MODEL or
MODEL/METHOD on either side, so that zero-shot and probe of one run compare too. Scores come from /arrays/scores: labels
and ranks. Records that have no such scores are compared by their own intervals, which takes them as independent."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from clean import complain, say
from freshness import SetUpError, home, os_error, write_atomic
from intervals import COLUMNS, mean_of, moved
from params import parsed, spelled, to_text
from paired import Paired, by_class, compared, holm
from results import RATE, ResultError, ResultFile, Run, read_run
from study_tables import datasets_of, models_of, named_plainly
from tables import DASH, Table, percent, points, points_with_interval, to_csv

PROJECT = Path(__file__).resolve().parent.parent
METRICS = {"top1": 1, "top5": 5}
KEYS = ["dataset", "split", "method", "metric", "params", "study", "data"]
LEVEL = 0.05


@dataclass(frozen=True)
class Scores:
    """Per-sample scores of one classifier on one data set."""

    dataset: str
    model: str
    method: str
    file: ResultFile
    names: tuple[str, ...]  # of the arrays: one, or one a round of a set that its authors divide several times

    @property
    def data_id(self) -> str:
        return self.file.provenance.get(f"dataset {self.dataset}", "")

    def read(self) -> pd.DataFrame:
        """With a column `round`, from 0."""
        return pd.concat([self._read(name).assign(round=i) for i, name in enumerate(self.names)], ignore_index=True)

    def _read(self, name: str) -> pd.DataFrame:
        frame = self.file.array(name)
        if not {"label", "rank"} <= set(frame.columns):
            raise ResultError(f"{self.file.path}: array '/arrays/{name}' has columns {', '.join(frame.columns)}, expected label and rank")
        if not len(frame) or not np.isfinite(frame[["label", "rank"]].to_numpy()).all() or frame["rank"].min() < 0:
            raise ResultError(f"{self.file.path}: array '/arrays/{name}' is empty or has ranks below 0 or no numbers; run the study again")
        return frame


@dataclass(frozen=True)
class Comparison:
    dataset: str
    left: str
    right: str
    method: str  # of the left
    metric: str
    result: Paired


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        runs = read_runs_of(options.runs, options.root or home(PROJECT))
        table, notes = compare(*runs, dict(p.split("=", 1) for p in options.pair), options.top)
        say(f"{table.title}\n\n{for_terminal(table)}\n{table.caption}")
        for note in notes:
            say(f"- {note}")
        if options.csv:
            write_atomic(options.csv, to_csv(table))
    except (ResultError, SetUpError) as error:
        complain(f"compare: {error}")
        return 1
    except OSError as error:
        complain(f"compare: {os_error(error)}")
        return 1
    return 0


def for_terminal(table: Table) -> str:
    """Markdown in columns: A and B are one where they have one name, and columns of dashes are left out."""
    one_name = all(row.cells[1] == row.cells[2] for row in table.rows)
    keep = [i for i in range(len(table.columns)) if i < 4 and not (one_name and i == 2) or i >= 4 and any(row.cells[i] != DASH for row in table.rows)]
    names = ["A and B" if one_name and i == 1 else c for i, c in enumerate(table.columns)]
    lines = [[cells[i].replace("|", "\\|") for i in keep] for cells in (names, *(row.cells for row in table.rows))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = [i < table.text_columns for i in keep]
    padded = ["| " + " | ".join(c.ljust(w) if on else c.rjust(w) for c, w, on in zip(line, widths, left, strict=True)) + " |" for line in lines]
    padded.insert(1, "|" + "|".join(":" + "-" * (w + 1) if on else "-" * (w + 1) + ":" for w, on in zip(widths, left, strict=True)) + "|")
    return "\n".join(padded) + "\n"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cliplab compare", description="differences between two runs with paired tests, Holm-corrected")
    parser.add_argument("runs", nargs=2, type=Path, metavar="RUN", help="a run folder, or its name under results/runs; A, then B")
    parser.add_argument("--pair", action="append", default=[], metavar="LEFT=RIGHT", help="MODEL or MODEL/METHOD of A = of B; may be repeated")
    parser.add_argument("--top", type=int, default=0, metavar="K", help="also how often the right class is among the first K")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="the table as CSV")
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if any("=" not in p for p in options.pair):
        parser.error("--pair: expected LEFT=RIGHT, each MODEL or MODEL/METHOD")
    if options.top < 0:
        parser.error(f"--top: {options.top}, expected 1 or more")
    return options


def read_runs_of(folders: list[Path], root: Path) -> tuple[Run, Run]:
    """A file that cannot be read is an error: what is compared would depend on what is damaged."""
    runs = root / "results" / "runs"
    left, right = (read_run((runs / f if not f.exists() and (runs / f).exists() else f).resolve()) for f in folders)
    return left, right


def scores_of(run: Run) -> list[Scores]:
    """The arrays of kind "scores", and those of kind "round_scores" together."""
    found: dict[tuple[str, str, str, str], tuple[ResultFile, list[str]]] = {}
    for file in run.studies():
        for kind in ("scores", "round_scores"):
            for name in sorted(file.arrays(kind=kind), key=lambda n: int(file.array_params[n].get("round", 0))):
                p = file.array_params[name]
                found.setdefault((p["dataset"], p["model"], p["method"], file.where), (file, []))[1].append(name)
    return [Scores(dataset, model, method, file, tuple(names)) for (dataset, model, method, _), (file, names) in found.items()]


def partners(left: Run, right: Run, pairs: dict[str, str]) -> list[tuple[str, str]]:
    """(of A, of B): MODEL or MODEL/METHOD."""
    if pairs:
        return list(pairs.items())
    a, b = (list(dict.fromkeys(m for f in run.studies() for m in models_of(f.records))) for run in (left, right))
    both = [(m, m) for m in a if m in b]
    if not both and len(a) == len(b) == 1:
        both = [(a[0], b[0])]
    if not both:
        raise ResultError(f"{left.name} has {', '.join(a) or 'no model'}, {right.name} has {', '.join(b) or 'no model'}, expected a model in both; "
                          "say which by --pair LEFT=RIGHT")
    return both


def _is(scores: Scores, wanted: str) -> bool:
    return wanted in (scores.model, f"{scores.model}/{scores.method}")


def matches(left: Run, right: Run, pairs: list[tuple[str, str]], asked: bool) -> list[tuple[Scores, Scores]]:
    """Scores of each pair on one data set; methods are those of the pair, or the same."""
    of_left, of_right, found = scores_of(left), scores_of(right), []
    for of_a, of_b in pairs:
        a, b = [s for s in of_left if _is(s, of_a)], [s for s in of_right if _is(s, of_b)]
        for run, part, wanted, there in ((left, a, of_a, of_left), (right, b, of_b, of_right)):
            if asked and there and not part:
                raise ResultError(f"--pair {of_a}={of_b}: {run.name} has no scores of {wanted}, expected one of "
                                  + ", ".join(sorted({f"{s.model}/{s.method}" for s in there})))
        named = any(s.model != of_a for s in a) or any(s.model != of_b for s in b)
        found += [(x, y) for x in a for y in b if x.dataset == y.dataset and (named or x.method == y.method)]
    return found


def compare(left: Run, right: Run, pairs: dict[str, str] | None = None, top: int = 0) -> tuple[Table, list[str]]:
    """The table and what could not be compared."""
    notes, found, failed = [], [], set()
    chosen = partners(left, right, pairs or {})
    for a, b in matches(left, right, chosen, bool(pairs)):
        try:
            found += _of_one(a, b, top)
        except ResultError as error:
            notes.append(f"left out: {error}")
            failed.add(a.dataset)
    table = Table("compare", f"B = {right.name} minus A = {left.name}", [
        "data set", "A", "B", "metric", "n", "A %", "B %", "B − A, points", "A alone right", "B alone right", "p", "p (Holm)", "verdict"], text_columns=4)
    for c, p in zip(found, holm([c.result.p for c in found]), strict=True):
        r = c.result
        table.add([c.dataset, c.left, c.right, c.metric, f"{r.n:,}", percent(r.a), percent(r.b), points_with_interval(r.difference, *r.interval),
                   str(r.only_a), str(r.only_b), _p(r.p), _p(p), _verdict(r, p)])
    _means(table, found)
    done = {(c.dataset, c.metric, c.method) for c in found}
    records = tuple(_records(run, failed) for run in (left, right))
    unpaired = _unpaired(table, *records, chosen, done)
    notes += [*_other_data(*records, chosen), *_only_in_one(left, right)]
    if not table.rows:
        raise ResultError(f"{left.name} and {right.name}: nothing measured in both, expected one data set with scores of both; "
                          + ("; ".join(notes[:2]) or "run the same study in both"))
    table.caption = " ".join(filter(None, (
        f"{len(found)} paired score tests (McNemar's; means over classes by weights, frames of a clip by their sum); intervals 95 %, of the same test, so "
        f"that one excludes 0 exactly where its p is below {LEVEL:g}; p (Holm) is corrected over all tests, and decides." if found else "",
        f"{unpaired} records without per-sample scores: intervals from each record's own, as if independent, and no test." if unpaired else "",
        "Of errors the lower is the better." if any(row.cells[3].startswith("error") for row in table.rows) else "")))
    return table, notes + _weights(left, right, chosen) + _flags(left, right)


def _of_one(a: Scores, b: Scores, top: int) -> list[Comparison]:
    x, y = a.read(), b.read()
    where = f"{a.dataset}, {a.model}/{a.method} and {b.model}/{b.method}"
    if a.data_id != b.data_id:
        raise ResultError(f"{where}: data are {a.data_id or 'unnamed'} and {b.data_id or 'unnamed'}, expected the same; run one of them again")
    if len(x) != len(y) or not np.array_equal(x[["label", "round"]], y[["label", "round"]]):
        raise ResultError(f"{where}: labels of {len(x):,} and {len(y):,} samples differ, expected the same samples in one order")
    labels = x["label"].to_numpy().astype(np.int64)
    ranks = [f["rank"].to_numpy() for f in (x, y)]
    recorded = [set(s.file.records.loc[s.file.records["dataset"].eq(s.dataset) & s.file.records["model"].eq(s.model)
                                       & s.file.records["method"].eq(s.method), "metric"]) for s in (a, b)]
    wanted = {f"top{k}": k for k in sorted({1, *([top] if top else []), *(k for m, k in METRICS.items() if m in recorded[0] & recorded[1])})}
    rounds = x["round"].to_numpy()
    pictures = _pictures(labels, rounds)
    clusters = np.abs(x["clip"].to_numpy()) if "clip" in x else pictures
    results = {name: compared(ranks[0] < k, ranks[1] < k, over_rounds(labels, rounds, _alike), clusters) for name, k in wanted.items()}
    if "mean_per_class" in recorded[0] & recorded[1]:
        results["mean_per_class"] = compared(ranks[0] < 1, ranks[1] < 1, over_rounds(labels, rounds, by_class), clusters)
    if pictures is not None:  # what was tested again in each round is one picture
        results = {name: replace(r, n=len(np.unique(pictures))) for name, r in results.items()}
    return [Comparison(a.dataset, f"{a.model}/{a.method}", f"{b.model}/{b.method}", a.method, name, r) for name, r in results.items()]


def _alike(labels: np.ndarray) -> np.ndarray:
    return np.full(len(labels), 1 / len(labels))


def over_rounds(labels: np.ndarray, rounds: np.ndarray, weights: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Weights that make a sum over all rounds the mean over rounds of what `weights` makes of each."""
    found, each = np.empty(len(labels)), np.unique(rounds)
    for r in each:
        found[rounds == r] = weights(labels[rounds == r]) / len(each)
    return found


def _pictures(labels: np.ndarray, rounds: np.ndarray) -> np.ndarray | None:
    """Rounds that test on the same pictures: which picture each sample is of. None: each is another."""
    parts = [labels[rounds == r] for r in np.unique(rounds)]
    same = len(parts) > 1 and all(np.array_equal(parts[0], part) for part in parts)
    return np.tile(np.arange(len(parts[0])), len(parts)) if same else None


def _means(table: Table, found: list[Comparison]) -> None:
    """A row a pair and metric: the mean over its data sets."""
    groups: dict[tuple[str, str, str], list[Paired]] = {}
    for c in found:
        groups.setdefault((c.left, c.right, c.metric), []).append(c.result)
    for (left, right, metric), parts in groups.items():
        if len(parts) > 1:
            mean = mean_of(pd.DataFrame([(p.difference, *p.interval) for p in parts], columns=COLUMNS))
            table.add([f"mean of {len(parts)}", left, right, metric, f"{sum(p.n for p in parts):,}", *(percent(float(np.mean(v))) for v in (
                [p.a for p in parts], [p.b for p in parts])), points_with_interval(mean.value, mean.low, mean.high), *[DASH] * 5])


def _records(run: Run, failed: set[str]) -> pd.DataFrame:
    """With the study and the id of the data, for a mean of all that it is over: other data are no partner."""
    frames = []
    for file in run.studies():
        ids = {d: file.provenance.get(f"dataset {d}", "") for d in datasets_of(file.records)}
        whole = ", ".join(ids[d] or d for d in sorted(ids))
        frames.append(file.records.assign(study=file.experiment, data=[ids.get(d, whole if d == "" else "") for d in file.records["dataset"]]))
    records = pd.concat(frames)
    return records[records["unit"].eq(RATE) & ~records["dataset"].isin(failed)]


def _unpaired(table: Table, a: pd.DataFrame, b: pd.DataFrame, pairs: list[tuple[str, str]], done: set[tuple[str, str, str]]) -> int:
    """Rows of rates that both runs recorded and that have no per-sample scores; returns how many."""
    count = 0
    for of_a, of_b in pairs:
        x, y = (_unique(frame[frame["model"].eq(name)]) for frame, name in ((a, of_a), (b, of_b)))
        for key in x.index.intersection(y.index, sort=False):
            dataset, _, method, metric, params, *_ = key
            if (dataset, metric, method) in done:
                continue
            rows = pd.DataFrame([x.loc[key], y.loc[key]])
            e = moved(np.array([-1.0, 1.0]), rows)
            rest = to_text({k: v for k, v in parsed(params).items() if k != "summary"})
            label, where = " ".join(filter(None, (metric, spelled(rest)))), dataset or parsed(params).get("summary", "all")
            table.add([where, f"{of_a}/{method}", f"{of_b}/{method}", label, f"{int(rows['n'].min()):,}", *(percent(v) for v in rows["value"]),
                       points_with_interval(e.value, e.low, e.high) if e.low < e.high else points(e.value), *[DASH] * 5])
            count += 1
    return count


def _other_data(a: pd.DataFrame, b: pd.DataFrame, pairs: list[tuple[str, str]]) -> list[str]:
    """What both recorded on data of one name and other contents: no difference of the models."""
    found: dict[str, None] = {}
    for of_a, of_b in pairs:
        x, y = (frame[frame["model"].eq(name)].drop_duplicates(["study", "dataset", "data"]) for frame, name in ((a, of_a), (b, of_b)))
        both = x.merge(y, on=["study", "dataset"], suffixes=("_a", "_b"))
        same = set(both.loc[both["data_a"] == both["data_b"], ["study", "dataset"]].itertuples(index=False, name=None))
        for row in both.itertuples(index=False):
            if (row.study, row.dataset) not in same:
                found[f"left out: {row.dataset or 'means'} of {row.study}: data are {row.data_a or 'unnamed'} and {row.data_b or 'unnamed'}, expected the same"] = None
    return list(found)


def _only_in_one(left: Run, right: Run) -> list[str]:
    """Data sets that the other run has not."""
    has = [{d for f in run.studies() for d in datasets_of(f.records)} for run in (left, right)]
    found = []
    for run, own, other in ((left, *has), (right, *reversed(has))):
        alone = sorted(own - other)
        if alone:
            found.append(f"only in {run.name}: {', '.join(alone[:6])}" + (f" and {len(alone) - 6} more" if len(alone) > 6 else ""))
    return found


def _unique(rows: pd.DataFrame) -> pd.DataFrame:
    rows = named_plainly(rows)
    return rows.drop_duplicates(KEYS).set_index(KEYS)[["value", "ci_low", "ci_high", "n"]]


def _weights(left: Run, right: Run, pairs: list[tuple[str, str]]) -> list[str]:
    """A name says little: whether both are the same weights."""
    found = []
    for model in (a for a, b in pairs if a == b):
        ids = [{i for f in run.studies() if (i := f.provenance.get(f"model {model}"))} for run in (left, right)]
        if all(len(i) == 1 for i in ids):
            a, b = (next(iter(i)) for i in ids)
            found.append(f"{model}: " + (f"the same weights in both ({a})" if a == b else f"weights {a} in A, {b} in B"))
    return found


def _flags(left: Run, right: Run) -> list[str]:
    """What keeps a run from being a measurement."""
    from pool import why_left_out

    return [f"{f.where}: {why}, no measurement" for run in (left, right) for f in run.studies() if (why := why_left_out(f))]


def _p(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def _verdict(result: Paired, p: float) -> str:
    """By the corrected p; an interval without 0 beside it is of one test alone, which the verdict says."""
    if p < LEVEL:
        return "B above A" if result.difference > 0 else "A above B"
    return "not after correction" if result.interval[0] > 0 or result.interval[1] < 0 else "no difference found"


if __name__ == "__main__":
    sys.exit(main())
