"""Puts analysis/ on the path and makes one whole report of synthetic results for the tests to look at."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "analysis"), str(Path(__file__).parent)]

STUDIES = ("encoder_scaling", "zero_shot_vs_probe", "distribution_shift", "prompt_engineering")  # tests know them by place
MORE_STUDIES = ("few_shot", "retrieval")


def project_copy(root: Path) -> Path:
    """A project folder with all that the report reads besides results, and one known DEVIATION."""
    (root / "paper").mkdir(parents=True)
    shutil.copyfile(PROJECT / "paper" / "report.typ", root / "paper" / "report.typ")
    for folder in ("claims", "published"):
        shutil.copytree(PROJECT / "paper" / folder, root / "paper" / folder)
    for reference in (PROJECT / "experiments").glob("*/reference.csv"):
        study = root / "experiments" / reference.parent.name
        study.mkdir(parents=True)
        shutil.copyfile(reference, study / "reference.csv")
    (root / "src").mkdir()
    (root / "src" / "one.cpp").write_text("// Reads. DEVIATION(A.3): 50 steps, since\n// two cores are slow.\nint x;\n")
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return project_copy(tmp_path / "project")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose newest run holds every study, with its report in results/report."""
    import report
    from fake_run import write_run

    root = project_copy(tmp_path_factory.mktemp("whole") / "project")
    write_run(root / "results" / "runs" / "fake-0badf00d")
    assert report.main(["--root", str(root)]) == 0
    return root
