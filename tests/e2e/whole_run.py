"""A project folder of its own for whole runs: experiments and data are the real ones, results are not shared."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Project:
    """Runs the binary with CLIPLAB_ROOT pointing to a temporary tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("experiments", "data", ".venv", "src"):
            (folder / name).symlink_to(ROOT / name)

    def environment(self) -> dict[str, str]:
        return os.environ | {"CLIPLAB_ROOT": str(self.folder)}

    def run(self, *words: str, timeout: float = 300, **more) -> subprocess.CompletedProcess:
        return subprocess.run([binary(), *words], env=self.environment(), cwd=self.folder, capture_output=True, text=True,
                              timeout=timeout, check=False, **more)


def binary() -> str:
    path = os.environ.get("CLIPLAB_BIN", "")
    if not path or not Path(path).exists():
        pytest.skip("SKIPPED ALOUD: CLIPLAB_BIN names no binary; run ./cliplab test")
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    binary()
    if not (ROOT / "data/corpora/drawings/manifest.json").exists():
        pytest.skip("SKIPPED ALOUD: the drawings corpus is not built; ./cliplab data fetch drawings")
    return Project(tmp_path / "project")
