"""Writes figures in processes of their own next to the making of the report: layout and drawing take half of its time."""

from __future__ import annotations

import multiprocessing
import os
import sys
import warnings
from multiprocessing.connection import wait
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from clean import said

WHY = "why"  # suffix of the file by which a process says what went wrong


class Gallery:
    """Figures of one folder, name.svg and name.png each; at most `at_once` (default: the cores at hand) are written at a time."""

    def __init__(self, folder: Path, at_once: int | None = None) -> None:
        self.folder = folder
        self._at_once = at_once or len(os.sched_getaffinity(0))
        self._context = multiprocessing.get_context("fork")  # the figure is there without a copy
        self._running: dict[int, tuple[str, multiprocessing.process.BaseProcess]] = {}
        self._failed: dict[str, str] = {}

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
        process = self._context.Process(target=_save_or_say_why, args=(figure, self.folder, name), name=name, daemon=True)
        process.start()
        self._running[process.sentinel] = (name, process)
        plt.close(figure)

    def finish(self) -> dict[str, str]:
        """Waits for all; those that could not be written, whose files are removed, and why."""
        while self._running:
            self._reap(wait(list(self._running)))
        return dict(sorted(self._failed.items()))

    def _reap(self, ended: list) -> None:
        for sentinel in ended:
            name, process = self._running.pop(sentinel)
            process.join()
            why = self.folder / f"{name}.{WHY}"
            if process.exitcode != 0:
                said = why.read_text(encoding="utf-8") if why.exists() else f"its process ended with {process.exitcode}"
                self._failed[name] = said
                for suffix in ("svg", "png", WHY):
                    (self.folder / f"{name}.{suffix}").unlink(missing_ok=True)


def _save_or_say_why(figure: Figure, folder: Path, name: str) -> None:
    warnings.simplefilter("ignore", UserWarning)  # of characters that the font lacks, a line each
    try:
        save(figure, folder, name)
    except Exception as error:  # noqa: BLE001  # whatever fails, the other figures come
        (folder / f"{name}.{WHY}").write_text(said(error), encoding="utf-8")
        sys.exit(1)


def save(figure: Figure, folder: Path, name: str) -> None:
    """SVG for the report, PNG on white for everything else. The layout, most of the work, is computed once; figures of many panels
    bring their own."""
    if figure.get_layout_engine() is not None:
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # inches around, where no crop follows
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=130, facecolor="white")
