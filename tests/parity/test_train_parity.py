"""A training step against open_clip with the same weights and batch: loss, every gradient, the weights after 20 AdamW steps;
and the same step on several ranks and in micro-batches against one process with the whole batch.

Differences are relative to the largest value of each tensor, but not below a thousandth of the largest of all: some gradients
are zero but for rounding (a key's bias adds the same to all logits of a softmax). In float64 the towers are in it too: 1e-12
is 2^-53 with 10,000 to spare for depth. In float32 a gradient is a sum of some thousand products, three blocks deep, in
another order: 2^-24 * sqrt(1000) * 3 = 6e-6. Where rounding decides more (ReLUs near zero; AdamW, which makes a step of full
length of the rounding of a zero gradient) the measure is the peer's own distance from float64, doubled.
"""

import copy
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from binaries import oracle_binary
from safetensors.torch import load_file, save_file

from test_model_parity import CASES, CONTEXT, EMBED, TEXT_LAYERS, TEXT_WIDTH, metadata

open_clip = pytest.importorskip("open_clip", reason="open_clip_torch is not installed")
from open_clip.loss import ClipLoss  # noqa: E402

PAIRS, STEPS, RATE, DECAY = 48, 20, 1e-3, 0.2
BETAS = {"resnet": (0.9, 0.999)} | dict.fromkeys(("vit-quickgelu", "vit-gelu"), (0.9, 0.98))  # Table 18
EPS = {"resnet": 1e-8} | dict.fromkeys(("vit-quickgelu", "vit-gelu"), 1e-6)
WORDS = "a an of the red green blue dog cat tree house photo drawing small large on under sky sea".split()


def make(case: str, folder: Path) -> torch.nn.Module:
    """The peer's model and a batch of 48 pairs, both in files too."""
    vision, quick_gelu = CASES[case]
    torch.manual_seed(3)
    text = dict(context_length=CONTEXT, vocab_size=49408, width=TEXT_WIDTH, heads=TEXT_WIDTH // 64, layers=TEXT_LAYERS)
    model = open_clip.model.CLIP(EMBED, vision, text, quick_gelu=quick_gelu).train()
    for name, parameter in model.named_parameters():  # zero gains would hide the third convolution of every block
        if name.endswith("bn3.weight"):
            torch.nn.init.normal_(parameter, 1, 0.1)
    rng = np.random.default_rng(1)
    captions = [" ".join(rng.choice(WORDS, rng.integers(1, 15))) for _ in range(PAIRS)]
    batch = dict(pixels=torch.randn(PAIRS, 3, vision["image_size"], vision["image_size"]),
                 tokens=open_clip.get_tokenizer("ViT-B-32")(captions))
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / "model.safetensors",
              metadata(vision, quick_gelu))
    save_file(batch, folder / "batch.safetensors")
    return model


def ours(folder: Path, steps: int = 1, micro_batch: int = 0, ranks: int = 0, precision: str = "fp32",
         memory: str = "keep") -> dict[str, torch.Tensor]:
    launcher = ["mpirun", "--oversubscribe", "--allow-run-as-root", "--bind-to", "none", "-n", str(ranks)] if ranks else []
    out = folder / "out.safetensors"
    words = [folder / "model.safetensors", folder / "batch.safetensors", out, steps, RATE, DECAY, micro_batch, precision, memory]
    done = subprocess.run([*launcher, oracle_binary(), "train", *map(str, words)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return load_file(out)


def largest_difference(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], prefix: str) -> float:
    """Of the tensors named so, relative to each one's largest value, but not below a thousandth of the largest of all."""
    names = [name for name in b if name.startswith(prefix) and b[name].is_floating_point()]
    assert names and {name for name in a if name.startswith(prefix)} >= set(names)
    floor = 1e-3 * max(b[name].abs().max().item() for name in names)
    return max((a[name] - b[name]).abs().max().item() / max(floor, b[name].abs().max().item()) for name in names)


def their_step(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> float:
    image, text, scale = model(batch["pixels"], batch["tokens"])
    loss = ClipLoss()(image, text, scale)
    loss.backward()
    return loss.item()


def their_gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {f"grad.{name}": parameter.grad.clone() for name, parameter in model.named_parameters()}


def in_type(batch: dict[str, torch.Tensor], kind: torch.dtype) -> dict[str, torch.Tensor]:
    return {"pixels": batch["pixels"].to(kind), "tokens": batch["tokens"]}


def check(mine: dict, mine64: dict, theirs: dict, theirs64: dict, prefix: str, tolerance: float, tolerance64: float) -> None:
    exact = largest_difference(mine64, theirs64, prefix)
    rounding, peers = largest_difference(mine, theirs64, prefix), largest_difference(theirs, theirs64, prefix)
    print(f"{prefix} float64 {exact:.1e}, float32 {rounding:.1e}, the peer's {peers:.1e}")
    assert exact < tolerance64
    assert rounding < max(tolerance, 2 * peers)
    assert largest_difference({key: 1.01 * value for key, value in mine64.items()}, theirs64, prefix) > 1e-3


@pytest.mark.parametrize("case", CASES)
def test_loss_and_every_gradient_equal_open_clip(case: str, tmp_path: Path):
    model, batch = make(case, tmp_path), load_file(tmp_path / "batch.safetensors")
    results = []
    for precision, kind, tolerance in ("fp32", torch.float32, 1e-6), ("fp64", torch.float64, 1e-12):
        results.append(ours(tmp_path, precision=precision))
        peer = copy.deepcopy(model).to(kind)
        loss = their_step(peer, in_type(batch, kind))
        results.append(their_gradients(peer))
        assert abs(results[-2]["loss"][0].item() - loss) < tolerance * loss
    mine, theirs, mine64, theirs64 = results
    check(mine, mine64, theirs, theirs64, "grad.", 6e-6, 1e-12)


def their_twenty_steps(case: str, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    plain = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    decayed = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    optimizer = torch.optim.AdamW([dict(params=plain, weight_decay=0.0), dict(params=decayed, weight_decay=DECAY)],
                                  lr=RATE, betas=BETAS[case], eps=EPS[case])
    for _ in range(STEPS):
        optimizer.zero_grad()
        their_step(model, batch)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, np.log(100))
    return {f"state.{name}": value.detach() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("case", CASES)
def test_weights_after_twenty_steps_equal_open_clip(case: str, tmp_path: Path):
    model, batch = make(case, tmp_path), load_file(tmp_path / "batch.safetensors")
    mine, mine64 = ours(tmp_path, STEPS), ours(tmp_path, STEPS, precision="fp64")
    theirs = their_twenty_steps(case, copy.deepcopy(model), batch)
    theirs64 = their_twenty_steps(case, model.double(), in_type(batch, torch.float64))
    check(mine, mine64, theirs, theirs64, "state.", 1e-5, 1e-5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One process with the whole batch, in both types."""
    folder = tmp_path_factory.mktemp("whole")
    make("vit-quickgelu", folder)
    return folder, {precision: ours(folder, precision=precision) for precision in ("fp32", "fp64")}


@pytest.mark.parametrize("ranks,micro_batch", [(1, 0), (2, 0), (4, 0), (0, 16), (0, 20), (2, 8), (4, 5)])
def test_ranks_and_micro_batches_equal_one_process(whole, ranks: int, micro_batch: int):
    folder, expected = whole
    for precision, tolerance in ("fp32", 6e-6), ("fp64", 1e-12):
        parts, one = ours(folder, ranks=ranks, micro_batch=micro_batch, precision=precision), expected[precision]
        print(ranks, micro_batch, precision, abs(parts["loss"] - one["loss"]).item(), largest_difference(parts, one, "grad."))
        assert abs(parts["loss"] - one["loss"]).item() < min(1e-6, tolerance) * one["loss"].item()
        assert largest_difference(parts, one, "grad.") < tolerance
        temperature = "grad.logit_scale"
        assert abs(parts[temperature] - one[temperature]).item() < tolerance * abs(one[temperature].item())


@pytest.mark.parametrize("case", ["vit-quickgelu", "resnet"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_recomputed_blocks_give_the_same_bits(case: str, precision: str, tmp_path: Path):
    make(case, tmp_path)
    kept, recomputed = (ours(tmp_path, 3, precision=precision, memory=memory) for memory in ("keep", "recompute"))
    assert all(torch.equal(kept[name], recomputed[name]) for name in kept)  # gradients, weights, running statistics


def test_scaled_fp16_gradients_equal_fp32(whole):
    """Without the scale of 65,536 gradients of 1e-8 and less would be zero in fp16. Its rounding of 2^-11 through three blocks
    of two towers leaves some per cent of the smaller gradients; bf16's of 2^-8 would leave eight times as much."""
    folder, expected = whole
    rounding = {precision: largest_difference(ours(folder, precision=precision), expected["fp32"], "grad.") for precision in ("fp16", "bf16")}
    print(rounding)
    assert rounding["fp16"] < 0.02 and rounding["fp16"] < rounding["bf16"] / 2
