"""Image and text towers against open_clip with the same random weights: unit embeddings and trunk features.

The weights are written by the peer into a safetensors file with our metadata; tolerance: 1e-5 on unit vectors, which is
64 products of size 1/8 a sum, a dozen sums deep, in float32 (12 * sqrt(64) * 2^-24 = 6e-6).
"""

import subprocess

import numpy as np
import pytest
import torch
from binaries import oracle_binary
from PIL import Image
from safetensors.torch import save_file

open_clip = pytest.importorskip("open_clip", reason="open_clip_torch is not installed")

CONTEXT, EMBED, TEXT_WIDTH, TEXT_LAYERS = 77, 64, 128, 2
CAPTIONS = ["a photo of a cat", "grinning face", "", "it's a dog's life, isn't it?", "flag of são tomé & príncipe " * 20]
CASES = {
    "vit-quickgelu": (dict(image_size=32, layers=3, width=128, patch_size=8), True),
    "vit-gelu": (dict(image_size=48, layers=2, width=64, patch_size=16), False),
    "resnet": (dict(image_size=64, layers=(1, 2, 1, 1), width=16), True),
}


def run(*words: str, text: str = "") -> np.ndarray:
    done = subprocess.run([oracle_binary(), "embed", *words], input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    head, _, body = done.stdout.partition(b"\n")
    rows, columns = map(int, head.split())
    return np.frombuffer(body, dtype=np.float32).reshape(rows, columns)


def metadata(vision: dict, quick_gelu: bool) -> dict[str, str]:
    is_resnet = "patch_size" not in vision
    layers = list(vision["layers"]) if is_resnet else [vision["layers"], 0, 0, 0]
    values = dict(name="peer", family="resnet" if is_resnet else "vit", embed_dim=EMBED, resolution=vision["image_size"],
                  vision_width=vision["width"], patch=vision.get("patch_size", 0), text_width=TEXT_WIDTH, text_layers=TEXT_LAYERS,
                  context_length=CONTEXT, head_width=64, quick_gelu=int(quick_gelu), vocab_size=49408)
    return {key: str(value) for key, value in values.items()} | {f"vision_layers_{i}": str(n) for i, n in enumerate(layers)}


@pytest.fixture(scope="module", params=CASES)
def peer(request, tmp_path_factory):
    vision, quick_gelu = CASES[request.param]
    torch.manual_seed(3)
    text = dict(context_length=CONTEXT, vocab_size=49408, width=TEXT_WIDTH, heads=TEXT_WIDTH // 64, layers=TEXT_LAYERS)
    model = open_clip.model.CLIP(EMBED, vision, text, quick_gelu=quick_gelu).eval()
    for name, parameter in model.named_parameters():  # zero gains would hide the third convolution of every block
        if name.endswith("bn3.weight"):
            torch.nn.init.normal_(parameter, 1, 0.1)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    folder = tmp_path_factory.mktemp("peer")
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata(vision, quick_gelu))
    return model, vision, folder


def unit(rows: torch.Tensor) -> np.ndarray:
    return (rows / rows.norm(dim=-1, keepdim=True)).detach().numpy()


def test_text_tower_equals_open_clip(peer):
    model, _, folder = peer
    ours = run(str(folder / "model.safetensors"), "text", "-", text="\n".join(CAPTIONS) + "\n")
    with torch.no_grad():
        theirs = unit(model.encode_text(open_clip.get_tokenizer("ViT-B-32")(CAPTIONS)))
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.abs(ours[::-1] - theirs).max() > 1e-2  # the tolerance tells captions apart


def test_image_tower_equals_open_clip(peer):
    model, vision, folder = peer
    size, rng = vision["image_size"], np.random.default_rng(0)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD))
    files, batch = [], []
    for i in range(6):
        pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        files.append(str(folder / f"{i}.png"))
        Image.fromarray(pixels).save(files[-1])
        batch.append((torch.from_numpy(pixels).permute(2, 0, 1).float() / 255 - mean) / std)
    with torch.no_grad():
        theirs = unit(model.encode_image(torch.stack(batch)))
    ours = run(str(folder / "model.safetensors"), "joint", *files)
    assert np.abs(ours - theirs).max() < 1e-5
    trunk = run(str(folder / "model.safetensors"), "trunk", *files)
    if "patch_size" in vision:  # before the projection: applying it by hand gives the joint features
        projected = torch.from_numpy(trunk.copy()) @ model.visual.proj
        assert np.abs(unit(projected) - theirs).max() < 1e-5
    else:
        assert np.abs(unit(torch.from_numpy(trunk.copy())) - theirs).max() < 1e-5
