"""Checkpoints as the peers themselves write them, through our readers and towers: unit embeddings, zero-shot, conversion.

OpenAI's class (clip-anytorch) traced and saved as an archive, and as a state dict; open_clip in .pt, a training checkpoint,
safetensors, custom text; transformers' CLIPModel folders. Weights are random; widths are scaled down, the shape classes are
those of RN50, RN50x4, ViT-B/32 and ViT-L/14 (CLIPLAB_FULL_SIZE=1: their real sizes).

Tolerance on unit vectors: 1e-5 in float32 (a dozen sums deep, 12 * sqrt(64) * 2^-24 = 6e-6); cosine 0.9999 in bf16, whose
rounding is 2^-9 a value and averages out over the sums (measured: 0.99994).
"""

import importlib.util
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from binaries import cliplab_binary, oracle_binary
from PIL import Image
from safetensors.torch import save_file

open_clip = pytest.importorskip("open_clip", reason="open_clip_torch is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
FULL = os.environ.get("CLIPLAB_FULL_SIZE") == "1"
CAPTIONS = ["a photo of a cat", "grinning face", "", "it's a dog's life, isn't it?", "a diagram " * 60]
# name: embed, vision (image_size, layers, width, patch), text width, text layers
SIZES = {
    "RN50": (1024, dict(image_size=224, layers=(3, 4, 6, 3), width=64), 512, 12),
    "RN50x4": (640, dict(image_size=288, layers=(4, 6, 10, 6), width=80), 640, 12),
    "ViT-B-32": (512, dict(image_size=224, layers=12, width=768, patch_size=32), 512, 12),
    "ViT-L-14": (768, dict(image_size=224, layers=24, width=1024, patch_size=14), 768, 12),
} if FULL else {
    "RN50": (64, dict(image_size=64, layers=(3, 4, 6, 3), width=16), 128, 2),
    "RN50x4": (80, dict(image_size=96, layers=(4, 6, 10, 6), width=24), 128, 2),
    "ViT-B-32": (64, dict(image_size=64, layers=4, width=128, patch_size=32), 128, 2),
    "ViT-L-14": (96, dict(image_size=56, layers=6, width=192, patch_size=14), 192, 2),
}
HEAD = 64


def call(program: str, *words: str | Path, text: str = "") -> subprocess.CompletedProcess:
    return subprocess.run([program, *map(str, words)], input=text.encode(), capture_output=True, check=False)


def embed(model: Path, space: str, *words: str, text: str = "") -> np.ndarray:
    flags = [word for word in words if word.startswith("--") or word in ("openai", "open_clip", "bf16", "fp16")]
    files = [word for word in words if word not in flags]
    done = call(oracle_binary(), "embed", model, space, *files, *flags, text=text)
    assert done.returncode == 0, done.stderr.decode()
    head, _, body = done.stdout.partition(b"\n")
    rows, columns = map(int, head.split())
    return np.frombuffer(body, dtype=np.float32).reshape(rows, columns)


def text_of(model: Path, *flags: str) -> np.ndarray:
    return embed(model, "text", "-", *flags, text="\n".join(CAPTIONS) + "\n")


def unit(rows: torch.Tensor) -> np.ndarray:
    return (rows / rows.norm(dim=-1, keepdim=True)).detach().float().numpy()


def vary(model: torch.nn.Module) -> torch.nn.Module:
    """Nothing at a value that would hide a mistake: gains of 0, running means of 0."""
    for name, parameter in model.named_parameters():
        if name.endswith("bn3.weight"):
            torch.nn.init.normal_(parameter, 0.3, 0.1)
        if "ln_" in name or "layer_norm" in name:
            parameter.data += 0.1 * torch.randn_like(parameter)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return model.eval()


def peer_of(name: str, quick_gelu: bool, custom_text: bool = False):
    embed_dim, vision, width, layers = SIZES[name]
    torch.manual_seed(7)
    text = dict(context_length=77, vocab_size=49408, width=width, heads=width // HEAD, layers=layers)
    kind = open_clip.model.CustomTextCLIP if custom_text else open_clip.model.CLIP
    return vary(kind(embed_dim, vision, text, quick_gelu=quick_gelu))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Pictures by side: PNG files of that very size, so that no resize comes in, and the tensor of the peer."""
    folder = tmp_path_factory.mktemp("pictures")
    made = {}

    def of(side: int):
        if side not in made:
            rng = np.random.default_rng(side)
            files, batch = [], []
            mean, std = (torch.tensor(v).view(3, 1, 1) for v in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD))
            for i in range(6):
                pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
                files.append(str(folder / f"{side}-{i}.png"))
                Image.fromarray(pixels).save(files[-1])
                batch.append((torch.from_numpy(pixels).permute(2, 0, 1).float() / 255 - mean) / std)
            made[side] = files, torch.stack(batch)
        return made[side]

    return of


@pytest.fixture(scope="module", params=SIZES)
def peer(request, pictures):
    model = peer_of(request.param, quick_gelu=True)
    files, batch = pictures(SIZES[request.param][1]["image_size"])
    with torch.no_grad():
        image, text = unit(model.encode_image(batch)), unit(model.encode_text(open_clip.get_tokenizer("ViT-B-32")(CAPTIONS)))
    return request.param, model, files, image, text


def openai_module():
    """clip/model.py of clip-anytorch; the package's own __init__ asks for more than the class needs."""
    spec = importlib.util.find_spec("clip")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("clip-anytorch is not installed")
    if "cliplab_openai_clip" not in sys.modules:
        package = types.ModuleType("cliplab_openai_clip")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["cliplab_openai_clip"] = package
    return importlib.import_module("cliplab_openai_clip.model")


def write_archive(model, path: Path, side: int) -> None:
    inputs = {"encode_image": torch.zeros(1, 3, side, side), "encode_text": torch.zeros(1, 77, dtype=torch.long)}
    torch.jit.save(torch.jit.trace_module(model, inputs, check_trace=False), path)


def openai_model(name: str, state: dict):
    module = openai_module()
    embed_dim, vision, width, layers = SIZES[name]
    model = module.CLIP(embed_dim, vision["image_size"], vision["layers"], vision["width"], vision.get("patch_size"), 77, 49408,
                        width, width // HEAD, layers)
    model.load_state_dict(state)
    return model.eval()


def formats(name: str, model, folder: Path):
    """(label, file, flags) of every form in which these weights go around."""
    state = model.state_dict()
    side = SIZES[name][1]["image_size"]
    write_archive(openai_model(name, state), folder / "archive.pt", side)
    yield "archive", folder / "archive.pt", []
    torch.save(state, folder / "state.pt")
    yield "state dict", folder / "state.pt", ["--model.like", "openai"]
    torch.save(state, folder / "old.bin", _use_new_zipfile_serialization=False)
    yield "old stream", folder / "old.bin", ["--model.like", "openai"]
    optimizer = torch.optim.AdamW(model.parameters())
    torch.save({"epoch": 3, "name": "run", "state_dict": {"module." + k: v for k, v in state.items()}, "optimizer": optimizer.state_dict()},
               folder / "epoch_3.pt")
    yield "training checkpoint", folder / "epoch_3.pt", ["--model.like", "openai"]
    inner = folder / "hub"
    inner.mkdir()
    save_file({k: v.contiguous() for k, v in state.items()}, inner / "open_clip_model.safetensors")
    vision = dict(SIZES[name][1], head_width=HEAD)
    text = dict(width=SIZES[name][2], heads=SIZES[name][2] // HEAD, layers=SIZES[name][3], context_length=77, vocab_size=49408)
    config = dict(model_cfg=dict(embed_dim=SIZES[name][0], quick_gelu=True, vision_cfg=vision, text_cfg=text),
                  preprocess_cfg=dict(mean=open_clip.OPENAI_DATASET_MEAN, std=open_clip.OPENAI_DATASET_STD))
    (inner / "open_clip_config.json").write_text(json.dumps(config))
    yield "hub folder", inner / "open_clip_model.safetensors", []


def test_every_format_gives_the_peers_embeddings(peer, tmp_path: Path):
    name, model, files, image, text = peer
    for label, file, flags in formats(name, model, tmp_path):
        ours = embed(file, "joint", *files, *flags)
        assert np.abs(ours - image).max() <= 1e-5, (name, label)
        texts = text_of(file, *flags)
        assert np.abs(texts - text).max() <= 1e-5, (name, label)
        assert ((ours @ texts.T).argmax(1) == (image @ text.T).argmax(1)).all(), (name, label)


def test_one_weight_off_by_a_percent_is_seen(peer, tmp_path: Path):
    name, model, files, image, _ = peer
    state = {k: v.clone() for k, v in model.state_dict().items()}
    key = "visual.proj" if "visual.proj" in state else "visual.attnpool.c_proj.weight"
    state[key] = state[key].clone()
    state[key].view(-1)[state[key].abs().argmax()] *= 1.01 if not FULL else 1.5
    torch.save(state, tmp_path / "state.pt")
    assert np.abs(embed(tmp_path / "state.pt", "joint", *files, "--model.like", "openai") - image).max() > 1e-5


def test_bf16_and_fp16_stay_close(peer, tmp_path: Path):
    name, model, files, image, text = peer
    torch.save(model.state_dict(), tmp_path / "state.pt")
    for precision, least in (("bf16", 0.9999 if "ViT" in name else 0.999), ("fp16", 0.9999)):
        flags = ["--model.like", "openai", "--model.precision", precision]
        assert (embed(tmp_path / "state.pt", "joint", *files, *flags) * image).sum(1).min() >= least, (name, precision)
        assert (text_of(tmp_path / "state.pt", *flags) * text).sum(1).min() >= 0.9999, (name, precision)


def test_conversion_states_everything_and_keeps_the_numbers(peer, tmp_path: Path):
    name, model, files, image, text = peer
    torch.save(model.state_dict(), tmp_path / "state.pt")
    assert call(cliplab_binary(), "model", "convert", tmp_path / "state.pt", tmp_path / "out.safetensors").returncode == 1
    done = call(cliplab_binary(), "model", "convert", tmp_path / "state.pt", tmp_path / "out.safetensors", "--model.like", "openai")
    assert done.returncode == 0, done.stderr.decode()
    assert np.abs(embed(tmp_path / "out.safetensors", "joint", *files) - image).max() <= 1e-5
    assert np.abs(text_of(tmp_path / "out.safetensors") - text).max() <= 1e-5
    inspected = call(cliplab_binary(), "model", "inspect", tmp_path / "out.safetensors").stdout.decode()
    assert "# quick_gelu = 1" in inspected and "# resize_mode = shortest" in inspected and "visual." in inspected


def test_activation_matters_and_is_never_guessed(tmp_path: Path, pictures):
    model = peer_of("ViT-B-32", quick_gelu=False, custom_text=True)
    files, batch = pictures(SIZES["ViT-B-32"][1]["image_size"])
    torch.save(model.state_dict(), tmp_path / "custom.pt")
    with torch.no_grad():
        theirs = unit(model.encode_image(batch))
    assert np.abs(embed(tmp_path / "custom.pt", "joint", *files, "--model.like", "open_clip") - theirs).max() <= 1e-5
    assert np.abs(embed(tmp_path / "custom.pt", "joint", *files, "--model.like", "openai") - theirs).max() > 1e-4
    done = call(oracle_binary(), "embed", tmp_path / "custom.pt", "joint", *files)
    assert done.returncode == 1 and "--model.like openai" in done.stderr.decode()


def test_text_beyond_the_context_is_cut_or_an_error_as_asked(peer, tmp_path: Path):
    _, model, _, _, text = peer
    torch.save(model.state_dict(), tmp_path / "state.pt")
    assert np.abs(text_of(tmp_path / "state.pt", "--model.like", "openai") - text).max() <= 1e-5  # the last caption is cut
    done = call(oracle_binary(), "embed", tmp_path / "state.pt", "text", "-", "--model.like", "openai", "--model.too_long", "fail",
                text=CAPTIONS[-1] + "\n")
    assert done.returncode == 1 and "77" in done.stderr.decode()


def test_hugging_face_folders(tmp_path: Path, pictures):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    torch.manual_seed(2)
    vision = dict(hidden_size=128, intermediate_size=512, num_hidden_layers=3, num_attention_heads=4, image_size=64, patch_size=16)
    text = dict(hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=2, vocab_size=49408,
                max_position_embeddings=77, eos_token_id=49407, bos_token_id=49406)
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=48)
    model = vary(transformers.CLIPModel(config))
    files, batch = pictures(64)
    tokens = open_clip.get_tokenizer("ViT-B-32")(CAPTIONS)
    with torch.no_grad():
        image = model.visual_projection(model.vision_model(pixel_values=batch).pooler_output)
        captions = model.text_projection(model.text_model(input_ids=tokens).pooler_output)
    for safe in (True, False):
        folder = tmp_path / str(safe)
        if safe:
            model.save_pretrained(folder)
            file = folder / "model.safetensors"
        else:
            folder.mkdir()
            config.save_pretrained(folder)
            torch.save(model.state_dict(), folder / "pytorch_model.bin")
            file = folder / "pytorch_model.bin"
        (folder / "preprocessor_config.json").write_text(json.dumps(dict(
            image_mean=open_clip.OPENAI_DATASET_MEAN, image_std=open_clip.OPENAI_DATASET_STD, size={"shortest_edge": 64}, resample=3,
            do_resize=True, do_center_crop=True, do_normalize=True)))
        assert np.abs(embed(file, "joint", *files) - unit(image)).max() <= 1e-5
        assert np.abs(text_of(file) - unit(captions)).max() <= 1e-5


class Run:
    """A pickle that calls os.system when Python loads it."""

    def __init__(self, witness: Path):
        self.witness = witness

    def __reduce__(self):
        return os.system, (f"touch {self.witness}",)


def test_nothing_in_a_file_is_executed(tmp_path: Path):
    torch.save({"state_dict": {"w": torch.zeros(2)}, "extra": Run(tmp_path / "witness")}, tmp_path / "evil.pt")
    done = call(cliplab_binary(), "model", "inspect", tmp_path / "evil.pt")
    assert done.returncode == 1
    (line,) = done.stderr.decode().strip().splitlines()
    assert "evil.pt" in line and "system" in line and "nothing in the file was run" in line
    assert not (tmp_path / "witness").exists()
