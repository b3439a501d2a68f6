"""The paper's tables in the paper's own arrangement, ours beneath each of its rows.

A table here is a layout: which columns of a record make its rows and which its columns. What a run did not measure is
said below the table for whole rows, and by a letter in a cell of a row that is there. Models that are not the paper's stand last."""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pool import Pool
from params import column, parsed
from published import FOLDER, PAPER_MODELS, published_records, table9
from reference import plain
from tables import DASH, WIDE, Cell, Table, percent, with_interval

CLIP = {plain(m) for m in PAPER_MODELS}


@dataclass(frozen=True)
class Layout:
    ref: str
    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    studies: tuple[str, ...]  # whose records may fill it


LAYOUTS = (
    Layout("Table 1", "Earlier zero-shot transfer", ("model",), ("dataset",), ("visual_ngrams", "zero_shot_vs_probe")),
    Layout("Table 2", "People and CLIP on Oxford-IIIT Pets", ("model", "method"), ("vote", "answers"), ("human_comparison",)),
    Layout("Table 3", "FairFace, pictures labelled White", ("model", "method"), ("attribute",), ("bias",)),
    Layout("Table 4", "FairFace, pictures of all other labels", ("model", "method"), ("attribute",), ("bias",)),
    Layout("Table 5", "Gender by group and model", ("gender", "model", "method"), ("group",), ("bias",)),
    Layout("Table 6", "Denigrating labels by group", ("kind", "model"), ("group",), ("bias",)),
    Layout("Table 7", "Denigrating labels by age", ("labels", "model"), ("group",), ("bias",)),
    Layout("Table 8", "Celebrities named", ("model",), ("classes",), ("bias",)),
    Layout("Table 10", "Linear probes of 66 models", ("model",), ("dataset",), ("zero_shot_vs_probe", "representation")),
    Layout("Table 11", "Zero-shot CLIP", ("model",), ("dataset",), ("zero_shot_vs_probe",)),
    Layout("Table 12", "Trained on YFCC or on as many pairs of WIT", ("dataset",), ("method", "model"), ("yfcc_vs_wit",)),
    Layout("Table 13", "Retrieval", ("method", "model"), ("direction", "dataset", "metric"), ("retrieval",)),
    Layout("Table 14", "Reading", ("method", "model"), ("dataset",), ("ocr", "zero_shot_vs_probe")),
    Layout("Table 15", "Actions", ("method", "model"), ("dataset", "metric"), ("action", "zero_shot_vs_probe")),
    Layout("Table 16", "Natural distribution shifts", ("model", "method"), ("dataset", "frames"), ("distribution_shift",)),
    Layout("Table 17", "Places", ("model",), ("dataset", "metric"), ("geolocalization",)),
)
SHORT = {"image-to-text": "text retrieval", "text-to-image": "image retrieval", "recall1": "R@1", "recall5": "R@5", "recall10": "R@10",
         "top1": "top-1", "mean_top1_top5": "mean of top-1 and top-5", "linear-probe": "probe", "majority": "majority vote", "guesses": "of guesses"}


def paper_tables(root: Path, pool: Pool) -> list[Table]:
    paper = published_records(root)
    halves = set(paper.loc[column(paper, "frames") != "", "dataset"])
    paper = paper[~paper["dataset"].isin(halves) | column(paper, "frames").ne("")]  # of clips Table 16 prints the two halves, not their mean
    ours = Ours(pool)
    parts = ((layout, _laid_out(_in_order(root, layout, paper[paper["paper_ref"] == layout.ref]), layout)) for layout in LAYOUTS)
    tables = {layout.ref: _table(root, layout, part, ours) for layout, part in parts if len(part)}
    nine = _data_sets(root, ours)
    return [t for ref, table in tables.items() for t in ([nine, table] if ref == "Table 10" and nine.rows else [table])]


def _data_sets(root: Path, ours: Ours) -> Table:
    """Table 9: sizes and metrics, and which test pictures were scored here."""
    table = Table("paper_table9", "Table 9: The data sets", ["", "classes", "training", "test", "metric", "test pictures scored here"])
    scored: dict[str, dict[int, str]] = {}
    for (study, dataset), rows in ours.at.items():
        if study in ("zero_shot_vs_probe", "representation"):
            scored.setdefault(dataset, {}).update({r["n"]: f"{r['file']}#{r['row']}" if r["file"] else "" for r in rows if r["left_out"] == "" and r["n"]})
    for row in table9(root).itertuples(index=False):
        counts = scored.get(plain(row.dataset), {})
        listed = Cell(", ".join(f"{n:,}" for n in sorted(counts)), counts[min(counts)]) if counts else DASH
        table.add([row.title, *(f"{int(n):,}" for n in (row.classes, row.train_size, row.test_size)), row.metric, listed], "ours" if counts else "paper")
    notes = [f"{row.title}: {row.note}." for row in table9(root).itertuples(index=False) if row.note]
    table.caption = " ".join(["Sizes as printed.", *notes])
    return table


def _table(root: Path, layout: Layout, paper: pd.DataFrame, ours: Ours) -> Table:
    columns = _distinct(paper, layout.columns)
    if layout.columns == ("dataset",) and set(table9(root)["dataset"]) == {c[0] for c in columns}:
        columns = [(d,) for d in table9(root)["dataset"]]  # in the order of Table 9
    grid = Grid(layout, columns, paper, ours)
    table = Table(f"paper_{layout.ref.lower().replace(' ', '')}", f"{layout.ref}: {layout.title}, %", [
        *("" if c == "dataset" else c for c in layout.rows), "measured", *_headers(layout, columns)], text_columns=len(layout.rows) + 1)
    absent: list[str] = []
    lines = _distinct(paper, layout.rows)
    for line in lines:
        labels = [_label(n, v) for n, v in zip(layout.rows, line, strict=True)]
        table.add([*labels, "paper", *grid.theirs(line)], "paper")
        cells = grid.ours(line)
        if cells is not None:
            table.add([*labels, "here", *cells])
        elif "model" not in layout.rows or plain(line[layout.rows.index("model")]) in CLIP:
            absent.append(" ".join(filter(None, labels)))
    for line in grid.others(lines):
        table.add([*(_label(n, v) for n, v in zip(layout.rows, line, strict=True)), "here", *(grid.ours(line) or [])])
    table.caption = " ".join([*grid.notes(), *_absent(layout, absent, ours)])
    return table


def _laid_out(rows: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """With a column for each of the layout's names, and what tells records apart."""
    names = [n for n in (*layout.rows, *layout.columns) if n not in rows]
    return rows.assign(**{n: column(rows, n) for n in names}, apart=[apart(p) for p in rows["params"]])


def apart(params: str) -> frozenset[tuple[str, str]]:
    """Params that tell records of one model, method and metric apart; not how a fit came about."""
    return frozenset((k, v) for k, v in parsed(params).items() if k not in ("lambda", "rule", "family", "testbed"))


def _distinct(rows: pd.DataFrame, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return list(rows[list(names)].drop_duplicates().itertuples(index=False, name=None))


def _in_order(root: Path, layout: Layout, paper: pd.DataFrame) -> pd.DataFrame:
    """As printed; Table 10's order is that of its own file, since CLIP's rows stand in a study's too."""
    path = root / FOLDER / "table10.csv"
    if layout.ref != "Table 10" or not path.exists():
        return paper
    rank = {model: i for i, model in enumerate(pd.read_csv(path)["model"])}
    return paper.sort_values("model", key=lambda names: names.map(rank), kind="stable")


def _label(name: str, value: str) -> str:
    """A reader's word for a value of a column or a key of params."""
    if name == "classes":
        return f"{int(value):,} classes"
    return "mean" if name == "dataset" and not value else SHORT.get(value, value)


def _headers(layout: Layout, columns: list[tuple[str, ...]]) -> list[str]:
    """Words of the columns, without the first where all have the same."""
    words = [[_label(name, value) for name, value in zip(layout.columns, c, strict=True)] for c in columns]
    if len({w[0] for w in words}) == 1 and len(words) > 1 and len(words[0]) > 1:
        words = [w[1:] for w in words]
    return [" ".join(dict.fromkeys(filter(None, w))).replace("_", " ") or "all" for w in words]


class Ours:
    """Records by study and data set, those that count and those left out; look-ups are many, frames are slow."""

    def __init__(self, pool: Pool) -> None:
        rows = pool.records[pool.records["scale"].ne("")] if len(pool.records) else pool.records
        self.at: dict[tuple[str, str], list[dict]] = {}
        for row in rows.to_dict("records"):
            row |= {k: v for k, v in parsed(row["params"]).items() if k not in row}
            row["plain"], row["apart"] = plain(row["model"]), apart(row["params"])
            self.at.setdefault((row["study"], plain(row["dataset"])), []).append(row)

    def of(self, studies: tuple[str, ...], dataset: str) -> list[dict]:
        return [row for study in studies for row in self.at.get((study, plain(dataset)), [])]

    def left_out(self, studies: tuple[str, ...]) -> int:
        return sum(row["left_out"] != "" for (study, _), rows in self.at.items() if study in studies for row in rows)


class Grid:
    """Cells of one table, the paper's and ours, with the letters of what is missing."""

    def __init__(self, layout: Layout, columns: list[tuple[str, ...]], paper: pd.DataFrame, ours: Ours) -> None:
        self.layout, self.columns = layout, columns
        self.named = layout.rows + layout.columns
        self.others_named = tuple(n for n in self.named if n != "model")
        self.paper, self.like = {}, {}  # the paper's cell, and one of any model in its place
        for row in paper.to_dict("records"):
            self.paper.setdefault(tuple(row[n] for n in self.named), row)
            self.like.setdefault(tuple(row[n] for n in self.others_named), row)
        self.rows = {d: ours.of(layout.studies, d) for d in dict.fromkeys(paper["dataset"])}
        self.reasons: dict[str, str] = {}

    def theirs(self, line: tuple[str, ...]) -> list[str]:
        cells = [self.paper.get(line + c) for c in self.columns]
        return [DASH if c is None else percent(c["value"]) for c in cells]

    def ours(self, line: tuple[str, ...]) -> list[str] | None:
        """None where no cell was measured."""
        cells = [self._ours(line, c) for c in self.columns]
        if not any(isinstance(c, Cell) for c in cells):
            return None
        return [c if isinstance(c, Cell) else self._letter(c) if c else DASH for c in cells]

    def _ours(self, line: tuple[str, ...], column: tuple[str, ...]) -> Cell | str:
        """The cell, or why there is none; "" where the paper has none either."""
        wanted = dict(zip(self.named, line + column, strict=True))
        like = self.paper.get(line + column) or self.like.get(tuple(wanted[n] for n in self.others_named))
        if like is None:
            return ""
        wanted = {n: like[n] for n in ("dataset", "model", "method", "metric", "apart")} | wanted
        models = [r for r in self.rows[wanted["dataset"]] if r["plain"] == plain(wanted["model"]) and r["method"] == wanted["method"]]
        found = [r for r in models if r["metric"] == wanted["metric"] and r["apart"] == wanted["apart"]]
        clean = [r for r in found if r["left_out"] == ""]
        if not clean:
            return self._why(wanted["metric"], models, found)
        row = [r for r in clean if r["study"] == clean[0]["study"]][-1]  # the study named first, its newest file
        wide = len(self.columns) + len(self.layout.rows) + 1 >= WIDE
        text = percent(row["value"]) if wide else with_interval(row["value"], row["ci_low"], row["ci_high"])
        return Cell(text, f"{row['file']}#{row['row']}" if row["file"] else "")

    def _why(self, metric: str, models: list[dict], found: list[dict]) -> str:
        if found:
            return found[0]["left_out"]
        other = list(dict.fromkeys(r["metric"] for r in models))
        return f"recorded as {', '.join(other)}, the paper has {metric}" if other and metric not in other else "not in any run"

    def _letter(self, reason: str) -> str:
        return DASH + self.reasons.setdefault(reason, string.ascii_lowercase[len(self.reasons) % 26])

    def others(self, lines: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Lines of models that the paper's table has not."""
        if "model" not in self.layout.rows:
            return []
        known = {tuple(plain(v) if n == "model" else v for n, v in zip(self.layout.rows, line, strict=True)) for line in lines}
        rest = {tuple(v for n, v in zip(self.layout.rows, line, strict=True) if n != "model") for line in lines}
        found = {}
        for row in (r for rows in self.rows.values() for r in rows if r["left_out"] == ""):
            values = {n: row.get(n, "") for n in self.layout.rows}
            marks = tuple(plain(v) if n == "model" else v for n, v in values.items())
            if marks not in known and tuple(v for n, v in values.items() if n != "model") in rest:
                found[marks] = tuple(values.values())
        return [line for line in found.values() if self.ours(line) is not None]

    def notes(self) -> list[str]:
        return [f"{DASH}{letter}: {reason}." for reason, letter in self.reasons.items()]


def _absent(layout: Layout, absent: list[str], ours: Ours) -> list[str]:
    if not absent:
        return []
    left = ours.left_out(layout.studies)
    why = f"no run here of {' or '.join(layout.studies)} holds records of them that count" + (f" ({left:,} are left out)" if left else "")
    return [f"Not measured here: {', '.join(dict.fromkeys(absent))}: {why}."]
