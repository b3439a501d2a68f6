"""Ensembles of fewer templates and own labels: tables and figure from records whose numbers are known."""

from __future__ import annotations

from pathlib import Path

import document
import numpy as np
import pytest
from conftest import PROJECT
from ensembles import names_table, prompt_tables, sizes_figure, sizes_table
from fake_run import row, write
from freshness import deviations
from params import parsed
from reference import Reference
from results import ResultFile, Run, read_run
from tables import DASH, to_csv

TEMPLATES = 9


def records() -> list[tuple]:
    """Two models on two sets; the better model gains 1 point with each doubling on emoji, and loses one on birds."""
    rows = []
    for model, base in (("rn-s", 0.3), ("rn-w", 0.5)):
        for data, gain in (("emoji", 0.01), ("birds", -0.01)):
            rows += [row(data, model, "zero-shot", "top1", base + 4 * gain, {"prompts": "ensemble"}, 400), row(data, model, "zero-shot", "top1", base, {"prompts": "name-only"}, 400)]
            rows.append(row(data, model, "zero-shot", "top1", base - 0.02, {"prompts": "one-template"}, 400))
            rows += [row(data, model, "zero-shot", "top1", base + i * gain, {"templates": str(2**i)}, 400, 0.004) for i in range(4)]
        rows += [row("birds", model, "zero-shot", "top1", base + 0.03, {"subset": "7"}, 400)]
        for prompts, gain in (("name-only", 0.1), ("one-template", 0.12)):
            chosen, own = {"prompts": prompts}, {"prompts": prompts, "names": "own"}
            rows += [row("birds", model, "zero-shot", "top1", base - gain, own, 400),
                     row("birds", model, "zero-shot", "gain_over_own_names", gain, chosen, 400, 0.01),
                     row("birds", model, "zero-shot", "top1_shared_label", 0.25, own, 40),
                     row("birds", model, "zero-shot", "top1_shared_label", 0.5, chosen, 40)]
        rows += [row("", model, "zero-shot", "top1", base, {"prompts": v, "summary": "mean"}, 800, 0.0) for v in ("name-only", "one-template", "ensemble")]
    return rows


@pytest.fixture
def measured(tmp_path: Path) -> tuple[ResultFile, Run]:
    points = np.array([[1, i, 0.3] for i in range(TEMPLATES)] + [[2, i, 0.3] for i in range(20)], dtype=float)
    arrays = {f"templates/{data}/{model}": (["templates", "draw", "top1"], points, {"kind": "templates", "dataset": data, "model": model}) for data in ("emoji", "birds") for model in ("rn-s", "rn-w")}
    write(tmp_path / "own-1" / "prompt_engineering.h5", "prompt_engineering", records(), arrays)
    run = read_run(tmp_path / "own-1")
    return run.of("prompt_engineering")[0], run


def test_a_row_a_model_and_data_set(measured: tuple[ResultFile, Run]) -> None:
    table = sizes_table(measured[0].records)
    assert table.columns == ["model", "data set", "1", "2", "4", "8", "all", "chosen 7"] and len(table.rows) == 4
    emoji, birds = ([c.split()[0] for c in r.cells] for r in table.rows if r.cells[0] == "rn-w")
    assert emoji == ["rn-w", "emoji", "50.0", "51.0", "52.0", "53.0", "54.0", DASH]
    assert birds == ["rn-w", "birds", "50.0", "49.0", "48.0", "47.0", "46.0", "53.0"]


def test_own_labels_stand_beside_the_chosen_names(measured: tuple[ResultFile, Run]) -> None:
    table = names_table(measured[0].records)
    rows = [[c.split()[0] for c in r.cells] for r in table.rows if r.cells[0] == "rn-w"]
    assert [r[3:] for r in rows] == [["40.0", "50.0", "+10.0", "40", "25.0", "50.0"], ["38.0", "48.0", "+12.0", "40", "25.0", "50.0"]]


def test_columns_of_shared_labels_stand_where_there_are_any(measured: tuple[ResultFile, Run]) -> None:
    records = measured[0].records
    table = names_table(records[records["metric"] != "top1_shared_label"])
    assert len(table.rows) == 4 and table.columns[-1] == "difference" and "shared" not in table.caption


def test_the_line_starts_at_nothing_and_ends_at_all_templates(measured: tuple[ResultFile, Run]) -> None:
    file, run = measured
    axes = sizes_figure(file, run, Reference.read(PROJECT, "prompt_engineering")).axes[0]
    assert axes.get_title(loc="left") == "rn-w"
    lines = [line.get_xydata() for line in axes.lines if len(line.get_xydata()) in (2, 4) and line.get_linestyle() in ("-", ":")]
    emoji, emoji_end, birds, birds_end = lines[:4]
    assert emoji == pytest.approx(np.array([[1, 0], [2, 1], [4, 2], [8, 3]])) and emoji_end == pytest.approx(np.array([[8, 3], [TEMPLATES, 4]]))
    assert birds[:, 1] == pytest.approx([0, -1, -2, -3]) and birds_end[1] == pytest.approx([TEMPLATES, -4])


def test_a_file_without_them_has_neither(tmp_path: Path) -> None:
    old = [r for r in records() if "prompts" in parsed(r[5]) and "names" not in parsed(r[5]) and r[4] == "top1"]
    write(tmp_path / "old-1" / "prompt_engineering.h5", "prompt_engineering", old)
    run = read_run(tmp_path / "old-1")
    (file,), reference = run.of("prompt_engineering"), Reference.read(PROJECT, "prompt_engineering")
    assert sizes_figure(file, run, reference) is None
    assert not {"prompt_engineering_templates", "prompt_engineering_names"} & {t.name for t in prompt_tables(file, run, reference)}


def test_they_stand_in_the_report(measured: tuple[ResultFile, Run], tmp_path: Path) -> None:
    sections = document.build(PROJECT, [measured[1]], tmp_path, deviations(PROJECT))
    section = next(s for s in sections if s.key == "prompt-engineering" or s.title.startswith("Prompt engineering"))
    assert "templates_by_number" in [b.name for b in section.blocks if isinstance(b, document.Picture)]
    tables = {b.name: to_csv(b) for b in section.blocks if isinstance(b, document.Table)}
    assert "emoji" in tables["prompt_engineering_templates"] and "birds" in tables["prompt_engineering_names"]
    assert "templates=" not in tables["prompt_engineering_mean"]
