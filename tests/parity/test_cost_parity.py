"""The costs of paper/published/gflops.csv: CLIP's are what `model list` counts, the others' what torchvision says of its weights.

Tolerance: both print three decimals."""

import csv
import subprocess
from pathlib import Path

import pytest
from binaries import cliplab_binary

ROOT = Path(__file__).resolve().parents[2]
with open(ROOT / "paper/published/gflops.csv", newline="") as file:
    COSTS = {row["model"]: (float(row["gflops"]), row["source"]) for row in csv.DictReader(file)}


def test_costs_of_clip_are_counted_here() -> None:
    listed = subprocess.run([cliplab_binary(), "model", "list"], capture_output=True, text=True, check=True).stdout
    counted = {words[0]: float(words[3]) for words in map(str.split, listed.splitlines()) if len(words) == 5 and words[0] in COSTS}
    assert {m: g for m, (g, source) in COSTS.items() if "model list" in source} == counted and len(counted) == 9


def test_costs_of_others_are_torchvisions() -> None:
    models = pytest.importorskip("torchvision", reason="torchvision is not installed").models
    names = {f"ResNet-{n}": f"ResNet{n}" for n in (50, 101, 152)} | {"Instagram-ResNeXt 32x8d": "ResNeXt101_32X8D"}
    names |= {f"{p}EfficientNet-B{n}": f"EfficientNet_B{n}" for n in range(8) for p in ("", "NS ")}
    others = {m: g for m, (g, source) in COSTS.items() if "torchvision" in source}
    assert others == {m: getattr(models, f"{name}_Weights").IMAGENET1K_V1.meta["_ops"] for m, name in names.items()}
