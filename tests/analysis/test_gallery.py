"""Figures written in processes of their own: the same files as in one, failures named, nothing left running."""

from __future__ import annotations

import time
from pathlib import Path

import document
import matplotlib.pyplot as plt
import pytest
from fake_run import write_run
from freshness import deviations
from gallery import Gallery, save
from matplotlib.figure import Figure
from results import read_run


def drawing(title: str) -> Figure:
    figure, axes = plt.subplots(layout="constrained")
    axes.plot([1, 2, 3], [2, 1, 3], label=title)
    axes.set_title(title)
    axes.legend()
    return figure


@pytest.mark.parametrize("at_once", [1, 3])
def test_the_files_are_those_of_one_process(tmp_path: Path, at_once: int) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    one.mkdir()
    many.mkdir()
    names = [f"figure_{i}" for i in range(5)]
    with Gallery(many, at_once) as gallery:
        for name in names:
            gallery.add(drawing(name), name)
        assert gallery.finish() == {}
    assert not plt.get_fignums()
    for name in names:
        save(drawing(name), one, name)
        for suffix in ("svg", "png"):
            assert (many / f"{name}.{suffix}").read_bytes() == (one / f"{name}.{suffix}").read_bytes()
    plt.close("all")


def test_a_figure_that_cannot_be_drawn_is_named_and_the_others_come(tmp_path: Path) -> None:
    bad = drawing("bad")
    bad.axes[0].set_title(r"$\frac{$", parse_math=True)  # mathtext that does not parse, seen when it is drawn
    with Gallery(tmp_path) as gallery:
        gallery.add(bad, "bad")
        gallery.add(drawing("good"), "good")
        (name, why), = gallery.finish().items()
    assert name == "bad" and why.startswith("ValueError: ") and "frac" in why
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good.png", "good.svg"]


def test_a_report_counts_it_and_has_no_place_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(document.__file__).parent.parent
    run = read_run(write_run(tmp_path / "fake-0badf00d"))

    def broken(figure: Figure, folder: Path, name: str) -> None:
        if name == "fig4_prompts":
            raise RuntimeError("no ink")
        save(figure, folder, name)

    monkeypatch.setattr("gallery.save", broken)
    sections = document.build(root, [run], tmp_path, deviations(root))
    pictures = [b.name for s in sections for b in s.blocks if isinstance(b, document.Picture)]
    assert "fig4_prompts" not in pictures and "fig5_zero_shot_minus_probe" in pictures
    assert "figure fig4_prompts could not be drawn (RuntimeError: no ink)" in [b.text for b in sections[0].blocks if isinstance(b, document.Text)]
    assert sorted({p.stem for p in tmp_path.glob("*.svg")}) == sorted(pictures)


def test_what_is_given_up_does_not_run_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.save", lambda *_: time.sleep(60))
    begun = time.monotonic()
    with pytest.raises(KeyError), Gallery(tmp_path) as gallery:
        gallery.add(drawing("long"), "long")
        raise KeyError
    assert time.monotonic() - begun < 20
