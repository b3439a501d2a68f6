"""A project folder of its own for whole runs: experiments and data are the real ones, results are not shared."""

import json
import os
import resource
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from binaries import cliplab_binary as binary

ROOT = Path(__file__).resolve().parents[2]


def spelled(params: str | bytes) -> str:
    """The params of a record for a key: "shots=4, start=zero", in the order of the file, without those that say how it is to be read."""
    notes = ("interval", "line", "censored", "validation", "correction")
    return ", ".join(f"{key}={value}" for key, value in json.loads(params).items() if key not in notes)


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
        """The binary's end, with its output."""
        return subprocess.run([binary(), *words], env=self.environment(), cwd=self.folder, capture_output=True, text=True,
                              timeout=timeout, check=False, **more)

    def start(self, *words: str) -> subprocess.Popen:
        """The binary at work, to be stopped."""
        return subprocess.Popen([binary(), *words], env=self.environment(), cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)


def disk_of(file_bytes: int) -> Callable[[], None]:
    """A preexec_fn: no file can grow beyond that, writes fail with an error as on a full disk."""
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    return limit


@pytest.fixture
def project(tmp_path: Path) -> Project:
    binary()
    if not (ROOT / "data/corpora/drawings/manifest.json").exists():
        pytest.skip("the drawings corpus is not built; ./cliplab data fetch drawings")
    return Project(tmp_path / "project")
