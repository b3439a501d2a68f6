"""STL-10's ten folds and UCF101's three splits: each number is the mean over the rounds, computed again from what is stored of each."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from test_faults import COLOURS, records, save_model, words_of
from whole_run import Project, binary

CLASSES = list(COLOURS)[:3]
FOLDS = [range(0, 12), range(12, 24), range(24, 36), [i for i in range(36) if i % 3 != 2]]  # the last has no car


def drawing(c: int, seed: int, side: int = 96) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 200, (side, side, 3))
    pixels[side // 4:-side // 4, side // 4:-side // 4] += np.array(COLOURS[CLASSES[c]]) // 24
    return pixels.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    stl = folder / "stl10_binary"
    stl.mkdir()
    for split, count in (("train", 36), ("test", 30)):
        labels = np.arange(count) % 3
        pixels = np.stack([drawing(c, i + 1000 * (split == "test")).transpose(2, 1, 0) for i, c in enumerate(labels)])
        (stl / f"{split}_X.bin").write_bytes(pixels.tobytes())
        (stl / f"{split}_y.bin").write_bytes((labels + 1).astype(np.uint8).tobytes())
    (stl / "class_names.txt").write_text("airplane\nbird\ncar\n")
    (stl / "fold_indices.txt").write_text("".join(" ".join(map(str, fold)) + " \n" for fold in FOLDS))

    names = ["ApplyEyeMakeup", "Archery", "YoYo"]
    lists = folder / "ucf101/ucfTrainTestlist"
    lists.mkdir(parents=True)
    (lists / "classInd.txt").write_text("".join(f"{i + 1} {n}\n" for i, n in enumerate(names)))
    clips = [(c, g, k) for c in range(3) for g in range(1, 9) for k in range(1, 1 + g % 3 + 1)]
    for c, g, k in clips:
        path = folder / f"ucf101/UCF-101/{names[c]}/v_{names[c]}_g{g:02}_c{k:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawing(c, 100 * c + 10 * g + k, 48)).save(path, quality=95)
    for split, tested in enumerate(({1, 2}, {3, 4}, {5, 6}), 1):
        for part in ("train", "test"):
            (lists / f"{part}list0{split}.txt").write_text("".join(
                f"{names[c]}/v_{names[c]}_g{g:02}_c{k:02}.avi{f' {c + 1}' if part == 'train' else ''}\n" for c, g, k in clips if (g in tested) == (part == "test")))
    return folder


@pytest.fixture(scope="module")
def run(sets: Path, tmp_path_factory: pytest.TempPathFactory):
    binary()
    project = Project(tmp_path_factory.mktemp("rounds") / "project")
    done = project.run("run", "zero_shot_vs_probe/smoke", *words_of(save_model(tmp_path_factory.mktemp("model")), sets), "--eval.datasets", "stl10,ucf101",
                       "--zero_shot_vs_probe.extra_datasets", "", "--eval.probe_iterations", "200", "--eval.floors", "raw-pixels")
    found = records(done, "zero_shot_vs_probe")
    arrays = {}

    def keep(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and name.startswith("scores/"):
            columns = [c.decode() if isinstance(c, bytes) else c for c in node.attrs["columns"]]
            arrays[name.removeprefix("scores/")] = {c: node[:, i] for i, c in enumerate(columns)}

    with h5py.File(Path(done.stdout.strip().splitlines()[-1]) / "zero_shot_vs_probe.h5") as file:
        file["arrays"].visititems(keep)
    return found, arrays


def of(found: list[dict], **wanted: str) -> dict:
    rows = [r for r in found if all(r[k] == v for k, v in wanted.items())]
    assert len(rows) == 1, rows
    return rows[0] | {"params": json.loads(rows[0]["params"])}


@pytest.mark.parametrize("model", ["ViT 128x2/8@32", "raw-pixels"])
@pytest.mark.parametrize(("dataset", "rounds", "n"), [("stl10", 4, 30), ("ucf101", 3, None)])
def test_a_probe_is_the_mean_over_the_rounds(run, model: str, dataset: str, rounds: int, n: int | None):
    found, arrays = run
    record = of(found, dataset=dataset, model=model, method="linear-probe", metric="top1")
    each = [arrays[f"{dataset}/{model}/linear-probe/round{r + 1}"] for r in range(rounds)]
    assert record["params"]["rounds"] == str(rounds) and f"{dataset}/{model}/linear-probe/round{rounds + 1}" not in arrays
    rates = [float((a["rank"] == 0).mean()) for a in each]
    assert record["value"] == pytest.approx(np.mean(rates), abs=1e-12) and record["ci_low"] < record["value"] < record["ci_high"]
    assert min(rates) < 1
    if dataset == "stl10":
        assert [2 in a["predicted"] for a in each] == [True, True, True, False]
        assert all(list(a["label"]) == [i % 3 for i in range(30)] for a in each) and record["n"] == n
    else:
        # Groups 1 and 2 have 2 and 3 clips a class, 3 and 4 have 1 and 2, 5 and 6 have 3 and 1.
        assert [len(a["label"]) for a in each] == [15, 9, 12] and record["n"] == 36
        half = [a - b for a, b in ((record["ci_high"], record["value"]), (record["value"], record["ci_low"]))]
        assert record["params"]["interval"] == "mover(splits)"
        assert max(half) < 1.96 * np.sqrt(sum(0.3 / len(a["label"]) for a in each)) / 3  # of three sets of pictures, not of one


def test_zero_shot_is_the_mean_where_the_rounds_test_on_other_pictures(run):
    found, arrays = run
    stl = of(found, dataset="stl10", model="ViT 128x2/8@32", method="zero-shot", metric="top1")
    assert "rounds" not in stl["params"] and "stl10/ViT 128x2/8@32/zero-shot" in arrays
    ucf = of(found, dataset="ucf101", model="ViT 128x2/8@32", method="zero-shot", metric="top1")
    rates = [float((arrays[f"ucf101/ViT 128x2/8@32/zero-shot/round{r}"]["rank"] == 0).mean()) for r in (1, 2, 3)]
    assert ucf["params"]["rounds"] == "3" and ucf["value"] == pytest.approx(np.mean(rates), abs=1e-12)
