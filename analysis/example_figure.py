"""Figure 21: one picture at random of each data set, and what the best model takes it for."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import COLOURS, GREY
from headline import best_model
from reference import Reference
from results import ResultFile, Run

COLUMNS, LIKELIEST = 3, 5
RIGHT, WRONG = COLOURS[2], COLOURS[4]
TEXT_WIDTH = 44  # letters


def examples(file: ResultFile, _: Run, reference: Reference) -> Figure | None:
    """A panel a data set: the picture, the five likeliest classes, and the right one's rank and probability."""
    model = best_model(file)
    said = {file.array_params[name]["dataset"]: file.array(name) for name in file.arrays(kind="example", model=model or "")}
    if not said:
        return None
    rows = -(-len(said) // COLUMNS)
    figure, grid = plt.subplots(rows, COLUMNS, figsize=(9.6, 2.1 * rows), layout="constrained", squeeze=False)
    for axes in list(grid.flat)[len(said):]:
        axes.set_axis_off()
    for axes, (dataset, classes) in zip(grid.flat, said.items(), strict=False):
        draw_example(axes, dataset, classes, picture(file, dataset))
    return figure


def picture(file: ResultFile, dataset: str) -> np.ndarray | None:
    """[side, side, 3] in [0, 1]."""
    names = file.arrays(kind="picture", dataset=dataset)
    if not names:
        return None
    pixels = file.array(names[0]).to_numpy() / 255
    side = round(len(pixels) ** 0.5)
    return pixels.reshape(side, side, 3).clip(0, 1)


def draw_example(axes: Axes, dataset: str, classes: pd.DataFrame, pixels: np.ndarray | None) -> None:
    probability, rank, right = classes.to_numpy()
    likeliest = slice(0, LIKELIEST)
    heights = -np.arange(len(probability[likeliest]))
    axes.barh(heights, 100 * probability[likeliest], height=0.9, color=[RIGHT if r else WRONG for r in right[likeliest]], alpha=0.55)
    for at, text in zip(heights, classes.columns[likeliest], strict=True):
        axes.annotate(textwrap.shorten(text, TEXT_WIDTH, placeholder=" …"), (1, at), fontsize=6.5, va="center")
    axes.set(xlim=(0, 100), ylim=(-LIKELIEST + 0.4, 0.6), yticks=[])
    axes.tick_params(axis="x", labelsize=6.5)
    title = dataset
    if right.any():
        first = int(np.argmax(right))
        name = textwrap.shorten(classes.columns[first], TEXT_WIDTH, placeholder=" …")
        title += f"\n{name}\nrank {rank[first]:.0f}, {100 * probability[first]:.2f} %"
    axes.set_title(title, fontsize=7)
    if pixels is not None:
        inset = axes.inset_axes((0.72, 0.06, 0.26, 0.5))
        inset.imshow(pixels, aspect="equal", interpolation="antialiased")
        inset.set(xticks=[], yticks=[])
        inset.grid(visible=False)
        inset.spines[:].set(visible=True, color=GREY)
