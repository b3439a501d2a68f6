"""The set-up script and the corpus recipes, stopped, starved and cheated: one line, no half-made thing, the next call goes on."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from whole_run import ROOT, Project, binary, disk_of

CORPUS = "gemojione"  # the quickest recipe that reads, renders and shards: about 1,300 pictures


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    """A project that has its downloads and no corpus."""
    binary()
    if not (ROOT / "data/corpora" / CORPUS / "manifest.json").exists():
        pytest.skip(f"the corpus {CORPUS} is not built; ./cliplab data fetch {CORPUS}")
    project = Project(tmp_path / "project")
    data = project.folder / "data"
    data.unlink()
    data.mkdir()
    for entry in (ROOT / "data").iterdir():
        if entry.name not in ("corpora", "downloads"):
            (data / entry.name).symlink_to(entry)
    (data / "downloads").mkdir()
    for package in (ROOT / "data/downloads").glob("*.*"):
        if package.suffix in (".deb", ".whl"):
            os.link(package, data / "downloads" / package.name)
    return project


def corpus_id(folder: Path) -> str:
    return json.loads((folder / "data/corpora" / CORPUS / "manifest.json").read_text())["id"]


def is_whole(project: Project) -> None:
    done = project.run("data", "fetch", CORPUS)
    assert done.returncode == 0, done.stderr
    assert corpus_id(project.folder) == corpus_id(ROOT)
    verified = project.run("data", "verify", CORPUS)
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_recipe_stopped_at_random_moments_ends_in_the_same_corpus(bare: Project, kind: signal.Signals):
    rng, stopped = random.Random(int(kind)), 0
    for _ in range(6):
        process = bare.start("data", "fetch", CORPUS)
        try:
            process.wait(timeout=rng.uniform(0.15, 0.9))
        except subprocess.TimeoutExpired:
            process.send_signal(kind)
            _, errors = process.communicate(timeout=60)
            stopped += process.returncode != 0
            if kind == signal.SIGINT and process.returncode not in (0, -signal.SIGINT):  # the latter: not yet in main()
                assert process.returncode == 130 and "stopped" in errors.splitlines()[-1], errors
        assert not (bare.folder / "data/corpora" / CORPUS / "manifest.json").exists() or \
            corpus_id(bare.folder) == corpus_id(ROOT)
    assert stopped >= 1
    is_whole(bare)


def test_recipe_on_a_full_disk(bare: Project):
    done = bare.run("data", "fetch", CORPUS, preexec_fn=disk_of(300_000))
    assert done.returncode == 1
    assert "cannot" in done.stderr.strip().splitlines()[-1], done.stderr
    assert not (bare.folder / "data/corpora" / CORPUS / "manifest.json").exists()
    is_whole(bare)


def test_truncated_package_is_named_and_removed(bare: Project):
    (package,) = (bare.folder / "data/downloads").glob("ruby-gemojione*.deb")
    half = package.read_bytes()[: package.stat().st_size // 2]
    package.unlink()
    package.write_bytes(half)
    done = bare.run("data", "fetch", CORPUS)
    assert done.returncode == 1
    assert package.name in done.stderr.splitlines()[-1] and "removed" in done.stderr.splitlines()[-1], done.stderr
    assert not package.exists()
    assert not (bare.folder / "data/corpora" / CORPUS).exists()


# The script itself, with programs of the system replaced by small ones that answer as told.


def script_project(tmp_path: Path, **programs: str) -> tuple[Path, dict[str, str]]:
    root, stubs = tmp_path / "clone", tmp_path / "stubs"
    stubs.mkdir()
    for name in ("cliplab", "analysis/requirements.txt", "tests/requirements.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    for name, body in programs.items():
        file = stubs / name.replace("_", "-")
        file.write_text(f"#!/bin/bash\n{body}\n")
        file.chmod(0o755)
    environment = os.environ | {"PATH": f"{stubs}:{os.environ['PATH']}"}
    environment.pop("CLIPLAB_ROOT", None)
    return root, environment


def start(root: Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run([root / "cliplab", "list"], env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_debian_package_that_cannot_be_had_is_one_line(tmp_path: Path):
    root, environment = script_project(
        tmp_path, dpkg_query="exit 1", sudo='exec "$@"',
        apt_get='[[ $1 == update ]] || { echo "E: Unable to locate package libeigen3-dev" >&2; exit 100; }')
    done = start(root, environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "cliplab: apt-get failed: E: Unable to locate package libeigen3-dev"
    assert not (root / "build/.packages").exists()


def test_pip_that_fails_leaves_no_stamp_and_says_why(tmp_path: Path):
    root, environment = script_project(tmp_path, dpkg_query="echo 'install ok installed'")
    (root / "analysis/requirements.txt").write_text("no-such-package-of-cliplab==1.0\n")
    environment |= {"PIP_NO_INDEX": "1"}
    done = start(root, environment)
    assert done.returncode == 1
    assert "pip failed: ERROR" in done.stderr.splitlines()[-1], done.stderr
    assert not (root / ".venv/.ready").exists()
    assert "pip failed: ERROR" in start(root, environment).stderr  # the second start tries again


def test_set_up_killed_within_pip_starts_again(tmp_path: Path):
    root, environment = script_project(tmp_path, dpkg_query="echo 'install ok installed'")
    # Killed when pip is there and its work is not; the next start calls pip again, since the first left no stamp.
    (root / "analysis/requirements.txt").write_text("no-such-package-of-cliplab==1.0\n")
    process = subprocess.Popen([root / "cliplab", "list"], env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    while not (root / ".venv/bin/pip").exists() and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (root / ".venv/.ready").exists()
    done = start(root, environment | {"PIP_NO_INDEX": "1"})
    assert "pip failed: ERROR" in done.stderr.splitlines()[-1], done.stderr
