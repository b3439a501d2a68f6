"""Studies of the user's own data, each on a twin made here: its answer is known, or computed again from the arrays."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.stats import binomtest, fisher_exact

from whole_run import Project, spelled

LEARNT = ("--train.steps", "200", "--train.lr", "0.002")  # a model of six steps gives all pictures one label


def records_of(project: Project, root: Path, config: str, *more: str) -> tuple[dict, h5py.File]:
    """(dataset, model kind, method, metric, params) -> (value, low, high, n), and the open file."""
    study = config.split("/")[0]
    done = project.run("run", config, "--data-root", str(root), *more, timeout=900)
    assert done.returncode == 0, done.stderr
    file = h5py.File(Path(done.stdout.strip().splitlines()[-1]) / f"{study}.h5")
    column = {name: file[f"records/{name}"][:] for name in file["records"]}
    texts = {name: [v.decode() if isinstance(v, bytes) else v for v in column[name]] for name in ("dataset", "model", "method", "metric", "params")}
    keys = zip(*(texts | {"params": list(map(spelled, texts["params"]))}).values(), strict=True)
    values = zip(column["value"], column["ci_low"], column["ci_high"], column["n"], strict=True)
    return dict(zip(keys, values, strict=True)), file


def scene(rng: np.random.Generator) -> Image.Image:
    """Smooth, unlike any other."""
    return Image.fromarray(rng.integers(0, 230, (6, 8, 3), dtype=np.uint8)).resize((80, 60), Image.Resampling.BICUBIC)


def drawing(rng: np.random.Generator) -> Image.Image:
    """A few plain shapes on white, as the corpus has them."""
    image = Image.new("RGB", (64, 64), "white")
    pen = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 5)):
        x, y = sorted(rng.integers(0, 64, 2)), sorted(rng.integers(0, 64, 2))
        shape = (pen.ellipse, pen.rectangle)[rng.integers(2)]
        shape((x[0], y[0], x[1], y[1]), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    return image


def captioned(folder: Path, rows: list[tuple[Image.Image, str, str]]) -> None:
    """A folder of pictures with captions.tsv: (picture, split, caption)."""
    folder.mkdir(parents=True)
    lines = ["path\tsplit\tcaption_no\tcaption"]
    for i, (image, split, caption) in enumerate(rows):
        image.save(folder / f"{i}.png")
        lines.append(f"{i}.png\t{split}\t0\t{caption}")
    (folder / "captions.tsv").write_text("\n".join(lines) + "\n")


OF_TWINS = ("--eval.datasets", "exam", "--data_overlap.sets", "taught")


def test_overlap_finds_the_planted_copies_and_tests_as_scipy_does(project: Project, tmp_path: Path):
    rng, planted = np.random.default_rng(5), {3, 10, 11, 25, 30, 31, 32, 39}
    taught = [scene(rng) for _ in range(30)]
    for i in range(40):
        folder = tmp_path / "exam" / "test" / ("cat", "dog")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        image = taught[sorted(planted).index(i)] if i in planted else scene(rng)
        if i % 3 == 0 and i in planted:  # a copy of half the size is found as well
            image = image.resize((40, 30), Image.Resampling.BICUBIC)
        image.save(folder / f"{i:02}.png")
    captioned(tmp_path / "taught", [(image, "train", "a scene") for image in taught])
    records, file = records_of(project, tmp_path, "data_overlap/smoke", *OF_TWINS)
    with file:
        seen, rank = file["arrays/overlap/exam/vit-test"][:].T
    names = [i for i in range(40) if i % 2 == 0] + [i for i in range(40) if i % 2 == 1]  # class by class
    assert {names[i] for i in np.flatnonzero(seen)} == planted
    assert records["exam", "", "overlap", "share", ""][0] == 8 / 40
    right, old = rank == 0, seen == 1
    hits, clean = int(right[old].sum()), right[~old].mean()
    assert 0 < clean < 1  # else the tests below say nothing
    for pictures, rows in (("all", old | ~old), ("clean", ~old), ("overlap", old)):
        assert records["exam", "vit-test", "zero-shot", "top1", f"pictures={pictures}"][0] == right[rows].mean()
    # Sums of at most 40 rates of doubles: 1e-12 is far above their rounding.
    gain, low, high, _ = records["exam", "vit-test", "overlap", "gain", "minus=clean, pictures=all"]
    assert gain == pytest.approx(right.mean() - clean, abs=1e-12) and low <= gain <= high
    p = records["exam", "vit-test", "overlap", "p_value", "minus=clean, pictures=overlap, test=fisher"][0]
    others = int(right[~old].sum())
    assert p == pytest.approx(fisher_exact([[hits, 8 - hits], [others, 32 - others]], alternative="greater")[1], rel=1e-9)
    difference = records["exam", "vit-test", "overlap", "difference", "level=0.995, minus=clean, pictures=overlap"]
    assert difference[0] == pytest.approx(hits / 8 - clean, abs=1e-12)
    seen_at, clean_at = (binomtest(k, n).proportion_ci(0.995, method="wilson") for k, n in ((hits, 8), (others, 32)))  # Newcombe's method 10
    rate = hits / 8
    assert difference[1] == pytest.approx(difference[0] - np.hypot(rate - seen_at.low, clean_at.high - clean), abs=1e-9)
    assert difference[2] == pytest.approx(difference[0] + np.hypot(seen_at.high - rate, clean - clean_at.low), abs=1e-9)


def test_overlap_of_nothing_is_no_gain(project: Project, tmp_path: Path):
    rng = np.random.default_rng(6)
    for label in ("cat", "dog"):
        (tmp_path / "exam" / "test" / label).mkdir(parents=True)
        scene(rng).save(tmp_path / "exam" / "test" / label / "0.png")
    captioned(tmp_path / "taught", [(scene(rng), "train", "a scene") for _ in range(3)])
    records, file = records_of(project, tmp_path, "data_overlap/smoke", *OF_TWINS)
    file.close()
    assert records["exam", "", "overlap", "share", ""][0] == 0
    assert records["exam", "vit-test", "overlap", "gain", "minus=clean, pictures=all"][:3] == (0, 0, 0)
    assert not [key for key in records if key[3] == "p_value"]


def test_overlap_looks_at_the_corpus_it_names(project: Project, tmp_path: Path):
    records, file = records_of(project, tmp_path, "data_overlap/smoke")
    file.close()
    assert records["gemojione_groups", "", "overlap", "share", ""][3] == 100
    assert records["gemojione_groups", "vit-test", "zero-shot", "top1", "pictures=all"][3] == 100


# Along a meridian a degree is 111.195 km of the sphere of 6,371.0088 km: asked is the picture itself, moved so many km.
MOVED_KM = [0.5, 10, 20, 100, 500, 2000, 5000, 9000]


def unit_vectors(rows: list[tuple[Image.Image, str, str]]) -> np.ndarray:
    latitude, longitude = np.radians([[float(x) for x in row[2].split()] for row in rows]).T
    across = np.cos(latitude)
    return np.stack([across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)], axis=1)


def test_places_are_the_nearest_neighbours(project: Project, tmp_path: Path):
    rng = np.random.default_rng(7)
    scenes = [scene(rng) for _ in MOVED_KM]
    known = [(image, "train", f"0 {170 - 20 * i}") for i, image in enumerate(scenes)]
    asked = [(image, "test", f"{km / 111.195080:.6f} {170 - 20 * i}")
             for i, (image, km) in enumerate(zip(scenes, MOVED_KM, strict=True))]
    captioned(tmp_path / "im2gps", known + asked)
    records, file = records_of(project, tmp_path, "geolocalization/smoke")
    with file:
        nearest, km = file["arrays/places/im2gps/vit-test"][:].T
    assert list(nearest) == list(range(len(MOVED_KM)))  # equal pixels have the highest inner product
    # Six digits of a degree are 0.06 m; the degree's length is right to 1e-8 of it, 0.1 m in 9,000 km.
    assert km == pytest.approx(MOVED_KM, abs=2e-4)
    for radius, hits in ((1, 1), (25, 3), (200, 4), (750, 5), (2500, 6)):
        value, low, high, n = records["im2gps", "vit-test", "nearest-neighbour", f"within_{radius}km", ""]
        assert value == hits / 8 and low < value < high and n == 8
        angle = np.arccos(np.clip(unit_vectors(asked) @ unit_vectors(known).T, -1, 1))
        assert records["im2gps", "chance", "floor", f"within_{radius}km", ""][0] == (6371.0088 * angle <= radius).mean()


def test_a_caption_that_is_no_place_is_named(project: Project, tmp_path: Path):
    image = scene(np.random.default_rng(8))
    captioned(tmp_path / "im2gps", [(image, "train", "0 0"), (image, "test", "95.0 8")])
    done = project.run("run", "geolocalization/smoke", "--data-root", str(tmp_path))
    assert done.returncode == 1
    assert "1.png: caption '95.0 8', expected latitude and longitude" in done.stderr.strip().splitlines()[-1]
