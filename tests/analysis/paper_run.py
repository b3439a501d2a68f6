"""The paper's numbers as result files of the released models: what a run on them would leave if it measured exactly
what the paper printed. For tests of the claims; run alone it fills a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import fake_run
import pandas as pd
from pool import paper_pool

COLUMNS = ["dataset", "split", "model", "method", "metric", "params", "value", "ci_low", "ci_high", "n"]


def write_paper_run(root: Path, folder: Path, records: pd.DataFrame | None = None, **provenance: str) -> Path:
    rows = paper_pool(root).records if records is None else records
    for study, part in rows[rows["study"] != ""].groupby("study"):
        fake_run.write(folder / f"{study}.h5", str(study), part[COLUMNS].itertuples(index=False, name=None), **provenance)
    return folder


if __name__ == "__main__":
    write_paper_run(Path(__file__).resolve().parents[2], Path(sys.argv[1]))
