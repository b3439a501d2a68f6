"""Writes figures in processes of their own beside the making of the report: layout and drawing take half of its time."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.connection import wait
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure


class Gallery:
    """Figures of one folder, name.svg and name.png each; at most `at_once` (default: the cores at hand) are written at a time."""

    def __init__(self, folder: Path, at_once: int | None = None) -> None:
        self.folder = folder
        self._at_once = at_once or len(os.sched_getaffinity(0))
        self._context = multiprocessing.get_context("fork")  # the figure is there without a copy
        self._running: dict[int, tuple[str, multiprocessing.process.BaseProcess]] = {}
        self._failed: list[str] = []

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *_: object) -> None:
        """What is not finished is given up."""
        for _, process in self._running.values():
            process.terminate()
            process.join()

    def add(self, figure: Figure, name: str) -> None:
        """Begins to write it and closes it here. Files are whole after `finish` alone."""
        while len(self._running) >= self._at_once:
            self._reap(wait(list(self._running)))
        sys.stdout.flush()
        process = self._context.Process(target=save, args=(figure, self.folder, name), name=name, daemon=True)
        process.start()
        self._running[process.sentinel] = (name, process)
        plt.close(figure)

    def finish(self) -> list[str]:
        """Waits for all; the names of those that could not be written, whose errors stand on stderr and whose files are removed."""
        while self._running:
            self._reap(wait(list(self._running)))
        return sorted(self._failed)

    def _reap(self, ended: list) -> None:
        for sentinel in ended:
            name, process = self._running.pop(sentinel)
            process.join()
            if process.exitcode != 0:
                self._failed.append(name)
                for suffix in ("svg", "png"):
                    (self.folder / f"{name}.{suffix}").unlink(missing_ok=True)


def save(figure: Figure, folder: Path, name: str) -> None:
    """SVG for the report, PNG on white for everything else. The layout, most of the work, is computed once; figures of many panels
    bring their own."""
    if figure.get_layout_engine() is not None:
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # inches around, where no crop follows
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=130, facecolor="white")
