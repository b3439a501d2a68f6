"""Studies in the arrangement of the paper's tables: each record has its place, the paper's numbers stand beneath ours."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "analysis"), str(Path(__file__).parent)]

from arranged_tables import ARRANGED  # noqa: E402
from fake_run import row, write  # noqa: E402
from reference import Reference  # noqa: E402
from results import read_run  # noqa: E402
from tables import Table  # noqa: E402


def probes(dataset: str, model: str, value: float, fit: str, metric: str = "top1") -> list[tuple]:
    params = {"lambda": fit, "rule": "fast"}
    return [row(dataset, model, "linear-probe", metric, value, params), row(dataset, model, "linear-probe", "mean_per_class", value - 0.01, params)]


def words(dataset: str, model: str, value: float) -> list[tuple]:
    return [row(dataset, model, "zero-shot", "top1", value), row(dataset, model, "zero-shot", "mean_per_class", value - 0.02)]


def floor(dataset: str, model: str = "majority-class") -> list[tuple]:
    return [row(dataset, model, "floor", "top1", 0.1)]


RECORDS: dict[str, list[tuple]] = {
    "visual_ngrams": words("cifar10", "rn-s", 0.3) + words("ImageNet", "rn-s", 0.2) + floor("cifar10", "chance"),
    "ocr": words("mnist", "rn-s", 0.4) + probes("mnist", "rn-s", 0.9, "0.1") + probes("mnist", "raw-pixels", 0.8, "3")
    + [row("hateful_memes", "rn-s", "zero-shot", "roc_auc", 0.6), row("hateful_memes", "rn-s", "zero-shot", "top1", 0.55)] + floor("mnist"),
    "action": words("ucf101", "rn-s", 0.2) + [row("RareAct", "rn-s", "zero-shot", m, v) for m, v in (("mwap", 0.1), ("mwsap", 0.2))]
    + [row("kinetics700", "rn-s", "zero-shot", m, v) for m, v in (("mean_top1_top5", 0.25), ("top1", 0.15))] + floor("ucf101"),
    "representation": [r for m, v in (("rn-s", 0.5), ("lite0", 0.7)) for i, d in enumerate(("cifar10", "oxford_pets"))
                       for r in probes(d, m, v + i / 10, f"0.{i}")]
    + [row("", m, "linear-probe", "mean", v, {"summary": "mean", "suite": "2 data sets"}) for m, v in (("rn-s", 0.55), ("lite0", 0.75))]
    + [row("", m, "cost", "gflops", g, {"family": "resnet"}) for m, g in (("rn-s", 0.02), ("lite0", 0.4))]
    + [row("cifar10", "rn-s", "linear-probe", "gain", -0.2, {"score": "top1", "over": "lite0"}),
       row("oxford_pets", "rn-s", "linear-probe", "gain", -0.3, {"score": "mean_per_class", "over": "lite0"}),
       row("", "rn-s", "linear-probe", "gain", -0.25, {"summary": "mean", "suite": "2 data sets", "over": "lite0"}),
       row("", "rn-s", "linear-probe", "wins", 0, {"over": "lite0"}, 2)],
    "task_shift": probes("cifar10", "rn-s", 0.5, "1") + probes("mnist", "rn-s", 0.6, "2")
    + [row("", "rn-s", "linear-probe", "reference_score", 0.5, {"reference": "cifar10"})]
    + [row("", "rn-s", "linear-probe", m, v, {"reference": "cifar10", "summary": "mean"}) for m, v in (("transfer_score", 0.6), ("transfer_lead", -0.1))]
    + [row("", "", "fit", m, v, {"reference": "cifar10", "role": "baseline", "axes": "logit"}) for m, v in (("slope", 0.5), ("intercept", 0.2), ("r", 0.9))],
    "yfcc_vs_wit": [r for m, v in (("A", 0.3), ("B", 0.5)) for r in words("gtsrb", m, v) + probes("gtsrb", m, v + 0.1, "1")]
    + [row(d, "A", method, "delta", -0.2, v) for method in ("zero-shot", "linear-probe") for d, v in (("gtsrb", {"score": "top1", "over": "B"}), ("", {"summary": "mean", "over": "B"}))]
    + [row("", m, method, metric, v, p) for method in ("zero-shot", "linear-probe") for m in "AB"
       for metric, v, p in (("mean", 0.4, {"summary": "mean"}), ("wins", 1, {}))]
    + floor("gtsrb"),
    "human_comparison": [row("pets", "human", s, "top1", v, w) for s, v in (("zero-shot", 0.5), ("one-shot", 0.7))
                         for w in ({}, {"vote": "majority"}, {"answers": "guesses"}, {"vote": "majority", "answers": "guesses"})]
    + words("pets", "rn-s", 0.4) + [row("pets", "rn-s", "few-shot", "top1", 0.6, {"shots": "1", "start": "zero"}),
                                    row("pets", "rn-s", "fit", "r", 0.3, {"x": "zero-shot", "y": "zero-shot", "y_model": "human"})] + floor("pets"),
    "data_overlap": [row("cifar10", "", "overlap", "share", 0.05), row("mnist", "", "overlap", "share", 0.0)]
    + [row(d, "rn-s", "zero-shot", "top1", v, {"pictures": w}) for d, v, w in (("cifar10", 0.5, "all"), ("cifar10", 0.49, "clean"), ("cifar10", 0.69, "overlap"),
                                                                  ("mnist", 0.3, "all"), ("mnist", 0.3, "clean"))]
    + [row("cifar10", "rn-s", "overlap", "difference", 0.2, {"pictures": "overlap", "minus": "clean", "level": "0.995"}),
       row("cifar10", "rn-s", "overlap", "p_value", 0.0004, {"pictures": "overlap", "minus": "clean", "test": "binomial"})]
    + [row(d, "rn-s", "overlap", "gain", v, {"pictures": "all", "minus": "clean"}) for d, v in (("cifar10", 0.01), ("mnist", 0.0))],
}


def tables_of(folder: Path, study: str, rows: list[tuple] | None = None) -> tuple[list[Table], list[str]]:
    """The tables, and where each record is."""
    write(folder / f"{study}.h5", study, RECORDS[study] if rows is None else rows)
    run = read_run(folder)
    return ARRANGED[study](run.files[0], run, Reference.read(PROJECT, study)), list(run.files[0].records["source"])


def cells(table: Table, *labels: str) -> dict[str, str]:
    return next(dict(zip(table.columns, r.cells, strict=True)) for r in table.rows if tuple(r.cells[:len(labels)]) == labels)


@pytest.mark.parametrize("study", RECORDS)
def test_no_record_is_lost_between_the_arrangement_and_the_rest(tmp_path: Path, study: str) -> None:
    tables, sources = tables_of(tmp_path, study)
    assert set(RECORDS) == set(ARRANGED)
    held = [getattr(c, "source", "") for t in tables for r in t.rows for c in r.cells]
    assert {s for s in held if s} == set(sources)


def test_rows_are_the_papers_and_columns_both(tmp_path: Path) -> None:
    table = tables_of(tmp_path, "ocr")[0][0]
    assert table.columns == ["method", "model", "mnist", "hateful_memes, ROC AUC", "SVHN full number", "IIIT5K", "RenderedSST2"]
    assert [(r.cells[0], r.cells[1], r.kind) for r in table.rows[:4]] == [
        ("probe", "rn-s", "ours"), ("zero-shot", "rn-s", "ours"), ("probe", "raw-pixels", "floor"), ("floor", "majority-class", "floor")]
    assert cells(table, "zero-shot", "rn-s")["hateful_memes, ROC AUC"].startswith("60.0")
    assert cells(table, "zero-shot", "ViT-L/14@336 (paper)")["mnist"] == "88.4"


def test_rareact_has_its_two_metrics_and_kinetics_its_mean(tmp_path: Path) -> None:
    table = tables_of(tmp_path, "action")[0][0]
    ours = cells(table, "zero-shot", "rn-s")
    assert ours["RareAct, mwap"].startswith("10.0") and ours["RareAct, mwsap"].startswith("20.0")
    assert ours["kinetics700, mean of top-1 and top-5"].startswith("25.0") and "kinetics700" not in table.columns


def test_a_probe_is_one_row_whatever_its_lambda(tmp_path: Path) -> None:
    table, lead = tables_of(tmp_path, "representation")[0][:2]
    ours = cells(table, "probe", "rn-s")
    assert ours["cifar10"].startswith("50.0") and ours["oxford_pets, mean per class"].startswith("59.0")
    assert ours["mean of 2 data sets"].startswith("55.0") and ours["GFLOPs"] == "0.02"
    paper = cells(table, "probe", "ViT-L/14@336 (paper)")
    assert (paper["cifar10"], paper["oxford_pets, mean per class"], paper["GFLOPs"]) == ("97.9", "95.1", "–")
    gain = cells(lead, "rn-s", "lite0")
    assert gain["oxford_pets, mean per class"].startswith("−30.0") and gain["mean of 2 data sets"].startswith("−25.0") and gain["wins"] == "0 of 2"
    assert "+2.6 points over 12" in lead.caption and "21 of 27" in lead.caption


def test_without_baselines_there_is_no_table_of_leads(tmp_path: Path) -> None:
    rows = [r for r in RECORDS["representation"] if r[5].find("lite0") < 0 and r[2] == "rn-s"]
    names = [t.name for t in tables_of(tmp_path, "representation", rows)[0]]
    assert names == ["representation_table10", "representation_mean_per_class", "representation_top1"]


def test_a_model_of_table_12_has_its_difference(tmp_path: Path) -> None:
    table = tables_of(tmp_path, "yfcc_vs_wit")[0][0]
    assert table.columns == ["data set", "probe A", "probe B", "probe Δ", "zero-shot A", "zero-shot B", "zero-shot Δ"]
    assert [r.cells[0] for r in table.rows[:3]] == ["gtsrb", "mean", "data sets won"]
    assert cells(table, "gtsrb")["zero-shot Δ"].startswith("−20.0") and cells(table, "data sets won")["probe A"] == "1"
    assert cells(table, "Birdsnap (paper: RN50 on YFCC, RN50 on WIT)")["probe Δ"] == "+12.1"
    with pytest.raises(ValueError, match="1 models with zero-shot scores, expected two"):
        tables_of(tmp_path / "one", "yfcc_vs_wit", words("gtsrb", "A", 0.3))


def test_people_stand_above_models_and_the_paper(tmp_path: Path) -> None:
    table = tables_of(tmp_path, "human_comparison")[0][0]
    assert [tuple(r.cells[:2]) for r in table.rows[:4]] == [("people", "zero-shot"), ("people", "one-shot"), ("rn-s", "zero-shot"), ("rn-s", "one-shot")]
    assert cells(table, "rn-s", "zero-shot")["all (models: mean per class)"].startswith("38.0")
    assert cells(table, "people (paper, Pets)", "two-shot")["majority vote on guesses"] == "86.1"


def test_the_line_of_figure_12_stands_below_its_points(tmp_path: Path) -> None:
    _, points, line = tables_of(tmp_path, "task_shift")[0][:3]
    assert cells(points, "rn-s")["over the baselines' line, points"].startswith("−10.0") and line.rows[0].cells[1].startswith("0.50")
    assert cells(points, "ViT-L/14@336 (paper, ImageNet)")["mean of the others, %"] == "85.0"


def test_overlap_is_a_row_with_the_papers_beneath(tmp_path: Path) -> None:
    (table,) = tables_of(tmp_path, "data_overlap")[0]
    ours = cells(table, "cifar10", "rn-s")
    assert ours["seen, %"].startswith("5.0") and ours["seen minus others, points (99.5 %)"].startswith("+20.0") and ours["p"] == "0.0004"
    assert cells(table, "mnist", "rn-s")["p"] == "–" and cells(table, "Birdsnap", "RN50x64 (paper)")["all minus others, points"] == "+0.69"
