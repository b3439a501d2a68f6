"""distribution_shift on twins: a shift of grey pictures, and one whose classes go by other prompts than the source's; and the
example of every data set."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from test_studies_of_twins import LEARNT, drawing, records_of
from whole_run import Project

CLASSES = ("bird", "car", "ship")
PAIRS = ("own>stl10", "own>copy")


def write(folder: Path, splits: tuple[str, ...], grey: bool, seed: int) -> None:
    """30 pictures a class and split: a few shapes, and one whose place tells the class."""
    rng = np.random.default_rng(seed)
    for split in splits:
        for c, label in enumerate(CLASSES):
            (folder / split / label).mkdir(parents=True)
            for i in range(30):
                image = drawing(rng)
                shade = tuple(int(v) for v in rng.integers(0, 120, 3))
                ImageDraw.Draw(image).rectangle((0, 20 * c, 63, 20 * c + 22), fill=shade)
                image.convert("L" if grey else "RGB").save(folder / split / label / f"{i}.png")


def test_what_the_shifts_own_prompts_add_and_a_grey_shift(project: Project, tmp_path: Path):
    sets = tmp_path / "sets"
    write(sets / "own", ("train", "test"), grey=False, seed=1)
    write(sets / "stl10", ("test",), grey=True, seed=2)  # STL-10's templates
    write(sets / "copy", ("test",), grey=True, seed=2)  # the same pictures, the source's template
    records, file = records_of(project, sets, "distribution_shift/smoke", "--distribution_shift.pairs", ",".join(PAIRS), "--distribution_shift.draws", "0",
                               "--eval.datasets", "own", "--train.arch", "vit-test", *LEARNT)
    with file:
        points = {pair: file[f"arrays/points/{pair}"][:] for pair in ("own->stl10", "own->copy")}
    own = "source_set=own"
    top1 = {(data, method): records[data, "vit-test", method, "shift_top1", own] for data in ("stl10", "copy") for method in ("zero-shot", "source-zero-shot")
            if (data, "vit-test", method, "shift_top1", own) in records}
    assert set(top1) == {("stl10", "zero-shot"), ("stl10", "source-zero-shot"), ("copy", "zero-shot")}
    assert top1["stl10", "source-zero-shot"] == top1["copy", "zero-shot"] != top1["stl10", "zero-shot"]
    value, low, high, n = records["stl10", "vit-test", "zero-shot", "class_adaptation", own]
    # Differences of rates of 90 pictures, in doubles.
    assert value == pytest.approx(top1["stl10", "zero-shot"][0] - top1["copy", "zero-shot"][0], abs=1e-12) and low < value < high and n == 90
    assert ("stl10", "vit-test", "source-zero-shot", "effective_robustness", own) in records
    assert len(points["own->stl10"]) == len(points["own->copy"]) + 1
    # Raw pixels of a grey shift have the source's form: dark bars tell the classes apart in grey as well.
    for data in ("stl10", "copy"):
        assert records[data, "raw-pixels", "linear-probe", "shift_top1", f"role=baseline, share=1/1, {own}"][0] > 0.8


def test_each_data_set_has_an_example_with_its_picture(project: Project, tmp_path: Path):
    sets = tmp_path / "sets"
    write(sets / "own", ("train", "test"), grey=False, seed=1)
    records, file = records_of(project, sets, "zero_shot_vs_probe/smoke", "--eval.datasets", "own,openmoji_groups", "--zero_shot_vs_probe.extra_datasets", "", *LEARNT)
    with file:
        scores = file["arrays/scores/own/vit-test/zero-shot"][:]
        said, texts = file["arrays/example/own/vit-test"], list(file["arrays/example/own/vit-test"].attrs["columns"])
        probability, rank, right = said[:]
        pixels = file["arrays/picture/own"][:].reshape(64, 64, 3)
        groups = file["arrays/example/openmoji_groups/vit-test"][:]
    assert sorted(texts) == [f"a photo of a {c}." for c in CLASSES] and probability.sum() == pytest.approx(1, abs=1e-12)
    assert list(rank) == [1, 2, 3] and list(probability) == sorted(probability, reverse=True) and right.sum() == 1
    pictures = [sets / "own/test" / c / f"{i}.png" for c in CLASSES for i in sorted(range(30), key=str)]
    seen = [np.asarray(Image.open(p), dtype=float) for p in pictures]
    (at,) = [i for i, image in enumerate(seen) if np.abs(image - pixels).mean() == 0]
    label, true_rank, predicted, confidence = scores[at]
    # The likeliest class is the one that was scored, with its probability; that one is a softmax in float32, 6e-8 a step.
    assert texts[0] == f"a photo of a {CLASSES[int(predicted)]}." and probability[0] == pytest.approx(confidence, rel=1e-6)
    assert texts[int(np.argmax(right))] == f"a photo of a {CLASSES[int(label)]}." and np.argmax(right) == true_rank
    assert groups.shape[1] in (5, 6) and groups[2].sum() == 1 and (groups.shape[1] == 5 or groups[1, 5] > 5)


def test_few_shot_probes_need_a_sample_of_each_class(project: Project, tmp_path: Path):
    sets = tmp_path / "sets"
    write(sets / "own", ("train", "test"), grey=False, seed=1)
    write(sets / "copy", ("test",), grey=False, seed=2)
    for picture in sorted((sets / "own/train/ship").glob("*.png"))[1:]:
        picture.unlink()
    done = project.run("run", "distribution_shift/smoke", "--data-root", str(sets), "--distribution_shift.pairs", "own>copy", "--eval.datasets", "own",
                       "--train.arch", "vit-test", "--eval.max_train", "16")  # of 61, by the seed not the ship
    assert done.returncode == 0, done.stderr
    assert "own->copy: a class of own has one training sample of this run or none: no few-shot probes" in done.stderr
