"""`run paper` on one's own checkpoint and a data root with three of the paper's sets: what is there is measured, the rest is named."""

import h5py
import numpy as np
import pytest
from PIL import Image


def write_set(root, name, splits, classes, rng):
    for split in splits:
        for c, label in enumerate(classes):
            folder = root / name / split / label
            folder.mkdir(parents=True)
            for i in range(12):
                pixels = rng.integers(0, 150, (32, 32, 3))
                pixels[:, :, c % 3] += 60
                Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{i}.png")


@pytest.fixture
def checkpoint(project):
    done = project.run("run", "prompt_engineering/smoke", "--train.arch", "vit-test", "--train.steps", "4", "--train.batch", "16")
    assert done.returncode == 0, done.stderr
    return next((project.folder / "results/models").glob("*/model.safetensors"))


def test_the_paper_runs_on_what_is_there_and_names_the_rest(project, checkpoint, tmp_path):
    rng, sets = np.random.default_rng(3), tmp_path / "sets"
    write_set(sets, "stl10", ("train", "test"), ["cat", "dog", "ship"], rng)
    write_set(sets, "eurosat", ("train", "test"), ["Forest", "River", "Highway"], rng)
    write_set(sets, "imagenet_a", ("test",), ["cat", "dog"], rng)
    words = ["run", "paper", "--model", str(checkpoint), "--data-root", str(sets), "--few_shot.draws", "2", "--model.baselines", "", "--eval.probe_iterations", "20"]
    done = project.run(*words, timeout=900)
    assert done.returncode == 0, done.stderr
    for line in ("left out: mnist: data set mnist:", "left out: imagenet>imagenet_a:", "left out: study distribution_shift: none of its data sets is present",
                 "left out: study retrieval:", "left out: study bias:", "left out: study visual_ngrams:", "left out: study ocr:",
                 "left out: study geolocalization: none of its data sets is present", "left out: study task_shift: its reference imagenet is absent"):
        assert line in done.stderr, (line, done.stderr)
    folder = next((project.folder / "results/runs").glob("paper-*"))
    measured = set()
    for path in folder.glob("*.h5"):
        with h5py.File(path) as file:
            left_out = {name.decode(): reason.decode() for name, reason in zip(file["left_out/name"], file["left_out/reason"], strict=True)}
            measured |= {path.stem} if len(file["records/n"]) else set()
        assert left_out and all(left_out.values()), f"{path.stem} says what it was not given"
    assert measured == {"zero_shot_vs_probe", "prompt_engineering", "few_shot", "representation"}
    with h5py.File(folder / "zero_shot_vs_probe.h5") as file:
        assert {name.decode() for name in file["records/dataset"][()]} >= {"stl10", "eurosat"}
    again = project.run(*words)
    assert again.stderr.count("measured already") == 13


def test_without_any_set_nothing_is_run_and_it_is_said(project, checkpoint, tmp_path):
    (tmp_path / "none").mkdir()
    done = project.run("run", "paper", "--model", str(checkpoint), "--data-root", str(tmp_path / "none"))
    assert done.returncode == 1
    assert "studies: none of their data sets is present, expected at least one" in done.stderr
    assert "left out: cifar10:" in done.stderr


def test_a_study_that_fails_does_not_stop_the_others(project, checkpoint, tmp_path):
    rng, sets = np.random.default_rng(3), tmp_path / "sets"
    write_set(sets, "stl10", ("train", "test"), ["cat", "dog", "ship"], rng)
    (sets / "iiit5k").mkdir()
    (sets / "iiit5k/captions.tsv").write_text("path\tsplit\tcaption_no\tcaption\nw.png\ttest\t0\tstop\n")
    (sets / "iiit5k/w.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    done = project.run("run", "paper", "--model", str(checkpoint), "--data-root", str(sets), "--studies", "ocr,prompt_engineering",
                       "--model.baselines", "", "--eval.probe_iterations", "20")
    assert done.returncode == 1 and "study ocr was not measured:" in done.stderr, done.stderr
    assert "run: studies that are not complete: ocr (" in done.stderr
    assert list((project.folder / "results/runs").glob("paper-*/prompt_engineering.h5"))


def test_a_model_without_a_text_tower_takes_part_where_none_is_needed(project, tmp_path):
    rng, sets = np.random.default_rng(3), tmp_path / "sets"
    write_set(sets, "stl10", ("train", "test"), ["cat", "dog", "ship"], rng)
    (sets / "iiit5k").mkdir()
    Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(sets / "iiit5k/w.png")
    (sets / "iiit5k/captions.tsv").write_text("path\tsplit\tcaption_no\tcaption\nw.png\ttest\t0\tstop\n")
    done = project.run("run", "objective_efficiency/smoke", "--train.objective", "captioning", "--train.snapshots", "0", timeout=600)
    assert done.returncode == 0, done.stderr
    (model,) = (project.folder / "results/models").glob("*/model.safetensors")
    done = project.run("run", "paper", "--model", str(model), "--data-root", str(sets), "--studies", "ocr,representation",
                       "--ocr.datasets", "stl10", "--model.baselines", "", "--eval.probe_iterations", "20", timeout=600)
    assert done.returncode == 1 and "study ocr was not measured:" in done.stderr, done.stderr
    assert "no text tower: it was trained by captioning, expected a contrastive model" in done.stderr
    complete = {}
    for path in (project.folder / "results/runs").glob("paper-*/*.h5"):
        with h5py.File(path) as file:
            complete[path.stem] = file["provenance"].attrs["complete"], len(file["records/n"])
    assert complete["representation"][0] == "yes" and complete["representation"][1] > 0
    assert complete["ocr"][0] == "no"  # its data set is measured, its words need a text tower
