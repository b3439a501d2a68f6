"""Studies on real photos and digits that are not part of the project: Flickr8k, CIFAR-10, MNIST, PACS and texture-vs-shape, below
CLIPLAB_SHARED. The model is one of six steps: what is held is counts, floors and the way of real files through every layer."""

import os
import tarfile
from pathlib import Path

import h5py
import pytest

from whole_run import ROOT, Project, spelled

SHARED = Path(os.environ.get("CLIPLAB_SHARED", ROOT.parent / "shared")) / "datasets"
STUDIES = "zero_shot_vs_probe,few_shot,prompt_engineering,distribution_shift,retrieval"


def unpack(archive: Path, to: Path, place) -> None:
    """Each picture to the folder below `to` that `place` names by its path in the archive; None: nowhere."""
    with tarfile.open(archive) as pictures:
        for member in pictures:
            if member.isfile() and (folder := place(Path(member.name))):
                (to / folder).mkdir(parents=True, exist_ok=True)
                (to / folder / Path(member.name).name).write_bytes(pictures.extractfile(member).read())


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    names = ("mnist_idx", "cifar10_train_q92", "cifar10_test_png", "flickr8k_224_q80", "pacs_112", "texture_vs_shape_112")
    missing = [name for name in names if not (SHARED / name).is_dir()]
    if missing:
        pytest.skip(f"no {', '.join(missing)} in {SHARED}; set CLIPLAB_SHARED")
    root = tmp_path / "sets"
    root.mkdir()
    for name in ("mnist_idx", "flickr8k_224_q80", "pacs_112"):
        (root / name).symlink_to(SHARED / name)
    taken: dict[tuple, int] = {}

    def few(path: Path) -> Path | None:  # 40 a class and split
        key = path.parent.parts
        taken[key] = taken.get(key, 0) + 1
        return path.parent if taken[key] <= 40 else None
    for part in ("train_q92", "test_png"):
        unpack(SHARED / f"cifar10_{part}" / "images.tar.gz", root / "cifar10", few)
    # Stylised photos, half of them to fit on; their outlines are the shift.
    parts = {"cue_conflict": "conflict", "edges": "outlines"}

    def texture(path: Path) -> Path | None:  # cue_conflict/bear/bear3-oven1.png: the third bear
        part, label = path.parts[:2]
        train = part == "cue_conflict" and int(path.stem.split("-")[0].removeprefix(label)) <= 5
        return Path(parts[part]) / ("train" if train else "test") / label if part in parts else None
    unpack(SHARED / "texture_vs_shape_112/images.tar.gz", root, texture)
    every = 0

    def photo(path: Path) -> Path | None:
        nonlocal every
        every += path.parts[0] == "photo"
        return Path("photos") / ("test" if every % 3 == 0 else "train") / path.parts[1] if path.parts[0] == "photo" else None
    unpack(SHARED / "pacs_112/images.tar.gz", root, photo)
    return root


def test_every_kind_of_study(project: Project, sets: Path):
    done = project.run("run", "zero_shot_vs_probe/smoke", "--data-root", str(sets), "--studies", STUDIES, "--eval.datasets", "mnist_idx,cifar10,conflict",
                       "--zero_shot_vs_probe.extra_datasets", "", "--distribution_shift.pairs", "conflict>outlines,photos>pacs_112/sketch", "--distribution_shift.shares", "2",
                       "--few_shot.draws", "2", "--retrieval.sets", "flickr8k_224_q80", "--retrieval.split", "test", timeout=900)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip().splitlines()[-1])
    records = {}
    for study in STUDIES.split(","):
        with h5py.File(folder / f"{study}.h5") as file:
            columns = [[v.decode() if isinstance(v, bytes) else v for v in file[f"records/{name}"][:]] for name in ("dataset", "model", "method", "metric", "params", "value", "n")]
        records[study] = {(*key, spelled(params)): (value, n) for *key, params, value, n in zip(*columns, strict=True)}
    probe = records["zero_shot_vs_probe"]
    raw = {d: found for (d, model, _, metric, _), found in probe.items() if (model, metric) == ("raw-pixels", "top1")}
    # 300 digits teach a linear classifier most of the others (0.8); of ten kinds of photo it tells some, chance is 0.1.
    assert raw["mnist_idx"][0] > 0.65 and 0.12 < raw["cifar10"][0] < 0.5 and {n for _, n in raw.values()} == {200}
    assert probe["cifar10", "majority-class", "floor", "top1", ""] == pytest.approx((0.1, 200), abs=0.06)
    shift = records["distribution_shift"]
    counted = {data: {n for (d, _, method, metric, _), (_, n) in shift.items() if d == data and metric == "shift_top1" and method != "few-shot"}
               for data in ("outlines", "pacs_112/sketch")}
    assert counted == {"outlines": {160}, "pacs_112/sketch": {200}}
    of_pixels = {params for (d, m, _, _, params) in shift if (d, m) == ("pacs_112/sketch", "raw-pixels")}
    assert of_pixels >= {f"role=baseline, share={share}, source_set=photos" for share in ("1/1", "1/2")}  # colour to grey
    few = {v for (d, m, method, _, v) in records["few_shot"] if d == "mnist_idx" and method == "few-shot"}
    assert {"shots=1, start=zero", "shots=4, start=zero-shot"} <= few
    assert records["prompt_engineering"]["cifar10", "vit-test", "zero-shot", "top1", "prompts=ensemble"][1] == 200
    # 200 pictures with five captions each: the right picture is among ten at random for 5 % of the captions.
    asked = {(method, params): n for (_, _, method, metric, params), (_, n) in records["retrieval"].items() if metric == "recall10"}
    assert asked == {("zero-shot", "direction=image-to-text"): 200, ("zero-shot", "direction=text-to-image"): 1000, ("floor", "direction=text-to-image"): 1000}
    assert records["retrieval"]["flickr8k_224_q80", "chance", "floor", "recall10", "direction=text-to-image"][0] == pytest.approx(0.05)
