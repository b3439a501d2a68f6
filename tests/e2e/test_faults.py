"""Damage and bad luck, seen from the command line: one clear line, and no number that is wrong."""

import json
import resource
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from whole_run import Project, binary, project  # noqa: F401

open_clip = pytest.importorskip("open_clip", reason="open_clip_torch is not installed")
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 220), "yellow": (230, 220, 40), "pink": (200, 40, 200)}


def picture(path: Path, colour: str, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 60, (36, 40, 3))
    pixels[6:30, 6:34] += np.array(COLOURS[colour]) * 3 // 4
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """long_tail: a class of 40 pictures and four of 4; captions: 12 pictures with a sentence each."""
    folder = tmp_path_factory.mktemp("sets")
    for c, colour in enumerate(COLOURS):
        for i in range(40 if c == 0 else 4):
            picture(folder / f"long_tail/train/{colour}/{i}.png", colour, 100 * c + i)
        for i in range(8):
            picture(folder / f"long_tail/test/{colour}/{i}.png", colour, 1000 + 100 * c + i)
    rows = ["path\tsplit\tcaption_no\tcaption"]
    for i in range(12):
        colour = list(COLOURS)[i % len(COLOURS)]
        picture(folder / f"captions/{i}.png", colour, i)
        rows.append(f"{i}.png\ttest\t0\ta {colour} drawing, number {i}")
    (folder / "captions/captions.tsv").write_text("\n".join(rows) + "\n")
    return folder


def save_model(folder: Path, change=lambda weights: None) -> Path:
    """A small open_clip model; `change` edits its weights."""
    torch.manual_seed(0)
    model = open_clip.model.CLIP(64, open_clip.model.CLIPVisionCfg(image_size=32, layers=2, width=128, head_width=64, patch_size=8),
                                 open_clip.model.CLIPTextCfg(context_length=77, vocab_size=49408, width=128, heads=2, layers=2))
    weights = model.state_dict()
    change(weights)
    torch.save(weights, folder / "small.pt")
    return folder / "small.pt"


def words_of(model: Path, sets: Path, *more: str) -> list[str]:
    return ["--model.files", str(model), "--model.like", "open_clip", "--data-root", str(sets), "--smoke", "false", *more]


def one_line(done: subprocess.CompletedProcess) -> str:
    """The only line that names an error."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("cliplab: ")]
    assert done.returncode == 1 and len(lines) == 1, (done.returncode, done.stderr)
    return lines[0]


def records(done: subprocess.CompletedProcess, study: str) -> list[dict]:
    assert done.returncode == 0, done.stderr
    with h5py.File(Path(done.stdout.strip().splitlines()[-1]) / f"{study}.h5") as file:
        columns = {name: [v.decode() if isinstance(v, bytes) else v for v in node[:]] for name, node in file["records"].items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_a_large_class_does_not_choose_the_penalty_of_a_probe(project: Project, sets: Path, tmp_path: Path):  # noqa: F811
    done = project.run("run", "zero_shot_vs_probe/smoke", *words_of(save_model(tmp_path), sets), "--eval.datasets", "long_tail",
                       "--zero_shot_vs_probe.extra_datasets", "", "--eval.probe_iterations", "1000")
    probes = {r["model"]: r["value"] for r in records(done, "zero_shot_vs_probe") if r["method"] == "linear-probe" and r["metric"] == "top1"}
    assert len(probes) == 3 and set(probes.values()) == {1.0}, probes  # scikit-learn's value; 0.2 is the majority class


def overflow_picture_tower(weights: dict) -> None:
    weights["visual.transformer.resblocks.0.mlp.c_fc.weight"][3, 5] = 3e38


def overflow_text_tower(weights: dict) -> None:
    weights["transformer.resblocks.0.mlp.c_fc.weight"][3, 5] = 3e38
    weights["transformer.resblocks.0.mlp.c_proj.weight"][:, 3] = 3e38


@pytest.mark.parametrize(("change", "found"), [
    (overflow_picture_tower, ("ViT 128x2/8@32", "NaN or infinite", "captions/test", "0.png")),
    (overflow_text_tower, ("text features", "NaN or infinite", "a red drawing, number 0")),
    (lambda w: w["logit_scale"].fill_(float("inf")), ("logit_scale",)),
    (lambda w: w["logit_scale"].fill_(100.0), ("logit scale",)),
])
def test_a_model_whose_numbers_overflow_scores_nothing(project: Project, sets: Path, tmp_path: Path, change, found):  # noqa: F811
    done = project.run("run", "retrieval/smoke", *words_of(save_model(tmp_path, change), sets), "--retrieval.sets", "captions",
                       "--retrieval.split", "test")
    line = one_line(done)
    assert all(part in line for part in found), line
    for file in (project.folder / "results").rglob("retrieval.h5"):
        with h5py.File(file) as results:
            assert len(results["records/value"]) == 0


def test_recalls_come_from_the_stored_ranks(project: Project, sets: Path, tmp_path: Path):  # noqa: F811
    done = project.run("run", "retrieval/smoke", *words_of(save_model(tmp_path), sets), "--retrieval.sets", "captions", "--retrieval.split", "test")
    found = {(r["metric"], json.loads(r["params"])["direction"]): r for r in records(done, "retrieval") if r["method"] == "zero-shot"}
    with h5py.File(Path(done.stdout.strip().splitlines()[-1]) / "retrieval.h5") as file:
        ranks = {}
        file["arrays"].visititems(lambda name, node: ranks.update({name.rsplit("/", 1)[-1]: node[:]}) if name.startswith("ranks/") and isinstance(node, h5py.Dataset) else None)
    assert len(found) == 6 and set(ranks) == {"image-to-text", "text-to-image"}
    for (metric, direction), record in found.items():
        hits = int((ranks[direction][:, 1] < int(metric.removeprefix("recall"))).sum())
        interval = stats.binomtest(hits, 12).proportion_ci(method="exact")
        assert record["value"] == pytest.approx(hits / 12, abs=1e-12)
        if direction == "image-to-text":  # of the other, captions of one picture are one cluster
            assert (record["ci_low"], record["ci_high"]) == pytest.approx((interval.low, interval.high), abs=1e-9)
        assert record["ci_low"] <= record["value"] <= record["ci_high"] and record["ci_low"] < record["ci_high"]


@pytest.mark.parametrize("statistics", [("--model.std", "0,0,0"), ("--model.std", "0.2,-0.2,0.2"), ("--model.std", "nan,1,1"), ("--model.mean", "inf,0,0")])
def test_statistics_that_cannot_be_are_refused(project: Project, sets: Path, tmp_path: Path, statistics: tuple[str, str]):  # noqa: F811
    words = words_of(save_model(tmp_path), sets, "--retrieval.sets", "captions", "--retrieval.split", "test", *statistics)
    for verb in ("check", "run"):
        line = one_line(project.run(verb, "retrieval/smoke", *words))
        assert statistics[0].removeprefix("--model.") in line, line


@pytest.mark.parametrize("megabytes", [100, 150])  # where C++ lacks memory, and where LibTorch does
def test_lack_of_memory_is_one_line(project: Project, sets: Path, tmp_path: Path, megabytes: int):  # noqa: F811
    words = words_of(save_model(tmp_path), sets, "--retrieval.sets", "captions", "--retrieval.split", "test")
    done = subprocess.run([binary(), "run", "retrieval/smoke", *words], cwd=project.folder, capture_output=True, text=True, timeout=120, check=False,
                          env=project.environment() | {"OMP_NUM_THREADS": "1", "CLIPLAB_THREADS": "1"},
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20)))
    assert "not enough memory" in one_line(done), done.stderr


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_a_damaged_curve_of_a_training_is_made_again_as_the_advice_says(project: Project):  # noqa: F811
    words = ("run", "prompt_engineering/smoke", "--train.arch", "vit-test", "--train.steps", "2", "--train.batch", "8", "--limit", "20",
             "--eval.datasets", "fashion_mnist")
    done = project.run(*words)
    assert done.returncode == 0, done.stderr
    kept = next(Path(done.stdout.strip().splitlines()[-1]).glob("train_*.h5"))
    trained = next((project.folder / "results/models").glob("*/train.h5"))
    whole = kept.read_bytes()
    flip(kept)
    done = project.run(*words)
    assert done.returncode == 0 and kept.name in done.stderr and len(kept.read_bytes()) == len(whole), done.stderr
    kept.unlink()
    flip(trained)
    for _ in range(2):  # damaged, then deleted
        done = project.run(*words)
        assert done.returncode == 0 and f"delete {trained.parent}" in done.stderr and not kept.exists(), done.stderr
        trained.unlink(missing_ok=True)
    shutil.rmtree(trained.parent)  # as it says
    done = project.run(*words)
    assert done.returncode == 0 and kept.exists() and trained.exists(), done.stderr


def test_a_sweep_of_millions_is_refused_at_once(project: Project):  # noqa: F811
    values = ",".join(map(str, range(1, 301)))
    line = one_line(project.run("sweep", "retrieval/smoke", f"train.steps={values}", f"train.batch={values}", f"seed={values}", timeout=20))
    assert "10000" in line and "sweep" in line, line
    assert not list((project.folder / "results").glob("sweeps/*"))
