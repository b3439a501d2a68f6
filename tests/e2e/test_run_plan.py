"""What a run reads, seen from the command line: each case was a fault once, a crash or a silent change."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from whole_run import Project

COLOURS = ("red", "green", "blue")


def picture(path: Path, colour: int, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = rng.integers(0, 120, (24, 24, 3))
    pixels[:, :, colour] += 120
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def folder_of_classes(folder: Path, splits: tuple[str, ...], per_class: int) -> None:
    rng = np.random.default_rng(1)
    for split in splits:
        for c, name in enumerate(COLOURS):
            for i in range(per_class):
                picture(folder / split / name / f"{i}.png", c, rng)


def folder_of_captions(folder: Path, splits: tuple[str, ...], caption: str = "a {} thing") -> None:
    rng, lines = np.random.default_rng(2), ["path\tsplit\tcaption_no\tcaption"]
    for split in splits:
        for i in range(6):
            picture(folder / f"{split}{i}.png", i % 3, rng)
            lines.append(f"{split}{i}.png\t{split}\t0\t{caption.format(COLOURS[i % 3])}")
    (folder / "captions.tsv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def model(project: Project) -> str:
    done = project.run("run", "prompt_engineering/smoke", "--train.arch", "vit-test", "--train.steps", "2", "--train.batch", "8", "--limit", "20",
                       "--eval.datasets", "fashion_mnist")
    assert done.returncode == 0, done.stderr
    return str(next((project.folder / "results/models").glob("*/model.safetensors")))


def folder_of(done) -> Path:
    return Path(done.stdout.strip().splitlines()[-1])


def test_a_set_without_train_and_test_is_one_line_that_names_its_parts(project: Project, model: str, tmp_path: Path):
    rng, rows = np.random.default_rng(3), ["path\tsplit\tlabel\tclass"]
    for i, split in enumerate(("photo", "sketch", "photo", "sketch")):
        picture(tmp_path / f"sets/drawn/{i}.png", i % 2, rng)
        rows.append(f"{i}.png\t{split}\t{i % 2}\t{COLOURS[i % 2]}")
    (tmp_path / "sets/drawn/labels.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "sets/drawn/classes.txt").write_text("red\ngreen\n")
    words = ["zero_shot_vs_probe/smoke", "--model.files", model, "--data-root", str(tmp_path / "sets"), "--eval.datasets", "drawn"]
    for verb in ("check", "run"):
        done = project.run(verb, *words)
        assert done.returncode == 1 and "photo" in done.stderr and "sketch" in done.stderr, (verb, done.returncode, done.stderr)
        assert len([line for line in done.stderr.splitlines() if line.startswith("cliplab: ")]) == 1


def test_the_places_study_is_not_left_out_for_the_name_of_a_split(project: Project, model: str, tmp_path: Path):
    folder_of_captions(tmp_path / "sets/im2gps", ("train", "test"), "47.1 8.5")
    done = project.run("run", "paper", "--model", model, "--data-root", str(tmp_path / "sets"), "--model.baselines", "", "--studies", "geolocalization")
    assert done.returncode == 0, done.stderr
    with h5py.File(folder_of(done) / "geolocalization.h5") as file:
        assert len(file["records/n"]) > 0


def test_a_split_of_a_captioned_folder_is_a_set(project: Project, model: str, tmp_path: Path):
    folder_of_captions(tmp_path / "sets/flickr", ("train", "test"))
    done = project.run("run", "retrieval/smoke", "--model.files", model, "--data-root", str(tmp_path / "sets"), "--retrieval.sets", "flickr/test",
                       "--retrieval.split", "test")
    assert done.returncode == 0, done.stderr


def test_other_prompts_are_measured_again(project: Project, model: str, tmp_path: Path):
    folder_of_classes(tmp_path / "sets/colours", ("train", "test"), 3)
    data = project.folder / "data"  # a copy that the test may change
    data.unlink()
    data.mkdir()
    for entry in (Path(__file__).resolve().parents[2] / "data").iterdir():
        if entry.name != "prompts":
            (data / entry.name).symlink_to(entry)
    (data / "prompts").mkdir()
    words = ["run", "zero_shot_vs_probe/smoke", "--model.files", model, "--data-root", str(tmp_path / "sets"), "--eval.datasets", "colours",
             "--zero_shot_vs_probe.extra_datasets", ""]
    folders = []
    for template in ("a {} picture", "a {} picture", "one {} thing"):
        (data / "prompts/colours.json").write_text(f'{{"classes": "own", "templates": ["{template}"]}}')
        done = project.run(*words)
        assert done.returncode == 0, done.stderr
        folders.append(folder_of(done))
    assert folders[0] == folders[1] != folders[2]


def test_a_misspelt_set_is_an_error_and_an_absent_one_a_row_with_its_reason(project: Project, model: str, tmp_path: Path):
    folder_of_classes(tmp_path / "sets/stl10", ("train", "test"), 12)
    words = ["run", "paper", "--model", model, "--data-root", str(tmp_path / "sets"), "--model.baselines", "", "--studies", "few_shot",
             "--few_shot.draws", "2", "--eval.datasets"]
    wrong = project.run(*words, "stl10,cifra10")
    assert wrong.returncode == 1 and "did you mean 'cifar10'?" in wrong.stderr, wrong.stderr
    done = project.run(*words, "stl10,cifar10")
    assert done.returncode == 0 and "left out: cifar10" in done.stderr, done.stderr
    with h5py.File(folder_of(done) / "few_shot.h5") as file:
        assert [name.decode() for name in file["left_out/name"]] == ["cifar10"]
        assert "cifar10" in file["left_out/reason"][0].decode()


def test_what_was_measured_before_a_bad_set_is_kept(project: Project, model: str, tmp_path: Path):
    folder_of_classes(tmp_path / "sets/good", ("train", "test"), 4)
    folder_of_classes(tmp_path / "sets/bad", ("train", "test"), 1)
    for file in (tmp_path / "sets/bad/test").rglob("*.png"):
        file.write_bytes(b"\x89PNG\r\n\x1a\nno more")
    words = ["run", "encoder_scaling/smoke", "--model.files", model, "--data-root", str(tmp_path / "sets"), "--eval.datasets", "good,bad"]
    done = project.run(*words)
    assert done.returncode == 1 and "bad was not measured" in done.stderr, done.stderr
    (file,) = (project.folder / "results/runs").glob("encoder_scaling-*/encoder_scaling.h5")
    with h5py.File(file) as results:
        assert b"good" in results["records/dataset"][:] and b"bad" not in results["records/dataset"][:]
        assert [name.decode() for name in results["left_out/name"]] == ["bad"]
        assert results["provenance"].attrs["complete"] == "no"
    folder_of_classes(tmp_path / "sets/bad", ("test",), 1)  # mended: the same command measures it
    assert project.run(*words).returncode == 0


def test_no_more_shots_than_a_class_has(project: Project, model: str, tmp_path: Path):
    folder_of_classes(tmp_path / "sets/few", ("train", "test"), 10)
    done = project.run("run", "few_shot/smoke", "--model.files", model, "--data-root", str(tmp_path / "sets"), "--eval.datasets", "few")
    assert done.returncode == 0, done.stderr
    with h5py.File(folder_of(done) / "few_shot.h5") as file:
        text = b"\n".join(file["records/variant" if "variant" in file["records"] else "records/params"][:]).decode()
    assert ("shots=8" in text or '"shots":"8"' in text) and "shots=16" not in text and '"shots":"16"' not in text


def test_check_takes_model_and_opens_it(project: Project, model: str, tmp_path: Path):
    good = project.run("check", "zero_shot_vs_probe/smoke", "--model", model)
    assert good.returncode == 0, good.stderr
    (tmp_path / "broken.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}              ")
    bad = project.run("check", "zero_shot_vs_probe/smoke", "--model", str(tmp_path / "broken.safetensors"))
    assert bad.returncode == 1 and "broken.safetensors" in bad.stderr, bad.stderr
