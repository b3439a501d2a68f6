"""Percent, intervals, floors and the paper's rows in the tables of each study."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import PROJECT, STUDIES
from fake_run import row, write, write_run
from reference import Reference
from results import Run, read_results, read_run
from study_tables import CHUNK, STUDY_TABLES
from tables import Table, percent, points, points_with_interval, to_csv, to_html, to_markdown, to_typst, with_interval


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("runs") / "fake"))


def tables_of(run: Run, study: str) -> list[Table]:
    return STUDY_TABLES[study](run.of(study)[0], run, Reference.read(PROJECT, study))


def test_percent_and_intervals() -> None:
    assert percent(0.7214) == "72.1" and percent(float("nan")) == "–"
    assert with_interval(0.7214, 0.7124, 0.7304) == "72.1 ± 0.9"
    assert with_interval(0.01, 0.004, 0.031) == "1.0 [0.4, 3.1]"
    assert with_interval(0.5, 0.5, 0.5) == "50.0"
    assert points(-0.0123) == "−1.2" and points(0.045) == "+4.5" and points(-0.0001) == "0.0"
    assert points_with_interval(0.06, 0.04, 0.08) == "+6.0 [+4.0, +8.0]"


@pytest.mark.parametrize("study", STUDIES)
def test_every_score_table_has_both_floors(run: Run, study: str) -> None:
    for table in tables_of(run, study):
        if table.name == "distribution_shift_paper":
            continue
        floors = [r.cells[0] for r in table.rows if r.kind == "floor"]
        assert {"majority class", "raw pixels"} <= set(floors), table.name
        assert len(table.columns) - table.text_columns <= CHUNK


def test_prompt_floors_average_all_data_sets(run: Run) -> None:
    table = tables_of(run, "prompt_engineering")[0]
    majority = next(r for r in table.rows if r.cells[0] == "majority class")
    assert majority.cells[1] == percent((2 * 0.02 + 3 * 0.1 + 1 / 16 + 1 / 7) / 7)


def test_paper_rows_stand_under_data_sets_that_both_have(run: Run) -> None:
    table = tables_of(run, "zero_shot_vs_probe")[0]
    row_of = {(r.cells[0], r.cells[1]): dict(zip(table.columns, r.cells, strict=True)) for r in table.rows}
    paper = row_of["CLIP ViT-L/14@336 (paper)", "zero-shot"]
    assert (paper["cifar10"], paper["mnist"], paper["openmoji"]) == ("95.7", "88.3", "–")


def test_shares_of_the_baseline_stay_out_of_the_table(run: Run) -> None:
    names = [r.cells[0] for r in tables_of(run, "distribution_shift")[0].rows]
    assert "untrained vit-s" in names and len(names) == len(set(zip(names, (r.cells[1] for r in tables_of(run, "distribution_shift")[0].rows), strict=True)))
    assert names.count("raw pixels") == 1


def test_shift_tables_have_a_row_a_number_of_examples_and_one_by_the_sources_names(tmp_path: Path) -> None:
    rates = {("zero-shot", ""): 0.5, ("source-zero-shot", ""): 0.4, ("linear-probe", ""): 0.8, ("few-shot", "1"): 0.3, ("few-shot", "16"): 0.6}
    pair = {"source_set": "photo"}
    rows = [row("sketch", "mine", method, metric, rate - drop, pair | {"shots": shots})
            for (method, shots), rate in rates.items() for metric, drop in (("source_top1", 0.0), ("shift_top1", 0.2))]
    rows += [row("sketch", "mine", "few-shot", "relative_robustness", -0.2, pair | {"shots": "1"}), row("sketch", "mine", "zero-shot", "class_adaptation", 0.1, pair)]
    write(tmp_path / "distribution_shift.h5", "distribution_shift", rows)
    table = tables_of(read_run(tmp_path), "distribution_shift")[0]
    assert table.columns[2:] == ["source %", "shift %", "relative robustness, points", "class adaptation, points"]
    found = {str(r.cells[1]): [str(c)[:5] for c in r.cells[2:]] for r in table.rows}
    assert list(found) == ["zero-shot", "source-zero-shot", "probe", "few-shot, a class: 1", "few-shot, a class: 16", "floor"]
    assert found["few-shot, a class: 1"][:3] == ["30.0 ", "10.0 ", "−20.0"] and found["few-shot, a class: 16"] == ["60.0 ", "40.0 ", "–", "–"]
    assert found["zero-shot"][3].startswith("+10.0") and found["source-zero-shot"][0].startswith("40.0")


def test_scaling_takes_the_zero_shot_fit(run: Run) -> None:
    from study_tables import fit_of

    records = run.of("encoder_scaling")[0].records
    chosen, other = fit_of(records, "all", "intercept"), records[records["params"].str.contains('"y":"linear-probe"') & records["metric"].eq("intercept")]
    assert '"y":"zero-shot"' in chosen["params"] and chosen["value"] not in set(other["value"])


def test_one_study_with_one_model_and_no_floor_gives_tables(tmp_path: Path) -> None:
    for study in STUDIES:
        path = write(tmp_path / f"{study}.h5", study, [row("mnist", "vit-s", "zero-shot", "top1", 0.2)])
        single = Run(tmp_path, [read_results(path)])
        assert STUDY_TABLES[study](single.files[0], single, Reference.read(PROJECT, study)) is not None


def test_formats_escape_what_they_must() -> None:
    table = Table("t", "T", ["model", "a|b"])
    table.add(['<x> "q"', "1"])
    assert "a\\|b" in to_markdown(table) and "&lt;x&gt;" in to_html(table)
    assert '#"<x> \\"q\\""' in to_typst(table) and to_csv(table).splitlines()[0] == "model,a|b,row kind"
    with pytest.raises(ValueError, match="cells"):
        table.add(["one"])
