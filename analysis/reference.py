"""The paper's published numbers: experiments/<study>/reference.csv, one fact a row with where it was read.

Values keep the paper's own unit (mostly percent). Columns other than COLUMNS are params, keys as in results/README.md. Data sets and models are matched by their letters and
digits alone, so that our "cifar10" finds the paper's "CIFAR10"."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from params import pick, to_text

COLUMNS = ["paper_ref", "dataset", "model", "method", "metric", "value", "unit", "source"]
ALIASES = {"oxfordpets": "pets", "stanfordcars": "cars", "clevr": "clevrcounts", "youtubebb": "ytbb"}
SMALLEST, BEST = "RN50", "ViT-L/14@336"  # the two ends of the paper's models, shown next to ours


def plain(name: str) -> str:
    """Letters and digits only, lower case, and our name for the paper's: "Food-101" -> "food101", "OxfordPets" -> "pets"."""
    short = re.sub(r"[^a-z0-9]", "", name.lower())
    return ALIASES.get(short, short)


def read_reference(path: Path) -> pd.DataFrame:
    """COLUMNS and the text column `params`."""
    frame = pd.read_csv(path, keep_default_na=False, dtype=str)
    keys = [c for c in frame.columns if c not in COLUMNS]
    if missing := set(COLUMNS) - set(frame.columns):
        raise ValueError(f"{path}: no column {', '.join(sorted(missing))}, expected {', '.join(COLUMNS)} and a column for each key of params")
    texts = [to_text(dict(zip(keys, row, strict=True))) for row in frame[keys].itertuples(index=False, name=None)]
    return frame[COLUMNS].assign(params=pd.Series(texts, frame.index, dtype="str"), value=frame["value"].astype(float))


class Reference:
    """Look-ups in one study's reference.csv."""

    def __init__(self, frame: pd.DataFrame, root: Path | None = None) -> None:
        self.frame, self.root = frame, root

    @classmethod
    def read(cls, root: Path, study: str) -> Reference:
        path = root / "experiments" / study / "reference.csv"
        if not path.exists():
            return cls(pd.DataFrame(columns=[*COLUMNS, "params"]), root)
        return cls(read_reference(path), root)

    def rows(self, **where: str) -> pd.DataFrame:
        """Rows whose columns and params equal `where`."""
        return pick(self.frame, **where)

    def value(self, **where: str) -> float | None:
        """The first such row's value, None without one."""
        chosen = self.rows(**where)
        return float(chosen["value"].iloc[0]) if len(chosen) else None

    def cell(self, dataset: str, model: str, method: str) -> float | None:
        """The score of the main tables (10 and 11) for a data set of ours that the paper has too."""
        chosen = self.rows(model=model, method=method)
        chosen = chosen[chosen["paper_ref"].isin(["Table 10", "Table 11"])]
        chosen = chosen[chosen["dataset"].map(plain) == plain(dataset)]
        return float(chosen["value"].iloc[0]) if len(chosen) else None

    def has_model(self, model: str) -> bool:
        return plain(model) in set(self.frame["model"].map(plain))

    def pairs(self) -> float | None:
        return self.value(method="training", metric="pairs")
