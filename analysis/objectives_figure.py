"""Figure 2: zero-shot accuracy against pictures processed, a curve an objective, this run's next to the paper's."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter

from figures import COLOURS, panels
from params import column, pick
from reference import Reference
from results import ResultFile, Run
from study_tables import MEAN, at, first

TITLES = {"transformer_lm": "transformer language model", "bow_prediction": "bag of words prediction", "contrastive_bow": "bag of words contrastive",
          "contrastive": "transformer contrastive"}


def curve_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with column `images`, in its order; those without a number of pictures are left out."""
    rows = rows.assign(images=pd.to_numeric(column(rows, "images"), errors="coerce")).dropna(subset=["images"])
    return rows.sort_values("images")


def draw(axes: Axes, curves: dict[str, pd.DataFrame], percent: float) -> None:
    for (name, title), colour in zip(TITLES.items(), COLOURS, strict=False):
        curve = curves.get(name)
        if curve is not None and len(curve):
            axes.plot(curve["images"], percent * curve["value"], "o-", color=colour, markersize=4, label=title)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="pictures processed", ylabel="zero-shot top-1, %")


def objectives_figure(file: ResultFile, _: Run, reference: Reference) -> Figure | None:
    mean = pick(file.records, **at(MEAN), method="zero-shot", metric="top1")
    ours = {name: curve_of(pick(mean, model=name)) for name in TITLES}
    if not any(len(curve) for curve in ours.values()):
        return None
    paper_rows = reference.rows(paper_ref="Fig 2", method="zero-shot")
    figure, (left, right) = panels(2)
    draw(left, ours, 100)
    floor = first(file.records, **at(MEAN), model="majority-class", method="floor", metric="top1")
    if floor is not None:
        left.axhline(100 * floor["value"], color="0.5", linewidth=0.8, linestyle=":", label="majority class")
    draw(right, {name: curve_of(paper_rows[paper_rows["model"] == name]) for name in TITLES}, 1)
    left.set_title("this run, mean over the data sets")
    right.set_title("paper, Fig 2 (ImageNet, read off)")
    right.legend(*left.get_legend_handles_labels(), fontsize=7.5, loc="upper left")  # the room that is free in both
    return figure
