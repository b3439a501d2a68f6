"""The paper's numbers in experiments/*/reference.csv: known cells, counts, and both sides of each contradiction."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from claims import read_claims
from conftest import PROJECT, STUDIES
from params import parsed
from reference import BEST, COLUMNS, Reference, read_reference

PROBE = Reference.read(PROJECT, "zero_shot_vs_probe")


@pytest.mark.parametrize("study", STUDIES)
def test_columns_values_and_sources_are_whole(study: str) -> None:
    reference = Reference.read(PROJECT, study)
    assert list(reference.frame.columns) == [*COLUMNS, "params"]
    assert reference.frame["value"].notna().all() and (reference.frame["source"] != "").all()
    text = Path(PROJECT / "experiments" / study / "reference.csv").read_text().lower()
    assert not any(word in text for word in ("http", "github", "huggingface", "file-index", "/work"))


def test_keys_of_params_are_those_of_the_readmes() -> None:
    """A key that is spelled otherwise would match no record."""
    tables = (PROJECT / "results" / "README.md").read_text() + (PROJECT / "paper" / "published" / "README.md").read_text()
    known = set(re.findall(r"`(\w+)`", tables))
    files = [*(PROJECT / "experiments").glob("*/reference.csv"), PROJECT / "paper" / "published" / "reference.csv"]
    found = {key for path in files for text in read_reference(path)["params"] for key in parsed(text)}
    for claim in read_claims(PROJECT):
        selectors = [s for q in (claim.paper, claim.miniature) if q for s in (q.ours, q.against, q.baseline) if s]
        found |= {key for s in selectors for key in s.get("params", {})} - {"testbed"}  # of imagenet_testbed.csv
    assert {"shots", "source_set", "summary"} <= found <= known, found - known


@pytest.mark.parametrize(("model", "dataset", "method", "value"), [
    (BEST, "ImageNet", "zero-shot", 76.2), ("RN50", "ImageNet", "zero-shot", 59.6), ("ViT-B/32", "ImageNet", "zero-shot", 63.2),
    (BEST, "imagenet", "linear-probe", 85.4), ("RN50", "cifar10", "zero-shot", 75.6), ("ResNet-50", "ImageNet", "linear-probe", 74.3),
    (BEST, "mnist", "zero-shot", 88.3), (BEST, "Food-101", "zero-shot", 93.8)])
def test_known_cells(model: str, dataset: str, method: str, value: float) -> None:
    assert PROBE.cell(dataset, model, method) == value


def test_every_clip_model_has_27_data_sets() -> None:
    for table, models in (("Table 11", 9), ("Table 10", 10)):
        rows = PROBE.rows(paper_ref=table)
        counts = rows[rows["dataset"] != ""].groupby("model").size()
        assert len(counts) == models and set(counts) == {27}


@pytest.mark.parametrize(("dataset", "printed", "tables"), [("KITTI", -34.0, -45.2), ("UCF101", 7.7, 5.7)])
def test_fig_5_and_the_tables_contradict_and_both_are_kept(dataset: str, printed: float, tables: float) -> None:
    rows = PROBE.rows(dataset=dataset, metric="delta")
    assert [PROBE.value(dataset=dataset, metric="delta", origin=origin) for origin in ("printed", "from tables")] == [printed, tables]
    assert rows["source"].str.contains("contradicts").all()


def test_other_contradictions_are_kept() -> None:
    assert sorted(PROBE.rows(dataset="STL10", model=BEST, method="zero-shot")["value"]) == [99.3, 99.4]
    assert sorted(PROBE.rows(dataset="MNIST", model=BEST, method="zero-shot")["value"]) == [88.3, 88.4]
    assert PROBE.value(method="fit", metric="r", origin="printed") == 0.82
    assert PROBE.value(method="fit", metric="r", origin="from tables") == 0.814


def test_shift_scaling_and_prompt_facts() -> None:
    shift, scaling, prompts = (Reference.read(PROJECT, s) for s in (STUDIES[2], STUDIES[0], STUDIES[3]))
    assert shift.value(paper_ref="Table 16", source_set="ImageNet", dataset="ImageNet-A", method="zero-shot") == 77.2
    assert len(shift.rows(paper_ref="Fig 14", metric="shift_top1")) == 9 + 9 + 8
    assert len(shift.rows(paper_ref="Fig 15", metric="shift_top1")) == 10
    assert scaling.value(model="RN50x64", metric="gflops") == 265.9 and scaling.value(model="RN50", metric="error") == 44.9
    assert len(prompts.rows(metric="score")) == 10
    assert prompts.value(metric="gain", prompts="one-template", over="name-only") == 1.3
