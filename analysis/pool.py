"""All records of a report's runs in one frame, those fit for the paper's tables marked: not from a smoke run, a dirty
tree or a limited run, and not superseded by a later file of the same study and seed. Runs that differ in their seed alone are
pooled: their mean stands for them.

Each record knows its file and row, so that a number in the report links to where it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from intervals import Z, t_half_width
from params import column
from published import PAPER_MODELS, published_records
from reference import plain
from results import ResultFile, Run
from study_tables import are_baselines, named_plainly

KEY = ["study", "dataset", "split", "model", "method", "metric", "params"]
_PAPER = {plain(m) for m in PAPER_MODELS}
NOT_MODELS = ("fit", "floor", "cost")


@dataclass
class Pool:
    """`records`: every record with run, file, row, study and `left_out` ("" where it counts)."""

    records: pd.DataFrame
    files: dict[str, ResultFile] = field(default_factory=dict)  # "run/name.h5"
    exact: bool = False  # printed numbers, which have no intervals and need none

    @property
    def clean(self) -> pd.DataFrame:
        return self.records[self.records["left_out"] == ""]

    def counts(self) -> dict[str, int]:
        """Left-out records by reason."""
        reasons = self.records.loc[self.records["left_out"] != "", "left_out"]
        return {str(k): int(v) for k, v in reasons.value_counts().items()}


def make_pool(runs: list[Run]) -> Pool:
    frames, files = [], {}
    for run in runs:
        trained = {plain(name) for name in run.training()}
        for file in run.studies():
            where = file.where
            files[where] = file
            frame = file.records.assign(study=file.experiment, file=where, row=range(len(file.records)),
                                        date=file.provenance.get("date", ""), seed=file.provenance.get("seed", ""), recipe=recipe_of(file), left_out=why_left_out(file))
            frame["scale"] = scales_of(frame, trained, baselines_of(file))
            frames.append(frame)
    if not frames:
        return Pool(pd.DataFrame(columns=[*KEY, "value", "ci_low", "ci_high", "n", "file", "row", "date", "left_out", "scale"]))
    records = pd.concat(frames, ignore_index=True)
    records.loc[superseded(records), "left_out"] = "superseded by a later file of the same study"
    return Pool(pooled(records), files)


def baselines_of(file: ResultFile) -> set[str]:
    """`model.baselines` of the run: encoders that others trained, without a text tower; their scale is "others"."""
    line = re.search(r"^model\.baselines = (.*)$", file.config, re.MULTILINE)
    return set(line[1].split(",")) if line and line[1] else set()


def paper_pool(root: Path) -> Pool:
    """What the paper printed as if it were runs of its models; the ImageNet models of others are no such run."""
    rows = published_records(root)
    rows = rows[column(rows, "testbed").eq("")].assign(split="test", file="", row=0, date="", left_out="")
    return Pool(rows.assign(scale=scales_of(rows, set(), set())), exact=True)


def why_left_out(file: ResultFile) -> str:
    if file.smoke:
        return "from a smoke run"
    if file.dirty:
        return "from a dirty tree"
    return "from a run with --limit" if file.provenance.get("limit", "") not in ("", "no") else ""


def superseded(records: pd.DataFrame) -> pd.Series:
    """Records that a later file measured again, unless by another seed of the same recipe; files of one date count by their order."""
    fit = records[records["left_out"] == ""]
    order = fit.sort_values(["date", "file"], kind="stable")
    named = named_plainly(order)
    last, recipe = named.groupby([*KEY, "seed"])["file"].transform("last"), named.groupby(KEY)["recipe"].transform("last")
    old = pd.Series(False, index=records.index)
    old[order.index[(order["file"] != last) | (order["recipe"] != recipe)]] = True
    return old


def recipe_of(file: ResultFile) -> str:
    """The configuration without its seed: files of one recipe measure one quantity."""
    return "\n".join(line for line in file.config.splitlines() if not line.startswith("seed ="))


def pooled(records: pd.DataFrame) -> pd.DataFrame:
    """A record for the seeds of one quantity: their mean, whose interval holds the spread of seeds (Student's t) and the test pictures'
    sampling, which the seeds share. The seeds' own records stand below it, left out."""
    fit = named_plainly(records[records["left_out"] == ""])
    parts, new = fit.groupby(KEY)["seed"].transform("nunique") > 1, []
    for _, rows in fit[parts].groupby(KEY, sort=False):
        count, mean = len(rows), float(rows["value"].mean())
        of_seeds = float(rows["value"].var(ddof=1)) / count
        sampling = (float((rows["ci_high"] - rows["ci_low"]).mean()) / (2 * Z)) ** 2
        half = t_half_width(of_seeds, count - 1, sampling)
        covers = f"t({count} seeds, pictures)" if half > 0 else "none"
        new.append(records.loc[rows.index[-1]].to_dict() | {"value": mean, "ci_low": mean - half, "ci_high": mean + half, "interval": covers,
                                                              "seed": f"{count} seeds"})
    if not new:
        return records
    records.loc[fit.index[parts], "left_out"] = "pooled with other seeds of the same recipe"
    return pd.concat([records, pd.DataFrame(new)], ignore_index=True)


def scales_of(records: pd.DataFrame, trained: set[str], others: set[str]) -> list[str]:
    """"others": model.baselines; "paper": released weights of the paper's sizes; "miniature": any other trained model; "": floors, fits, untrained
    encoders."""
    none = are_baselines(records) | records["model"].eq("")
    sizes = {m: "others" if m in others else "paper" if plain(m) in _PAPER and plain(m) not in trained else "miniature" for m in records["model"].unique()}
    return ["" if floor else sizes[m] for floor, m in zip(none, records["model"], strict=True)]
