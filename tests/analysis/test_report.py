"""The report is made whole, says what it must, and is left alone when nothing changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import report
from conftest import MORE_STUDIES, PROJECT, STUDIES
from fake_run import edited, few_shot_rows, retrieval_rows, row, write, zero_shot_vs_probe_rows


def out(root: Path) -> Path:
    return root / "results" / "report"


def one_study(project: Path, **provenance: str) -> Path:
    folder = project / "results" / "runs" / "one-12345678"
    write(folder / "zero_shot_vs_probe.h5", "zero_shot_vs_probe", zero_shot_vs_probe_rows(), **provenance)
    return folder


def test_report_holds_every_study_in_every_format(whole: Path) -> None:
    markdown, html = (out(whole) / f"report.{s}" for s in ("md", "html"))
    assert (out(whole) / "report.pdf").read_bytes().startswith(b"%PDF")
    for study in (*STUDIES, *MORE_STUDIES):
        assert f'<section id="{study}">' in html.read_text()
        assert (whole / "paper" / "generated" / f"{study}.typ").exists()
        assert list((out(whole) / "tables").glob(f"{study}*.csv")), study
    for name in re.findall(r"\(figures/(\S+)\)", markdown.read_text()):
        assert (out(whole) / "figures" / name).stat().st_size > 1000
    assert "## Scaling of the image encoder" in markdown.read_text()


def test_html_is_one_file_for_phones_and_both_colour_schemes(whole: Path) -> None:
    html = (out(whole) / "report.html").read_text()
    assert html.count("<svg") == 16 and "currentColor" in html
    assert 'name="viewport"' in html and "prefers-color-scheme: dark" in html
    assert not re.search(r'(src|href)="(?!#|data:)', html)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_captions_say_n_interval_models_data_and_scale(whole: Path) -> None:
    text = (out(whole) / "report.md").read_text()
    caption = next(line for line in text.splitlines() if line.startswith("Zero-shot top-1 over linear-probe"))
    for words in ("n = 900 to 10,000", "95 %", "Clopper-Pearson", "vit-xs", "cifar10", "400 million", "9,000 drawings", "not comparable"):
        assert words in caption


def test_provenance_config_and_deviations_are_printed(whole: Path) -> None:
    text = (out(whole) / "report.md").read_text()
    assert "0123456789" in text and "openmoji/test@9f2c41" in text and "device = cpu" in text
    assert "- A.3: 50 steps, since two cores are slow. (src/one.cpp)" in text
    assert "not a measurement" not in text


def test_smoke_and_dirty_runs_get_a_banner(project: Path) -> None:
    one_study(project, smoke="yes", dirty="yes")
    assert report.main(["--root", str(project)]) == 0
    html = (out(project) / "report.html").read_text()
    assert re.search(r'class="banner">smoke run: not a measurement', html) and "dirty tree" in html
    assert "smoke run: not a measurement" in (out(project) / "report.md").read_text()
    assert "banner" in (project / "paper" / "generated" / "summary.typ").read_text()


def test_missing_studies_and_training_get_one_line(project: Path) -> None:
    one_study(project)
    assert report.main(["--root", str(project)]) == 0
    text = (out(project) / "report.md").read_text()
    assert "one-12345678 has no encoder_scaling.h5: this study was not run." in text
    assert "has no training log" in text


def test_files_that_cannot_be_read_are_counted_and_the_rest_comes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = one_study(project)
    (folder / "encoder_scaling.h5").write_bytes(b"\x89HDF\r\n\x1a\n cut")
    whole = write(folder / "few_shot.h5", "few_shot", few_shot_rows())
    whole.write_bytes(whole.read_bytes()[:-2000])
    with edited(write(folder / "retrieval.h5", "retrieval", retrieval_rows())) as file:
        file.attrs["schema_version"] = 1
    (folder / "prompt_engineering.h5.part77").write_bytes(b"another run writes this now")
    assert report.main(["--root", str(project)]) == 1
    error, text = capsys.readouterr().err, (out(project) / "report.md").read_text()
    assert error.count("\n") == 3 and "prompt_engineering" not in error
    assert "**3 things could not be read or shown; the rest of the report stands:**" in text
    for words in ("encoder_scaling.h5: too short for a result file", "few_shot.h5: no checksum at its end", "retrieval.h5: schema 1, expected 2; delete it; "):
        assert words in error and words in text
    assert "one-12345678 has no few_shot.h5: this study was not run." in text and "Top-1 accuracy %" in text


def test_a_run_of_damaged_files_gives_one_line_and_no_report(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = project / "results" / "runs" / "cut-12345678"
    folder.mkdir(parents=True)
    (folder / "encoder_scaling.h5").write_bytes(b"\x89HDF\r\n\x1a\n cut")
    assert report.main(["--root", str(project)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "encoder_scaling.h5" in error
    assert not out(project).exists()


def test_a_missing_folder_beside_a_whole_one_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(project / "absent"), str(one_study(project)), "--root", str(project)]) == 1
    assert "absent: no .h5 file" in capsys.readouterr().err


def test_no_run_gives_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["--root", str(project)]) == 1
    assert f"no run under {project / 'results/runs'}" in capsys.readouterr().err


def if_stale(root: Path) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, str(PROJECT / "analysis" / "report.py"), "--if-stale", "--root", str(root)], check=True,
                   stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def test_if_stale_leaves_a_current_report_alone_and_imports_nothing_heavy(whole: Path) -> None:
    before = (out(whole) / "report.html").stat().st_mtime_ns
    seconds = min(if_stale(whole) for _ in range(3))
    assert (out(whole) / "report.html").stat().st_mtime_ns == before
    assert seconds < 0.5  # about 0.08 s alone; pandas and matplotlib cost over 1 s
    program = ("import sys; import report; code = report.main(['--if-stale', '--root', sys.argv[1]]);"
               "sys.exit(code or bool({'pandas', 'matplotlib', 'h5py', 'numpy'} & set(sys.modules)))")
    subprocess.run([sys.executable, "-c", program, str(whole)], check=True, cwd=PROJECT / "analysis", stdout=subprocess.DEVNULL)


def test_if_stale_sees_every_kind_of_change(whole: Path) -> None:
    from freshness import is_current

    folder = whole / "results" / "runs" / "fake-0badf00d"
    assert is_current(whole, [folder], out(whole))
    later = time.time() + 60
    for path in (whole / "paper" / "claims" / "1_zero_shot.toml", whole / "paper" / "published" / "table10.csv",
                 folder / "train_vit-s.h5", whole / "experiments" / STUDIES[0] / "reference.csv", whole / "paper" / "report.typ"):
        stat = path.stat()
        os.utime(path, (later, later))
        assert not is_current(whole, [folder], out(whole)), path
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    source = whole / "src" / "two.cpp"
    source.write_text("// DEVIATION(2.5): another.\n")
    assert not is_current(whole, [folder], out(whole))
    source.unlink()
    figure = out(whole) / "figures" / "fig9_scaling.svg"
    figure.rename(figure.with_suffix(".away"))
    assert not is_current(whole, [folder], out(whole))
    figure.with_suffix(".away").rename(figure)
    assert is_current(whole, [folder], out(whole)) and not is_current(whole, [folder.parent], out(whole))


def test_second_report_removes_what_only_the_first_had(project: Path) -> None:
    folder = one_study(project)
    assert report.main([str(folder), "--root", str(project)]) == 0
    assert (out(project) / "tables" / "zero_shot_vs_probe_top5.csv").exists()
    write(folder / "zero_shot_vs_probe.h5", "zero_shot_vs_probe", [row("mnist", "vit-s", "zero-shot", "top1", 0.2)])
    mine = out(project) / "mine.txt"
    mine.write_text("keep")
    assert report.main([str(folder), "--root", str(project)]) == 0
    assert not (out(project) / "tables" / "zero_shot_vs_probe_top5.csv").exists() and mine.exists()
    assert not list(out(project).rglob("*.tmp"))
