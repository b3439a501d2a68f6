"""Figures 10, 13 to 18 and 21: the paper's points are there, ours only where a run has them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "analysis"), str(Path(__file__).parent)]

from example_figure import examples  # noqa: E402
from fake_run import ARRAY, curve, row, write  # noqa: E402
from figures import training  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from paper_figures import figure_10, figure_20, figure_22, gflops, probes  # noqa: E402
from people_and_overlap import gendered_labels, hard_classes, overlap  # noqa: E402
from pool import Pool, make_pool, paper_pool  # noqa: E402
from published import published_records, table9  # noqa: E402
from reference import BEST, Reference  # noqa: E402
from results import ResultFile, Run, read_run  # noqa: E402
from robustness_figure import logit  # noqa: E402
from shift_figures import banded, figure_13, figure_14, figure_15, ours_of, table_13  # noqa: E402
from verdicts import SHIFTS7  # noqa: E402

PAPER = paper_pool(PROJECT)
NONE = Pool(PAPER.records.iloc[:0])


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def lines(axes: Axes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Points by label."""
    return {str(line.get_label()): line.get_data() for line in axes.lines}


def one_file(folder: Path, study: str, rows: list[tuple], arrays: dict[str, ARRAY] | None = None) -> tuple[ResultFile, Run]:
    write(folder / f"{study}.h5", study, rows, arrays)
    run = read_run(folder)
    return run.files[0], run


def shifts(model: str, method: str, sets: list[str], params: dict[str, str] | None = None) -> list[tuple]:
    """Source 0.90, 0.91, ..., shift 0.20 below."""
    params = {"source_set": "ImageNet"} | (params or {})
    return [r for i, d in enumerate(sets) for r in (row(d, model, method, "source_top1", 0.9 + i / 100, params),
                                                    row(d, model, method, "shift_top1", 0.7 + i / 100, params))]


def test_figure_10_is_the_mean_of_table_10_over_cost() -> None:
    twelve, all_27 = figure_10(PROJECT, NONE).axes
    table, cost = probes(PROJECT, published_records(PROJECT)), gflops(PROJECT)
    x, y = lines(all_27)["CLIP-ViT"]
    assert list(x) == [cost[m] for m in ("ViT-B/32", "ViT-B/16", "ViT-L/14", "ViT-L/14@336")]
    assert y[-1] == pytest.approx(table.loc[BEST].mean()) == pytest.approx(85.05, abs=0.01)
    assert len(lines(twelve)["EfficientNet, Noisy Student"][0]) == 8 and set(cost.index) <= set(table.index)


def test_figure_10_has_ours_with_all_the_data_sets_and_else_by_itself(tmp_path: Path) -> None:
    paper = PAPER.records[PAPER.records["model"].eq(BEST)].assign(study="representation")
    cost = paper.iloc[:1].assign(method="cost", metric="gflops", value=191.0)
    whole = figure_10(PROJECT, Pool(pd.concat([paper, cost])))
    assert len(whole.axes) == 2 and lines(whole.axes[1])["here"][1] == pytest.approx(lines(whole.axes[1])["CLIP-ViT"][1][-1:])
    rows = [row("", m, "cost", "gflops", g, {"family": "resnet"}) for m, g in (("rn-s", 0.02), ("lite0", 0.4))]
    rows += [row("", m, "linear-probe", "mean", v, {"summary": "mean", "suite": "3 data sets"}, width=0.02) for m, v in (("rn-s", 0.5), ("lite0", 0.6))]
    _, run = one_file(tmp_path / "own", "representation", rows)
    panel = figure_10(PROJECT, make_pool([run])).axes[2]
    assert "3 data sets" in panel.get_title(loc="left") and {c.get_label(): c.lines[0].get_ydata()[0] for c in panel.containers} == {"rn-s": 50.0, "lite0": 60.0}


def test_figures_20_and_22_have_a_panel_a_data_set(tmp_path: Path) -> None:
    table, cost = probes(PROJECT, published_records(PROJECT)), gflops(PROJECT)
    rows = [row("", "rn-s", "cost", "gflops", 0.02, {"family": "resnet"}), row("mnist", "rn-s", "linear-probe", "top1", 0.9), row("mnist", "rn-s", "zero-shot", "top1", 0.2),
            row("oxford_pets", "rn-s", "linear-probe", "top1", 0.5)]  # not the paper's metric: no point
    pool = make_pool([one_file(tmp_path / "own", "representation", rows)[1]])
    probed, zero_shot = ({a.get_title(loc="left").split("\n")[0]: lines(a) for a in f(PROJECT, pool).axes if a.axison} for f in (figure_20, figure_22))
    assert list(probed) == list(zero_shot) == list(table9(PROJECT)["dataset"])
    x, y = probed["Country211"]["EfficientNet"]
    assert list(zip(x, y, strict=True)) == [(cost[m], table.loc[m, "Country211"]) for m in (f"EfficientNet-B{i}" for i in range(8))]
    assert [d for d, drawn in probed.items() if "here" in drawn] == [d for d, drawn in zero_shot.items() if "here, zero-shot" in drawn] == ["MNIST"]
    assert (list(probed["MNIST"]["here"][0]), list(probed["MNIST"]["here"][1])) == ([0.02], [pytest.approx(90.0)])
    assert list(zero_shot["MNIST"]["CLIP-ViT, zero-shot"][1])[-1] == 88.3  # ViT-L/14@336 of Table 11
    assert list(zero_shot["MNIST"]["ResNet, probe"][1]) == list(table.loc[["ResNet-50", "ResNet-101", "ResNet-152"], "MNIST"])


def test_figure_13_has_the_papers_points_and_table() -> None:
    left, _ = figure_13(PROJECT, NONE).axes
    points = lines(left)
    assert len(points["zero-shot CLIP (paper)"][0]) == 9 and len(points["standard training (Taori et al.)"][0]) == 82
    head, rows = table_13(published_records(PROJECT), NONE)
    assert head[-1] == "Δ" and rows[0] == ["ImageNet", "76.2", "76.2", "0"] and rows[-1] == ["ImageNet-A", "2.7", "77.2", "+74.5"]
    head, rows = table_13(published_records(PROJECT), PAPER)
    assert head[-1] == "here" and rows[-1][-1] == "77.2"


def test_ours_are_means_over_all_seven_shifts_and_nothing_less(tmp_path: Path) -> None:
    rows = shifts("mine", "zero-shot", SHIFTS7) + shifts("half", "zero-shot", SHIFTS7[:6]) + shifts("mine", "few-shot", SHIFTS7, {"shots": "4"})
    rows += shifts("raw-pixels", "linear-probe", SHIFTS7, {"role": "baseline", "share": "1/1"})
    pool = make_pool([one_file(tmp_path / "own", "distribution_shift", rows)[1]])
    ours = ours_of(pool)
    assert list(ours["model"]) == ["mine", "mine"] and list(ours["source_top1"]) == pytest.approx([0.93] * 2)
    point = lines(figure_13(PROJECT, pool).axes[0])["zero-shot, here"]
    assert point[1] == pytest.approx(logit(np.array([0.73])))
    drawn = lines(figure_15(PROJECT, pool).axes[0])
    assert "few-shot, here" in drawn and len(drawn[f"few-shot {BEST} (paper)"][0]) == 9
    assert not any("here" in label for label in lines(figure_15(PROJECT, NONE).axes[0]))


def test_figure_15_has_our_curve_over_the_means_of_a_sources_shifts(tmp_path: Path) -> None:
    def at(shift_set: str, method: str, source: float, shift: float, shots: str = "") -> list[tuple]:
        params = {"source_set": "photo", "shots": shots}
        return [row(shift_set, "mine", method, "source_top1", source, params), row(shift_set, "mine", method, "shift_top1", shift, params)]

    rows = [r for pair, off in (("art", 0.0), ("sketch", 0.2)) for r in (
        at(pair, "zero-shot", 0.5, 0.6 - off) + at(pair, "linear-probe", 0.9, 0.7 - off)
        + at(pair, "few-shot", 0.6, 0.5 - off, "1") + at(pair, "few-shot", 0.601, 0.5 - off, "2") + at(pair, "few-shot", 0.7, 0.5 - off, "16"))]
    rows += at("art", "few-shot", 0.8, 0.1, "32")  # of one shift alone: no mean of both
    pool = make_pool([one_file(tmp_path / "own", "distribution_shift", rows)[1]])
    left, right = figure_15(PROJECT, pool).axes
    drawn = lines(right)
    assert drawn["few-shot mine, photo"][0] == pytest.approx(logit(np.array([0.6, 0.601, 0.7, 0.9])))
    assert drawn["few-shot mine, photo"][1] == pytest.approx(logit(np.array([0.4, 0.4, 0.4, 0.6])))
    assert drawn["zero-shot mine, photo"][1] == pytest.approx(logit(np.array([0.5])))
    assert [t.get_text() for t in right.texts] == ["all", "1", "16"]  # "2" would lie on "1"
    assert "few-shot, here" not in lines(left)  # the seven shifts of ImageNet alone
    assert len(figure_15(PROJECT, NONE).axes) == 1


def test_figure_14_compares_where_the_shift_has_imagenets_classes() -> None:
    scatter, probe, classes = figure_14(PROJECT, PAPER).axes
    assert [len(lines(scatter)[f"CLIP, {n} (paper)"][0]) for n in ("classes adapted to the shift", "ImageNet's classes", "fitted on ImageNet")] == [9, 9, 8]
    assert max(b.get_width() for b in classes.patches) == 26.9 and len(probe.patches) == 8
    gains, places = lines(probe)[f"{BEST} here"]
    names = [t.get_text() for t in probe.get_yticklabels()]
    assert {names[int(p)] for p in places} == {"ImageNet", "ImageNetV2", "ImageNet-A", "ImageNet-R", "ImageNet-Sketch"}
    assert list(gains) == pytest.approx([probe.patches[int(p)].get_width() for p in places], abs=0.051)  # both print one digit


def test_figure_14_has_what_adapting_the_classes_adds_here(tmp_path: Path) -> None:
    """ImageNet-Vid's classes have names of their own, the others' are the source's: no record of those by the source's names."""
    rows = shifts(BEST, "zero-shot", SHIFTS7) + shifts(BEST, "linear-probe", SHIFTS7)
    own = next(r[6] for r in rows if r[0].endswith("Vid") and r[2:5] == (BEST, "zero-shot", "shift_top1"))
    rows.append(row("ImageNet-Vid", BEST, "source-zero-shot", "shift_top1", own - 0.1, {"source_set": "ImageNet"}))
    rows.append(row("ImageNet-Vid", BEST, "source-zero-shot", "source_top1", 0.9, {"source_set": "ImageNet"}))
    pool = make_pool([one_file(tmp_path / "own", "distribution_shift", rows)[1]])
    scatter, probe, classes = figure_14(PROJECT, pool).axes
    names = [t.get_text() for t in classes.get_yticklabels()]
    gains = {names[int(at)]: gain for gain, at in zip(*lines(classes)[f"{BEST} here"], strict=True)}
    assert gains.pop("ImageNet-Vid") == pytest.approx(10) and len(gains) == 5 and set(gains.values()) == {0}
    names = [t.get_text() for t in probe.get_yticklabels()]
    fitted = {names[int(at)]: gain for gain, at in zip(*lines(probe)[f"{BEST} here"], strict=True)}
    assert set(fitted) == {"ImageNet", "ImageNet-Vid", "ImageNetV2", "ImageNet-A", "ImageNet-R", "ImageNet-Sketch"}
    drawn = lines(scatter)
    by_source, by_own = (drawn[label][1][0] for label in ("zero-shot, the source's classes, here", "zero-shot, here"))
    ours = ours_of(pool).set_index("method")["shift_top1"]
    assert ours["zero-shot"] - ours["source-zero-shot"] == pytest.approx(0.1 / 7) and by_source < by_own


def test_examples_show_the_likeliest_classes_and_the_right_one(tmp_path: Path) -> None:
    texts = [f"a photo of a {c}." for c in ("$a cat$", "dog", "cow", "pig", "hen", "eel")]
    said = np.array([[0.4, 0.2, 0.1, 0.08, 0.05, 0.01], [1, 2, 3, 4, 5, 17], [0, 0, 0, 0, 0, 1]])
    pixels = np.zeros((64 * 64, 3))
    pixels[64 * 63:, 0] = 255  # a red last row
    rows = [row(d, m, "zero-shot", "top1", 0.3) for d in ("zoo/a", "farm") for m in ("ViT-B/32", "rn-s")] + [row("farm", "ViT-B/32", "zero-shot", "top5", 0.5)]
    rows[0] = row("zoo/a", "ViT-B/32", "zero-shot", "top1", 0.6)
    arrays = {f"example/{d}/{m}": (texts, said, {"kind": "example", "dataset": d, "model": m}) for d in ("zoo/a", "farm") for m in ("ViT-B/32", "rn-s")}
    arrays |= {"picture/zoo/a": (["red", "green", "blue"], pixels, {"kind": "picture", "dataset": "zoo/a"})}
    file, run = one_file(tmp_path / "own", "zero_shot_vs_probe", rows, arrays)
    figure = examples(file, run, Reference.read(PROJECT, "zero_shot_vs_probe"))
    titles = {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_title(loc="left")}
    assert set(titles) == {f"{d}\na photo of a eel.\nrank 17, 1.00 %" for d in ("zoo/a", "farm")}
    zoo = next(axes for title, axes in titles.items() if title.startswith("zoo"))
    assert [bar.get_width() for bar in zoo.patches] == [40, 20, 10, 8, 5] and [t.get_text() for t in zoo.texts] == texts[:5]
    (inset,) = zoo.child_axes
    assert inset.images[0].get_array()[63, 5].tolist() == [1, 0, 0]
    plain, run = one_file(tmp_path / "old", "zero_shot_vs_probe", rows)
    assert examples(plain, run, Reference.read(PROJECT, "zero_shot_vs_probe")) is None


def test_figure_18_has_each_genders_labels_in_the_order_of_their_rate(tmp_path: Path) -> None:
    given = {"tie": (0.9, 0.1), "suit": (0.95, 0.3), "dress, $b_lue$": (0.0, 0.4), "hair": (0.2, 0.8)}  # men, women
    rows = [r for label, (men, women) in given.items() for r in (
        row("Congress", "rn-s", "zero-shot", "p_value", 0.001, {"label": label, "threshold": "0.04"}),
        row("Congress", "rn-s", "zero-shot", "label_rate", men, {"label": label, "threshold": "0.04", "group": "male"}),
        row("Congress", "rn-s", "zero-shot", "label_rate", women, {"label": label, "threshold": "0.04", "group": "female"}))]
    file, run = one_file(tmp_path / "own", "bias", rows)
    women, men = gendered_labels(file, run, Reference.read(PROJECT, "bias")).axes
    assert [t.get_text() for t in women.get_yticklabels()] == ["dress, $b_lue$", "hair"] and [t.get_text() for t in men.get_yticklabels()] == ["tie", "suit"]
    assert [b.get_width() for b in men.patches] == pytest.approx([10, 30, 90, 95])
    none, run = one_file(tmp_path / "none", "bias", [row("FairFace", "rn-s", "zero-shot", "top1", 0.5, {"attribute": "race"})])
    assert gendered_labels(none, run, Reference.read(PROJECT, "bias")) is None


def test_the_band_holds_the_line() -> None:
    _, axes = plt.subplots()
    x = np.linspace(0.6, 0.95, 40)
    part = pd.DataFrame({"source_top1": x, "shift_top1": 1 / (1 + np.exp(-(0.5 * logit(x) - 1 + 0.1 * np.sin(40 * x))))})
    banded(axes, part, "black")
    band, (_, y) = axes.collections[0].get_paths()[0].vertices, axes.lines[0].get_data()
    assert y[-1] == pytest.approx(0.5 * logit(np.array([0.95]))[0] - 1, abs=0.1)  # the waves are 0.1 high
    assert band[:, 1].min() < y[0] < y[-1] < band[:, 1].max()


def test_classes_stand_in_the_order_of_people_else_of_the_model(tmp_path: Path) -> None:
    shots, of_pets = ["zero-shot", "one-shot", "two-shot"], {"kind": "classes", "dataset": "pets"}
    people, model = np.array([[0.9, 1.0, 0.0], [0.1, 0.2, 0.0], [0.5, 0.4, 0.0]]), np.array([[0.2, 0.3, 0.4], [0.6, 0.5, 0.7], [0.1, 0.8, 0.9]])
    rows = [row("pets", "rn-s", "zero-shot", "mean_per_class", 0.3)]
    file, run = one_file(tmp_path / "both", "human_comparison", rows, {"classes/pets/human": (shots, people, of_pets | {"model": "human"}), "classes/pets/rn-s": (shots, model, of_pets | {"model": "rn-s"})})
    (axes,) = hard_classes(file, run, Reference.read(PROJECT, "human_comparison")).axes
    drawn = {label: y for label, (_, y) in lines(axes).items()}
    assert list(drawn) == ["people, zero-shot", "people, one-shot", "rn-s, zero-shot", "rn-s, one-shot", "rn-s, two-shot"]  # nobody was asked with two
    assert list(drawn["people, zero-shot"]) == [10.0, 50.0, 90.0] and list(drawn["rn-s, zero-shot"]) == pytest.approx([60.0, 10.0, 20.0])
    file, run = one_file(tmp_path / "alone", "human_comparison", rows, {"classes/pets/rn-s": (shots, model, of_pets | {"model": "rn-s"})})
    (axes,) = hard_classes(file, run, Reference.read(PROJECT, "human_comparison")).axes
    assert "hardest first for rn-s" in axes.get_xlabel() and list(lines(axes)["rn-s, zero-shot"][1]) == pytest.approx([10.0, 20.0, 60.0])


def test_overlap_is_drawn_over_its_share_with_the_papers_seven(tmp_path: Path) -> None:
    rows = [row(d, "", "overlap", "share", s) for d, s in (("cifar10", 0.05), ("mnist", 0.0))]
    rows += [row(d, "rn-s", "overlap", "gain", g, {"pictures": "all", "minus": "clean"}, width=0.001) for d, g in (("cifar10", 0.004), ("mnist", 0.0))]
    rows += [row("cifar10", "rn-s", "overlap", "difference", 0.08, {"pictures": "overlap", "minus": "clean", "level": "0.995"}, width=0.03),
             row("cifar10", "rn-s", "overlap", "p_value", 0.0004, {"pictures": "overlap", "minus": "clean", "test": "binomial"}, width=0.0)]
    file, run = one_file(tmp_path / "own", "data_overlap", rows)
    left, right = overlap(file, run, Reference.read(PROJECT, "data_overlap")).axes
    groups = {c.get_label(): c.lines[0].get_data() for c in (*left.containers, *right.containers)}
    assert set(groups) == {"rn-s, p < 0.001", "rn-s, none seen"}
    assert [c.lines[0].get_data() for c in left.containers] == [(pytest.approx([5.0]), pytest.approx([8.0]))]
    low, high = left.containers[0].lines[2][0].get_segments()[0][:, 1]
    assert (low, high) == (pytest.approx(5.0), pytest.approx(11.0))
    assert len(lines(right)["RN50x64 (paper, 7 of 35 sets read off)"][0]) == 7
    nothing, run = one_file(tmp_path / "none", "data_overlap", [r for r in rows if r[0] == "mnist"])
    left, _ = overlap(nothing, run, Reference.read(PROJECT, "data_overlap")).axes
    assert "nothing to compare" in left.texts[0].get_text()


def test_what_was_watched_is_drawn_over_the_pairs_seen(tmp_path: Path) -> None:
    watched = (["step", "zero-shot fashion_mnist", "recall1 drawings image-to-text"], np.array([[600.0, 0.21, 0.05], [1190.0, 0.35, np.nan]]))
    for name, arrays in (("plain", {}), ("watched", {"watched": watched})):
        write(tmp_path / name / "train_vit-s.h5", "train", [row("drawings", "vit-s", "train", "loss", 1.3, {"batch": "256"}, 256, 0.0)],
              {"curve": curve("vit-s")} | arrays)
    panels = training(read_run(tmp_path / "watched")).axes
    assert len(panels) == 3 and panels[2].get_ylabel() == "%"
    x, y = lines(panels[2])["vit-s: zero-shot fashion_mnist"]
    assert list(x) == pytest.approx([600 * 256, 1190 * 256]) and list(y) == pytest.approx([21, 35])
    assert len(training(read_run(tmp_path / "plain")).axes) == 2
