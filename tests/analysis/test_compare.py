"""Paired tests: hand-computed and published values, limits in agreement with each other, and what cannot be compared."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
from pathlib import Path

import compare
import numpy as np
import pytest
from conftest import PROJECT, project_copy
from fake_run import row, write
from paired import by_class, compared, holm
from results import ResultError, read_run
from scipy.stats import chi2, t


def rights(n: int, both: int, only_a: int, only_b: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.zeros(n, bool), np.zeros(n, bool)
    a[:both + only_a] = True
    b[:both] = b[both + only_a:both + only_a + only_b] = True
    return a, b


def mcnemar(only_a: int, only_b: int) -> float:
    """statsmodels.stats.contingency_tables.mcnemar(exact=False, correction=False)."""
    return float(chi2.sf((only_a - only_b) ** 2 / (only_a + only_b), 1))


@pytest.mark.parametrize(("only_a", "only_b"), [(2, 8), (0, 5), (5, 5), (59, 121)])
def test_without_weights_it_is_mcnemars_test(only_a: int, only_b: int) -> None:
    assert compared(*rights(300, 40, only_a, only_b)).p == pytest.approx(mcnemar(only_a, only_b), rel=1e-9)
    assert compared(*rights(300, 40, 0, 0)).p == 1.0


def test_interval_and_p_never_contradict_one_another() -> None:
    rng = np.random.default_rng(3)
    for _ in range(400):
        n = int(rng.integers(5, 80))
        a, b = rng.random(n) < rng.random(), rng.random(n) < rng.random()
        labels, clusters = rng.integers(0, 4, n), rng.integers(0, max(2, n // 3), n)
        for weights, groups in itertools.product((None, by_class(labels)), (None, clusters)):
            found = compared(a, b, weights, groups)
            outside = found.interval[0] > 1e-9 or found.interval[1] < -1e-9
            assert outside == (found.p < 0.05) or abs(found.p - 0.05) < 1e-6
            assert found.interval[0] < found.difference + 1e-9 and found.interval[1] > found.difference - 1e-9
            assert found.interval[1] > found.interval[0] + 1e-6, "an interval has a width, whatever the sample"


def test_one_picture_a_class_has_an_honest_width() -> None:
    """Was +0.30 [0.30, 0.30] beside p = 0.17."""
    a, b = rights(10, 2, 1, 4)
    found = compared(a, b, by_class(np.arange(10)))
    assert found.difference == pytest.approx(0.3) and found.p > 0.1 and found.interval[0] < 0 < found.interval[1]


def test_frames_of_a_clip_count_by_their_sum() -> None:
    a, b = np.repeat(rights(30, 10, 4, 10), 10, axis=1)
    clips = np.repeat(np.arange(30), 10)
    alone = compared(*rights(30, 10, 4, 10))
    assert compared(a, b, clusters=clips).p == pytest.approx(2 * t.sf(6 / math.sqrt(14), 29)) and compared(a, b).p < 1e-4 < alone.p


def test_holm_gives_the_values_of_the_formula() -> None:
    """As statsmodels' multipletests(method='holm') for these: 4, 3, 2, 1 times the sorted p, never falling, at most 1."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0] and holm([]) == [] and holm([0.02]) == [0.02]


def test_the_interval_is_near_that_of_resampled_pairs() -> None:
    a, b = rights(400, 200, 30, 60)
    paired = compared(a, b)
    assert (paired.a, paired.b) == pytest.approx((230 / 400, 260 / 400)) and (paired.only_a, paired.only_b) == (30, 60)
    sd = math.sqrt((90 / 400 - 0.075**2) / 400)
    assert paired.interval[1] - paired.interval[0] == pytest.approx(2 * 1.96 * sd, rel=0.03)
    independent = math.sqrt((0.575 * 0.425 + 0.65 * 0.35) / 400)
    assert paired.interval[1] - paired.interval[0] < 0.8 * 2 * 1.96 * independent  # what pairing is for


def test_means_over_classes_weigh_each_class_alike() -> None:
    labels = np.repeat([0, 1], [2, 8])
    a = np.array([1, 0, *[0] * 8], bool)
    b = np.array([0, 0, *[1] * 4, *[0] * 4], bool)
    paired = compared(a, b, by_class(labels))
    assert (paired.a, paired.b) == (0.25, 0.25) and (paired.only_a, paired.only_b) == (1, 4) and paired.p == 1.0
    one = compared(*rights(100, 50, 9, 21), by_class(np.zeros(100, int)))
    assert one.p == pytest.approx(mcnemar(9, 21)) and one.interval == pytest.approx(compared(*rights(100, 50, 9, 21)).interval)


def test_a_mean_over_classes_agrees_with_all_swaps() -> None:
    """p over all 2^9 swaps of discordant samples; the normal distribution is near it."""
    labels = np.repeat([0, 1], [6, 20])
    a, b = np.zeros(26, bool), np.zeros(26, bool)
    b[[0, 1, 2, 6, 7, 8, 9]] = True
    a[[10, 11]] = True
    weights = np.array([*[1 / 12] * 3, *[1 / 40] * 6])
    seen = abs(3 / 12 + (4 - 2) / 40)
    exact = np.mean([abs(weights @ signs) >= seen - 1e-12 for signs in itertools.product((-1, 1), repeat=9)])
    assert compared(a, b, by_class(labels)).p == pytest.approx(exact, abs=0.06) and 0.01 < exact < 0.5


def run_of(folder: Path, right: dict[str, np.ndarray], model: str = "vit-s", data: str = "mnist/test@1", method: str = "zero-shot") -> Path:
    arrays, rows = {}, []
    for dataset, ok in right.items():
        labels = np.arange(len(ok)) % 5
        arrays[f"scores/{dataset}/{model}/{method}"] = (["label", "rank", "predicted", "confidence"],
                                                        np.column_stack([labels, np.where(ok, 0, 3), np.where(ok, labels, 9), np.full(len(ok), 0.5)]),
                                                        {"kind": "scores", "dataset": dataset, "model": model, "method": method})
        rows.append(row(dataset, model, method, "top1", float(ok.mean()), n=len(ok)))
    write(folder / "zero_shot_vs_probe.h5", "zero_shot_vs_probe", rows, arrays, **{f"dataset {d}": f"{d}/{data}" for d in right})
    return folder


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    a, b = rights(200, 80, 10, 40)
    c, d = rights(100, 30, 20, 20)
    return run_of(tmp_path / "early", {"mnist": a, "dtd": c}), run_of(tmp_path / "late", {"mnist": b, "dtd": d})


def rows_of(left: Path, right: Path, **options: object) -> dict[tuple[str, str], dict[str, str]]:
    table, _ = compare.compare(read_run(left), read_run(right), **options)
    return {(r.cells[0], r.cells[3]): dict(zip(table.columns, r.cells, strict=True)) for r in table.rows}


def test_two_runs_of_a_model_are_compared_sample_by_sample(two: tuple[Path, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = rows_of(*two)
    mnist, dtd, mean = rows["mnist", "top1"], rows["dtd", "top1"], rows["mean of 2", "top1"]
    assert (mnist["A %"], mnist["B %"], mnist["A alone right"], mnist["B alone right"], mnist["verdict"]) == ("45.0", "60.0", "10", "40", "B above A")
    assert mnist["B − A, points"].startswith("+15.0 [") and mnist["p"] == mnist["p (Holm)"] == "< 0.0001"
    assert (dtd["B − A, points"].split()[0], dtd["p"], dtd["p (Holm)"], dtd["verdict"]) == ("0.0", "1.0000", "1.0000", "no difference found")
    assert mean["B − A, points"].startswith("+7.5 [")
    assert compare.main([str(two[0]), str(two[1]), "--csv", str(tmp_path / "out.csv"), "--top", "4"]) == 0
    said = capsys.readouterr().out
    assert "B = late minus A = early" in said and "4 paired score tests" in said
    lines = [line for line in said.splitlines() if line.startswith("|")]
    assert re.search(r"\| mnist +\| vit-s/zero-shot \| top4 +\| +200 \| 100.0", said) and "A and B" in lines[0]
    assert len({len(line) for line in lines}) == 1  # columns stand under each other
    assert (tmp_path / "out.csv").read_text().count("\n") == 7


def test_holm_counts_every_test(tmp_path: Path) -> None:
    a, b = rights(100, 40, 6, 16)  # p = 0.0330
    alone = rows_of(run_of(tmp_path / "a1", {"x": a}), run_of(tmp_path / "b1", {"x": b}))
    among = rows_of(run_of(tmp_path / "a3", {"x": a, "y": a, "z": a}), run_of(tmp_path / "b3", {"x": b, "y": b, "z": b}))
    assert alone["x", "top1"]["verdict"] == "B above A" and {among[d, "top1"]["verdict"] for d in "xyz"} == {"not after correction"}
    assert float(among["x", "top1"]["p (Holm)"]) == pytest.approx(3 * mcnemar(6, 16), abs=5e-5)


def test_other_models_and_methods_need_a_pair_that_is_there(two: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = rights(200, 80, 10, 40)
    other = run_of(tmp_path / "other", {"mnist": b}, model="ViT-B/32", method="linear-probe")
    assert rows_of(two[0], other, pairs={"vit-s/zero-shot": "ViT-B/32/linear-probe"})["mnist", "top1"]["B alone right"] == "40"
    assert compare.main([str(two[0]), str(other), "--pair", "vit-m=ViT-B/32"]) == 1
    assert "early has no scores of vit-m, expected one of vit-s/zero-shot" in capsys.readouterr().err
    write(tmp_path / "more" / "few_shot.h5", "few_shot", [row("mnist", m, "zero-shot", "top1", 0.2) for m in ("rn-s", "rn-m")])
    assert compare.main([str(two[0]), str(tmp_path / "more")]) == 1
    assert "expected a model in both; say which by --pair LEFT=RIGHT" in capsys.readouterr().err


def test_other_samples_are_not_compared(two: tuple[Path, Path], tmp_path: Path) -> None:
    a, _ = rights(200, 80, 10, 40)
    run_of(tmp_path / "data", {"mnist": a, "dtd": a[:100]}, data="other/test@2")
    with pytest.raises(ResultError, match="nothing measured in both.* expected the same"):
        compare.compare(read_run(two[0]), read_run(tmp_path / "data"))
    run_of(tmp_path / "less", {"mnist": a[:150], "dtd": a[:100]})
    table, notes = compare.compare(read_run(two[0]), read_run(tmp_path / "less"))
    assert len(notes) == 1 and "labels of 200 and 150 samples differ" in notes[0]
    assert {r.cells[0] for r in table.rows} == {"dtd"}


def test_bad_scores_and_flags_are_said(two: tuple[Path, Path], tmp_path: Path) -> None:
    scores = {"kind": "scores", "model": "vit-s", "method": "zero-shot"}
    write(tmp_path / "odd" / "s.h5", "zero_shot_vs_probe", [row("mnist", "vit-s", "zero-shot", "top1", 0.5)], {
        "scores/mnist/vit-s/zero-shot": (["label", "margin"], np.zeros((200, 2)), scores | {"dataset": "mnist"}),
        "scores/dtd/vit-s/zero-shot": (["label", "rank"], np.column_stack([np.arange(100) % 5, np.zeros(100)]), scores | {"dataset": "dtd"})}, smoke="yes",
          **{"dataset mnist": "mnist/mnist/test@1", "dataset dtd": "dtd/mnist/test@1"})
    table, notes = compare.compare(read_run(two[0]), read_run(tmp_path / "odd"))
    assert [r.cells[0] for r in table.rows] == ["dtd"]
    assert any("has columns label, margin, expected label and rank" in n for n in notes) and any("from a smoke run, no measurement" in n for n in notes)


def test_records_without_scores_are_compared_by_their_intervals(tmp_path: Path) -> None:
    for name, value in (("a", 0.2), ("b", 0.5)):
        write(tmp_path / name / "retrieval.h5", "retrieval", [row("flickr8k", "vit-s", "zero-shot", "recall1", value, {"direction": "image-to-text"}, 100)])
    found = rows_of(tmp_path / "a", tmp_path / "b")["flickr8k", "recall1 direction=image-to-text"]
    half = 196 * math.sqrt((0.2 * 0.8 + 0.5 * 0.5) / 100)
    assert found["B − A, points"] == f"+30.0 [+{30 - half:.1f}, +{30 + half:.1f}]" and found["p"] == "–"


@pytest.mark.parametrize(("of_b", "said"), [("111", "vit-s: the same weights in both (111)"), ("222", "vit-s: weights 111 in A, 222 in B")])
def test_weights_behind_one_name_are_said(tmp_path: Path, of_b: str, said: str) -> None:
    for name, weights in (("a", "111"), ("b", of_b)):
        write(tmp_path / name / "retrieval.h5", "retrieval", [row("flickr8k", "vit-s", "zero-shot", "recall1", 0.2)], **{"model vit-s": weights})
    assert said in compare.compare(read_run(tmp_path / "a"), read_run(tmp_path / "b"))[1]


def test_a_mean_over_other_data_is_no_partner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(name: str, datasets: tuple[str, ...], value: float, split: str = "test") -> str:
        rows = [row(d, "rn-s", "zero-shot", "error", value) for d in datasets] + [row("", "rn-s", "zero-shot", "error", value, {"summary": "mean"})]
        write(tmp_path / name / "encoder_scaling.h5", "encoder_scaling", rows, **{f"dataset {d}": f"{d}/{split}@1" for d in datasets})
        return str(tmp_path / name)

    a, same = run("a", ("dtd", "mnist"), 0.5), run("same", ("dtd", "mnist"), 0.4)
    other, val = run("other", ("dtd", "gtsrb"), 0.3), run("val", ("dtd", "mnist"), 0.3, "val")
    assert ("mean", "error") in rows_of(Path(a), Path(same)) and ("mean", "error") not in rows_of(Path(a), Path(other))
    assert compare.main([a, other]) == 0
    said = capsys.readouterr().out
    assert "left out: means of encoder_scaling: data are dtd/test@1, mnist/test@1 and dtd/test@1, gtsrb/test@1, expected the same" in said
    assert "only in a: mnist\n" in said and "only in other: gtsrb\n" in said
    assert "paired tests" not in said and "verdict" not in said and "Of errors the lower is the better." in said  # columns of dashes are left out
    assert compare.main([a, val]) == 1
    assert "left out: dtd of encoder_scaling: data are dtd/test@1 and dtd/val@1, expected the same" in capsys.readouterr().err


def test_a_run_may_be_named_and_absent_ones_are_one_line(two: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "project" / "results" / "runs"
    runs.mkdir(parents=True)
    for folder in two:
        (runs / folder.name).symlink_to(folder)
    assert compare.main(["early", "late", "--root", str(tmp_path / "project")]) == 0
    assert compare.main(["early", "absent", "--root", str(tmp_path / "project")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "absent: no .h5 file" in error
    with pytest.raises(SystemExit):
        compare.main(["early", "late", "--pair", "vit-s"])


@pytest.mark.parametrize(("words", "expected"), [(["compare", "early", "late"], "B = late minus A = early"),
                                               (["report", "late", "--root", "project"], "project/results/report/report.html")])
def test_the_start_script_hands_over(two: tuple[Path, Path], tmp_path: Path, words: list[str], expected: str) -> None:
    """The script of a project that is set up: its own set-up, tested elsewhere, is left out."""
    script = (PROJECT / "cliplab").read_text()
    assert script.count("    set_up\n") >= 4
    root = project_copy(tmp_path / "project")
    (root / "cliplab").write_text(script.replace("    set_up\n", "    :\n"))
    for name in ("analysis", ".venv"):
        (root / name).symlink_to(PROJECT / name)
    if not (root / ".venv").exists():
        pytest.skip("no .venv: ./cliplab makes it")
    done = subprocess.run(["bash", root / "cliplab", *words], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    assert expected in done.stdout


def run_in_rounds(folder: Path, rounds: list[np.ndarray], labels: list[np.ndarray]) -> Path:
    params = {"dataset": "stl10", "model": "vit-s", "method": "linear-probe"}
    arrays = {f"scores/stl10/vit-s/linear-probe/round{r + 1}": (["label", "rank"], np.column_stack([own, np.where(ok, 0, 3)]),
                                                                params | {"kind": "round_scores", "round": str(r + 1)})
              for r, (ok, own) in enumerate(zip(rounds, labels, strict=True))}
    value = float(np.mean([ok.mean() for ok in rounds]))
    per_class = float(np.mean([np.mean([ok[own == c].mean() for c in np.unique(own)]) for ok, own in zip(rounds, labels, strict=True)]))
    rows = [row("stl10", "vit-s", "linear-probe", metric, v, {"rounds": str(len(rounds))}, len(labels[0])) for metric, v in (("top1", value), ("mean_per_class", per_class))]
    write(folder / "zero_shot_vs_probe.h5", "zero_shot_vs_probe", rows, arrays, **{"dataset stl10": "stl10/test@1"})
    return folder


def test_rounds_are_one_comparison_and_their_pictures_count_once(tmp_path: Path) -> None:
    """Ten folds tested on the same 200 pictures say little more than one: p is that of one round, not of 2,000 pictures."""
    rng = np.random.default_rng(1)
    labels = np.arange(200) % 5
    a, b = rights(200, 90, 20, 30)
    shuffle = rng.permutation(200)
    a, b = a[shuffle], b[shuffle]
    alike = rows_of(run_in_rounds(tmp_path / "a", [a] * 11, [labels] * 11), run_in_rounds(tmp_path / "b", [b] * 11, [labels] * 11))
    one = compared(a, b, clusters=np.arange(200))
    assert alike["stl10", "top1"]["p"] == f"{one.p:.4f}" and 0.1 < one.p < 0.3 and alike["stl10", "top1"]["A %"] == "55.0" and alike["stl10", "top1"]["n"] == "200"
    assert alike["stl10", "mean_per_class"]["A %"] == f"{100 * np.mean([a[labels == c].mean() for c in range(5)]):.1f}"
    # Rounds of other sizes and pictures: the mean over rounds, not over pictures, as the records have it.
    parts = [np.arange(10) < 5, np.arange(40) < 10]
    table = rows_of(run_in_rounds(tmp_path / "c", parts, [np.zeros(10), np.zeros(40)]), run_in_rounds(tmp_path / "d", [~p for p in parts], [np.zeros(10), np.zeros(40)]))
    assert (table["stl10", "top1"]["A %"], table["stl10", "top1"]["B %"]) == ("37.5", "62.5") and table["stl10", "top1"]["n"] == "50"
