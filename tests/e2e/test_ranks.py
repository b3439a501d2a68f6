"""Whole runs by mpirun: rank 0 alone writes, a dead rank ends all, a checkpoint goes on with another number of ranks, and what
is wrong with a checkpoint or a loss is said by name."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import save_file
from whole_run import Project, binary

# fp32, so that the order of sums is all that differs between numbers of ranks.
WORDS = ["run", "prompt_engineering/smoke", "--train.arch", "vit-test", "--train.batch", "64", "--train.precision", "fp32",
         "--train.checkpoint_seconds", "1", "--train.steps"]


def start(project: Project, ranks: int, *words: str) -> subprocess.Popen:
    if shutil.which("mpirun") is None:
        pytest.skip("no mpirun; ./cliplab installs openmpi-bin")
    launcher = ["mpirun", "--oversubscribe", "--allow-run-as-root", "--bind-to", "none", "-n", str(ranks)]
    return subprocess.Popen([*launcher, binary(), *words], env=project.environment(), cwd=project.folder, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ranks_of(launcher: subprocess.Popen) -> list[int]:
    """Process ids by rank."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"PPid:\t{launcher.pid}\n" in (folder / "status").read_text():
                words = (folder / "environ").read_bytes().split(b"\0")
                found |= {int(word.split(b"=")[1]): int(folder.name) for word in words if word.startswith(b"OMPI_COMM_WORLD_RANK=")}
        except OSError:
            pass
    return [found[rank] for rank in sorted(found)]


def wait_for_checkpoint(project: Project, launcher: subprocess.Popen) -> Path:
    for _ in range(1200):
        found = list((project.folder / "results/models").glob("*/checkpoint.safetensors"))
        if found:
            return found[0]
        assert launcher.poll() is None, launcher.communicate()[1]
        time.sleep(0.1)
    raise AssertionError("no checkpoint in two minutes")


def curve_of(project: Project) -> np.ndarray:
    """Losses of the training, [rows]."""
    (file,) = (project.folder / "results/models").glob("*/train.h5")
    with h5py.File(file) as results:
        return results["arrays/curve"][:, 2]


def interrupted(project: Project, steps: int) -> Path:
    """A training stopped at its first checkpoint, which is returned."""
    process = project.start(*WORDS, str(steps))
    checkpoint = wait_for_checkpoint(project, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    return checkpoint


def test_two_ranks_train_as_one_and_rank_0_alone_writes(tmp_path: Path, project: Project):
    launcher = start(project, 2, *WORDS, "40")
    out, errors = launcher.communicate(timeout=300)
    assert launcher.returncode == 0, errors
    (folder,) = (project.folder / "results/runs").iterdir()
    assert out.split() == [str(folder)]
    assert not list((project.folder / "results").rglob("*.part*"))
    (training,) = (project.folder / "results/models").iterdir()
    with h5py.File(training / "train.h5") as results:
        assert dict(results["provenance"].attrs)["ranks"] in ("2", b"2")
    alone, other = Project(tmp_path / "alone"), Project(tmp_path / "other")
    assert alone.run(*WORDS, "40").returncode == 0
    assert other.run(*WORDS, "40", "--seed", "1").returncode == 0
    # Rounding of 2^-24 grows with each of the 40 steps at a rate of 1e-3; another order of the pairs differs by far more.
    assert np.abs(curve_of(project) - curve_of(alone)).max() < 1e-3
    assert np.abs(curve_of(other) - curve_of(alone)).max() > 1e-2


def test_dead_rank_ends_the_others_and_one_process_goes_on(tmp_path: Path, project: Project):
    launcher = start(project, 2, *WORDS, "200")
    wait_for_checkpoint(project, launcher)
    victim, survivor = ranks_of(launcher)[1], ranks_of(launcher)[0]
    os.kill(victim, signal.SIGKILL)
    begin = time.monotonic()
    _, errors = launcher.communicate(timeout=60)
    while Path(f"/proc/{survivor}").exists():
        assert time.monotonic() - begin < 60, "rank 0 still lives"
        time.sleep(0.1)
    assert launcher.returncode != 0 and "rank 1" in errors and "signal 9" in errors, errors
    done = project.run(*WORDS, "200")
    assert done.returncode == 0 and "goes on from step" in done.stderr, done.stderr
    alone = Project(tmp_path / "alone")
    assert alone.run(*WORDS, "200").returncode == 0
    # The same pairs in the same order: else losses differ by 0.05 and more from the first row after the kill. 200 steps of
    # growing rounding may cost a hundredth.
    assert np.abs(curve_of(project) - curve_of(alone)).max() < 0.02


def test_signal_to_one_rank_stops_all_at_one_step(project: Project):
    launcher = start(project, 2, *WORDS, "400")
    checkpoint = wait_for_checkpoint(project, launcher)
    os.kill(ranks_of(launcher)[1], signal.SIGTERM)
    _, errors = launcher.communicate(timeout=60)
    assert launcher.returncode != 0 and "training stopped at step" in errors, errors
    assert checkpoint.exists() and not list(checkpoint.parent.glob("*.part*"))


def test_loss_that_is_not_finite_names_step_and_pairs(project: Project):
    checkpoint = interrupted(project, 300)
    with safe_open(checkpoint, "pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()
    tensors["model.visual.proj"][:, 0] = 3e38  # finite, but its products are not
    # Without its seal, which says that the bytes are as cliplab wrote them.
    unsealed = {key: value for key, value in metadata.items() if key not in ("cliplab.sealed", "cliplab.sha256")}
    save_file(tensors, checkpoint, unsealed)
    poisoned = checkpoint.read_bytes()
    done = project.run(*WORDS, "300")
    line = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert f"step {metadata['step']}" in line and "loss nan" in line, line
    keys = (checkpoint.parent / "bad_batch.txt").read_text().split()
    assert len(set(keys)) == 64 and keys[0] in line
    assert checkpoint.read_bytes() == poisoned


@pytest.mark.parametrize("key,value,said", [("--train.precision", "bf16", "precision = fp32, expected precision = bf16"),
                                            ("--train.arch", "rn-test", "architecture = vit-test, expected architecture = rn-test")])
def test_checkpoint_of_another_training_is_refused_by_name(project: Project, key: str, value: str, said: str):
    checkpoint = interrupted(project, 300)
    words = [value if before == key else word for before, word in zip(["", *WORDS], [*WORDS, "300"])]
    process = project.start(*words)
    for _ in range(600):
        folders = [folder for folder in (project.folder / "results/models").iterdir() if folder != checkpoint.parent]
        if folders or process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    process.communicate()
    shutil.copy(checkpoint, folders[0] / "checkpoint.safetensors")
    done = project.run(*words)
    assert done.returncode == 1
    assert said in done.stderr.strip().splitlines()[-1], done.stderr


def test_batch_that_the_ranks_cannot_share_is_refused_by_all(project: Project):
    launcher = start(project, 3, *WORDS, "40")
    _, errors = launcher.communicate(timeout=120)
    assert launcher.returncode != 0
    assert "train.batch: 64 on 3 ranks, expected a multiple of the ranks" in errors, errors


def test_sweep_runs_on_one_rank_and_is_refused_on_two(project: Project):
    words = [*WORDS, "4", "--sweep", "seed=0,1"]
    out, errors = start(project, 1, *words).communicate(timeout=300)
    assert len(set(out.split())) == 2, errors
    launcher = start(project, 2, *words)
    _, errors = launcher.communicate(timeout=120)
    assert launcher.returncode != 0 and "start each cell by its own mpirun" in errors, errors


def write_shards(folder: Path) -> Path:
    """4 webdataset shards of 40 coloured squares with a word each."""
    import io
    import tarfile

    from PIL import Image
    folder.mkdir()
    colours = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
    rng = np.random.default_rng(0)
    for shard in range(4):
        with tarfile.open(folder / f"pairs-{shard}.tar", "w") as tar:
            for i in range(40):
                word = list(colours)[rng.integers(4)]
                picture = io.BytesIO()
                Image.fromarray((np.ones((40, 48, 3)) * colours[word] * rng.uniform(0.5, 1)).astype(np.uint8)).save(picture, "JPEG")
                for name, content in ((f"{shard}-{i}.jpg", picture.getvalue()), (f"{shard}-{i}.txt", word.encode())):
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
    return folder


def test_a_training_from_shards_is_killed_and_goes_on_with_another_number_of_ranks(tmp_path: Path, project: Project):
    shards = write_shards(tmp_path / "shards")
    words = [*WORDS, "400", "--train.corpus", str(shards / "pairs-{0..3}.tar"), "--train.streams", "2"]
    whole = Project(tmp_path / "whole")
    launcher = start(whole, 1, *words)
    assert launcher.wait(timeout=300) == 0, launcher.communicate()[1]
    stopped = start(project, 2, *words)
    wait_for_checkpoint(project, stopped)
    os.kill(ranks_of(stopped)[1], signal.SIGTERM)
    errors = stopped.communicate(timeout=120)[1]
    assert "the same command goes on from there" in errors, errors
    launcher = start(project, 1, *words)
    errors = launcher.communicate(timeout=300)[1]
    assert launcher.returncode == 0, errors
    assert "goes on from step" in errors
    expected, found = curve_of(whole), curve_of(project)
    # Gradients of two ranks differ in rounding (6e-8 each), which 400 steps of AdamW carry on; another order of the pairs
    # would move the loss of a step by tenths.
    assert np.abs(found - expected).max() < 0.02
    assert expected[-1] < expected[0] - 0.5, "it learns"


def test_a_shard_that_vanishes_or_is_missing_is_named(tmp_path: Path, project: Project):
    shards = write_shards(tmp_path / "shards")
    (shards / "pairs-2.tar").unlink()
    done = project.run(*WORDS, "4", "--train.corpus", str(shards / "pairs-{0..3}.tar"))
    assert done.returncode == 1 and f"{shards / 'pairs-2.tar'}: no such file, expected a tar shard" in done.stderr
    process = project.start(*WORDS, "100000", "--train.corpus", str(shards))
    wait_for_checkpoint(project, process)
    (shards / "pairs-1.tar").unlink()  # in the middle of the training: what is left goes on, and it is said
    for line in process.stderr:
        if "pairs-1.tar: a damaged or cut archive" in line:
            break
    else:
        raise AssertionError("nothing was said of the shard")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
