"""kill -9, Ctrl-C and full disks at random moments: nothing half-written is taken for whole, and the run goes on."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py

from whole_run import Project, disk_of

# Steps of 30 ms, a checkpoint a second.
STEPS_OF = ["run", "prompt_engineering/smoke", "--train.checkpoint_seconds", "1", "--train.arch", "vit-test", "--train.steps"]
WORDS = [*STEPS_OF, "150"]


def model_of(project: Project) -> str:
    (model,) = (project.folder / "results/models").glob("*/model.safetensors")
    return hashlib.sha256(model.read_bytes()).hexdigest()


def test_killed_at_random_moments_ends_in_the_bits_of_an_unbroken_run(tmp_path: Path, project: Project):
    """CLIPLAB_KILLS kills (3), each in a run of 200 steps that then goes on to its end."""
    words = [*STEPS_OF, "200"]
    begin = time.monotonic()
    unbroken = Project(tmp_path / "unbroken")
    done = unbroken.run(*words)
    assert done.returncode == 0, done.stderr
    whole, expected = time.monotonic() - begin, model_of(unbroken)
    rng, kills, resumed = random.Random(5), 0, 0
    while kills < int(os.environ.get("CLIPLAB_KILLS", "3")):
        shutil.rmtree(project.folder / "results", ignore_errors=True)
        process = project.start(*words)
        try:
            process.wait(timeout=rng.uniform(0.3, 1.0) * whole)
            continue  # done before the kill: another moment
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        done = project.run(*words)
        assert done.returncode == 0, done.stderr
        assert model_of(project) == expected, f"kill {kills}"
        resumed += "goes on from step" in done.stderr
    print(f"{kills} kills, {resumed} of them behind a checkpoint")
    assert resumed > 0


def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(project: Project):
    process = project.start(*WORDS)
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, 130), errors
    if process.returncode == 130:
        assert "stopped" in errors.splitlines()[-1]
    assert not list((project.folder / "results").rglob("*.part*"))
    assert project.run(*WORDS).returncode == 0


def test_full_disk_is_one_line_and_leaves_no_half_file(project: Project):
    done = project.run(*WORDS, preexec_fn=disk_of(200_000))
    assert done.returncode == 1
    assert "cannot" in done.stderr.strip().splitlines()[-1]
    assert not list((project.folder / "results").rglob("*.safetensors"))
    assert project.run(*WORDS).returncode == 0


def test_damaged_results_and_features_are_made_again(project: Project):
    done = project.run(*WORDS)
    folder = Path(done.stdout.strip().splitlines()[-1])
    results = folder / "prompt_engineering.h5"
    results.write_bytes(results.read_bytes()[:3000])
    for features in (project.folder / "results/features").glob("*.h5"):
        data = bytearray(features.read_bytes())
        data[len(data) // 2] ^= 0xFF
        features.write_bytes(data)
    again = project.run(*WORDS)
    assert again.returncode == 0 and "measured again" in again.stderr, again.stderr


def flip(file: Path, place: float) -> None:
    data = bytearray(file.read_bytes())
    data[int(place * (len(data) - 1))] ^= 0x10
    file.write_bytes(data)


def test_a_damaged_model_or_checkpoint_is_named_and_deleting_it_helps(project: Project):
    words = [*STEPS_OF, "40"]
    assert project.run(*words).returncode == 0
    expected = model_of(project)
    (model,) = (project.folder / "results/models").glob("*/model.safetensors")
    for place in (0.0, 0.001, 0.7, 1.0):  # the header's length, the header, the weights
        flip(model, place)
        shutil.rmtree(project.folder / "results/runs")
        bad = project.run(*words)
        line = bad.stderr.strip().splitlines()[-1]
        assert bad.returncode == 1 and "model.safetensors: " in line and "delete it and give the same command again" in line, line
        if place < 1.0:
            flip(model, place)  # whole again
    model.unlink()
    assert project.run(*words).returncode == 0
    assert model_of(project) == expected

    longer = [*STEPS_OF, "2000"]
    process = project.start(*longer)
    while not (found := list((project.folder / "results/models").glob("*/checkpoint.safetensors"))) and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    flip(found[0], 0.6)
    bad = project.run(*longer)
    line = bad.stderr.strip().splitlines()[-1]
    assert bad.returncode == 1 and "checkpoint.safetensors: bytes that do not match" in line and "delete it" in line, line
    found[0].unlink()
    process = project.start(*longer)
    time.sleep(5)
    assert process.poll() is None, process.communicate()  # it trains again
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_two_runs_at_once_share_one_training(project: Project):
    first, second = project.start(*WORDS), project.start(*WORDS)
    for process in (first, second):
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
    assert len(list((project.folder / "results/models").glob("*/model.safetensors"))) == 1


def test_two_different_runs_at_once_write_the_same_features_and_their_own_results(project: Project):
    """The model is there, so both begin to encode the same pictures into the same files at the same moment."""
    assert project.run(*WORDS, "--eval.datasets", "tuxpaint", "--prompt_engineering.extra_datasets", "").returncode == 0
    features = project.folder / "results/features"
    shutil.rmtree(features)
    both = [project.start(*WORDS, "--eval.probe_iterations", str(n)) for n in (20, 21)]  # a key that this study does not ask for
    records = []
    for process in both:
        out, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        with h5py.File(Path(out.strip().splitlines()[-1]) / "prompt_engineering.h5") as file:
            records.append({name: file[f"records/{name}"][:].tolist() for name in file["records"]})
    assert records[0] == records[1] and len(records[0]["value"]) > 10
    assert len(list((project.folder / "results/runs").glob("*/prompt_engineering.h5"))) == 3
    assert not list((project.folder / "results").rglob("*.part*"))
