"""README.md holds the table of results/published, and --check says when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import readme_table
from fake_run import prompt_rows, write

README = f"# T\n\n{readme_table.BEGIN}\nold\n{readme_table.END}\n\nrest\n"


def call(root: Path, *options: str) -> int:
    return readme_table.main(["--root", str(root), *options])


def published(root: Path, **provenance: str) -> Path:
    return write(root / "results" / "published" / "quickstart-prompts.h5", "prompt_engineering", prompt_rows(), **provenance)


def test_check_fails_with_a_diff_until_the_table_is_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published(project)
    (project / "README.md").write_text(README)
    assert call(project, "--check") == 1
    assert "-old" in capsys.readouterr().out and (project / "README.md").read_text() == README
    assert call(project) == 0 and call(project, "--check") == 0
    text = (project / "README.md").read_text()
    assert "| *prompt" not in text and "| prompt engineering |" in text and "+4.5" in text and "almost 5" in text
    assert "`quickstart-prompts.h5`" in text and text.endswith("rest\n")


def test_nothing_published_is_said(project: Path) -> None:
    (project / "README.md").write_text(README)
    assert call(project) == 0 and "No results are published yet." in (project / "README.md").read_text()


@pytest.mark.parametrize("flag", ["smoke", "dirty"])
def test_smoke_and_dirty_results_are_refused(project: Path, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    published(project, **{flag: "yes"})
    (project / "README.md").write_text(README)
    assert call(project) == 1 and "quickstart-prompts.h5" in capsys.readouterr().err


def test_readme_without_markers_gives_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "README.md").write_text("# T\n")
    assert call(project) == 1 and capsys.readouterr().err.count("\n") == 1
