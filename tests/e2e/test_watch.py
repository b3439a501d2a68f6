"""Zero-shot and retrieval while a model is trained."""

import json
import signal
import time
from pathlib import Path

import h5py
import numpy as np

from test_event_files import events
from whole_run import Project


def training(steps: int = 150, times: int = 4) -> list[str]:
    return ["run", "zero_shot_vs_probe/smoke", "--train.steps", str(steps), "--train.checkpoint_seconds", "1", "--watch.zero_shot", "fashion_mnist",
            "--watch.retrieval", "drawings", "--watch.times", str(times), "--watch.limit", "150"]


def watched(project: Project) -> tuple[list[str], np.ndarray, Path]:
    (folder,) = (path.parent for path in (project.folder / "results/models").glob("*/model.safetensors"))
    with h5py.File(folder / "train.h5") as h5:
        array = h5["arrays/watched"]
        return [name.decode() if isinstance(name, bytes) else str(name) for name in array.attrs["columns"]], array[()], folder


def study_value(project: Project, study: str, *wanted: str) -> float:
    (file,) = (project.folder / "results/runs").glob(f"*/{study}.h5")
    with h5py.File(file) as h5:
        columns = {name: [x.decode() if isinstance(x, bytes) else x for x in column[()]] for name, column in h5["records"].items()}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    (row,) = (row for row in rows if set(wanted) <= {*row.values(), *json.loads(row["params"]).values()})
    return row["value"]


def test_the_last_row_is_what_the_studies_measure(project: Project):
    done = project.run(*training(), "--limit", "150", "--studies", "zero_shot_vs_probe,retrieval", "--retrieval.sets", "drawings", "--retrieval.split", "val",
                       "--retrieval.prefix", "", "--eval.max_test", "150")
    assert done.returncode == 0, done.stderr
    columns, rows, folder = watched(project)
    assert columns == ["step", "zero-shot fashion_mnist", "recall1 drawings image-to-text", "recall1 drawings text-to-image"]
    assert rows[:, 0].tolist() == [38, 75, 113, 150]  # the first steps at or after each quarter of 150
    assert rows[-1, 1] == study_value(project, "zero_shot_vs_probe", "fashion_mnist", "zero-shot", "top1")
    for i, way in enumerate(("image-to-text", "text-to-image")):
        assert rows[-1, 2 + i] == study_value(project, "retrieval", "recall1", way, "vit-test")
    (file,) = folder.glob("events.out.tfevents.*")
    shown = [(step, values[columns[1]]) for step, values in events(file) if columns[1] in values]
    assert shown == [(int(step), np.float32(value)) for step, value in rows[:, :2]]
    assert not list(folder.glob("watched*")) and not list((project.folder / "results/models/.watch").glob("*")), "nothing stays behind"
    assert "at step 75: zero-shot fashion_mnist" in done.stderr

    again = project.run(*training(times=5))
    assert again.returncode == 0 and "nothing is watched" in again.stderr


def test_a_killed_training_ends_in_the_same_rows(project: Project, tmp_path: Path):
    whole = Project(tmp_path / "whole")
    assert whole.run(*training()).returncode == 0
    process = project.start(*training())
    deadline = time.monotonic() + 200
    while not list((project.folder / "results/models").glob("*/checkpoint.safetensors")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert project.run(*training()).returncode == 0
    assert np.array_equal(watched(project)[1], watched(whole)[1])


def test_what_cannot_be_measured_is_said_and_training_goes_on(project: Project):
    done = project.run(*training(steps=20, times=1), "--train.objective", "bow_prediction")
    assert done.returncode == 0, done.stderr
    assert "watch: no retrieval on drawings" in done.stderr
    columns, rows, _ = watched(project)
    assert np.isfinite(rows[0, 1]) and np.isnan(rows[0, 2:]).all() and len(columns) == 4


def test_unknown_sets_are_told_before_the_training(project: Project):
    done = project.run("run", "zero_shot_vs_probe/smoke", "--watch.zero_shot", "fashion_mnits")
    assert done.returncode != 0 and "fashion_mnits" in done.stderr and "at step" not in done.stderr
