"""The objectives of Figure 2 written in PyTorch: loss, every gradient and the scores of prompts, with the same weights and batch.

The image tower and the transformer are open_clip's. Tolerances are those of test_train_parity.py, for the same reasons, but
1e-11 in float64: a distribution over 49,408 words adds sums that are 50 times as long as those of the towers. A loss is as far
off as the features that it compares, which are rounded as the gradients are.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from binaries import cliplab_binary, oracle_binary
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy, layer_norm, log_softmax

from test_model_parity import CASES, CONTEXT, EMBED, TEXT_LAYERS, TEXT_WIDTH, metadata, run
from test_train_parity import check, in_type, largest_difference, ours, their_gradients

open_clip = pytest.importorskip("open_clip", reason="open_clip_torch is not installed")

PAIRS, VOCABULARY = 24, 49408
OBJECTIVES = ("bow_contrastive", "bow_prediction", "captioning")
WORDS = "a an of the red green blue dog cat tree house photo drawing small large on under sky sea".split()


class Words(torch.nn.Module):
    """A layer over the vocabulary, by the name that it has in the file."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(EMBED**-0.5 * torch.randn(VOCABULARY, EMBED))
        self.bias = torch.nn.Parameter(0.1 * torch.randn(VOCABULARY))


class Peer(torch.nn.Module):
    def __init__(self, objective: str, case: str) -> None:
        super().__init__()
        vision, quick_gelu = CASES[case]
        text = dict(context_length=CONTEXT, vocab_size=VOCABULARY, width=TEXT_WIDTH, heads=TEXT_WIDTH // 64, layers=TEXT_LAYERS)
        clip = open_clip.model.CLIP(EMBED, vision, text, quick_gelu=quick_gelu).train()
        for name, parameter in clip.named_parameters():  # zero gains would hide the third convolution of every block
            if name.endswith("bn3.weight"):
                torch.nn.init.normal_(parameter, 1, 0.1)
        self.objective, self.visual = objective, clip.visual
        if objective == "bow_prediction":
            self.words = Words()
            return
        self.token_embedding, self.ln_final = clip.token_embedding, clip.ln_final
        torch.nn.init.normal_(self.ln_final.weight, 1, 0.1)
        if objective == "bow_contrastive":
            self.text_projection, self.logit_scale = clip.text_projection, clip.logit_scale
        else:
            self.transformer, self.positional_embedding = clip.transformer, clip.positional_embedding
            self.image_projection = torch.nn.Parameter(EMBED**-0.5 * torch.randn(TEXT_WIDTH, EMBED))

    def normed(self, x: torch.Tensor) -> torch.Tensor:
        return layer_norm(x, (TEXT_WIDTH,), self.ln_final.weight, self.ln_final.bias, 1e-5)

    def loss(self, pixels: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        image = self.visual(pixels)
        if self.objective == "bow_contrastive":
            text = torch.stack([self.token_embedding.weight[row[1:row.argmax()]].mean(0) for row in tokens])
            text = self.normed(text) @ self.text_projection
            logits = self.logit_scale.exp() * (image / image.norm(dim=1, keepdim=True)) @ (text / text.norm(dim=1, keepdim=True)).T
            labels = torch.arange(len(image))
            return (cross_entropy(logits, labels) + cross_entropy(logits.T, labels)) / 2
        if self.objective == "bow_prediction":
            return -torch.stack([self.word_score(x, row) for x, row in zip(image, tokens, strict=True)]).mean()
        places = sum(int(row.argmax()) for row in tokens)  # tokens after the first
        return -torch.stack([self.likelihood(x, row) for x, row in zip(image, tokens, strict=True)]).sum() / places

    def word_score(self, image: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        return log_softmax(self.words.weight @ image + self.words.bias, 0)[tokens[1:tokens.argmax()].unique()].mean()

    def likelihood(self, image: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """One caption at a time, without padding."""
        end = int(tokens.argmax())
        x = torch.cat([(self.image_projection @ image)[None], self.token_embedding.weight[tokens[1:end]]])
        x = x + self.positional_embedding[:end]
        mask = torch.full((end, end), -torch.inf, dtype=x.dtype).triu(1)
        x = self.normed(self.transformer(x[None], attn_mask=mask)[0])
        logs = log_softmax(x @ self.token_embedding.weight.T, 1)
        return logs[torch.arange(end), tokens[1:end + 1]].sum()


def make(objective: str, case: str, folder: Path) -> Peer:
    torch.manual_seed(5)
    model = Peer(objective, case).train()
    vision, quick_gelu = CASES[case]
    rng = np.random.default_rng(1)
    captions = [" ".join(rng.choice(WORDS, rng.integers(1, 15))) for _ in range(PAIRS)]
    save_file(dict(pixels=torch.randn(PAIRS, 3, vision["image_size"], vision["image_size"]),
                   tokens=open_clip.get_tokenizer("ViT-B-32")(captions)), folder / "batch.safetensors")
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / "model.safetensors",
              metadata(vision, quick_gelu) | {"objective": objective})
    return model


@pytest.mark.parametrize("case", ["vit-quickgelu", "resnet"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_loss_and_every_gradient_equal_pytorch(objective: str, case: str, tmp_path: Path):
    model = make(objective, case, tmp_path)
    batch, results = load_file(tmp_path / "batch.safetensors"), []
    state = {name: value.clone() for name, value in model.state_dict().items()}  # running statistics go back to the start
    for precision, kind, tolerance in ("fp32", torch.float32, 6e-6), ("fp64", torch.float64, 1e-11):
        results.append(ours(tmp_path, precision=precision))
        model.to(kind).load_state_dict(state)
        model.zero_grad()
        loss = model.loss(**in_type(batch, kind))
        loss.backward()
        results.append(their_gradients(model))
        assert abs(results[-2]["loss"][0].item() - loss.item()) < tolerance * loss.item()
    mine, theirs, mine64, theirs64 = results
    if case == "resnet":  # how float32 rounds in this tower, ReLUs near zero among it, is test_train_parity.py's
        assert largest_difference(mine64, theirs64, "grad.") < 1e-11
    else:
        check(mine, mine64, theirs, theirs64, "grad.", 6e-6, 1e-11)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_ranks_and_micro_batches_equal_one_process(objective: str, tmp_path: Path):
    make(objective, "vit-quickgelu", tmp_path)
    whole = ours(tmp_path, precision="fp64")
    for ranks, micro_batch in (2, 0), (0, 10), (2, 5):
        parts = ours(tmp_path, ranks=ranks, micro_batch=micro_batch, precision="fp64")
        assert abs(parts["loss"] - whole["loss"]).item() < 1e-12 * whole["loss"].item()
        assert largest_difference(parts, whole, "grad.") < 1e-11


def test_recomputed_blocks_give_the_same_bits(tmp_path: Path):
    make("captioning", "vit-quickgelu", tmp_path)
    kept, recomputed = (ours(tmp_path, 3, memory=memory) for memory in ("keep", "recompute"))
    assert all(torch.equal(kept[name], recomputed[name]) for name in kept)


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(2)
    files = [tmp_path / f"{i}.png" for i in range(3)]
    for file in files:
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(file)
    return list(map(str, files))


@pytest.mark.parametrize("objective", ["bow_prediction", "captioning"])
def test_scores_of_prompts_equal_pytorch(objective: str, tmp_path: Path, pictures: list[str]):
    """A score is a sum of some ten logarithms near ln 49,408 = 11; each is off by float32's 2^-24 of the logits' size times the
    depth of a dozen sums of 128: 10 * 11 * 2^-24 * sqrt(12 * 128) = 3e-4."""
    model = make(objective, "vit-quickgelu", tmp_path).eval()
    prompts = ["a cat", "a drawing of a large tree", "sea"]
    tokens = open_clip.get_tokenizer("ViT-B-32")(prompts)
    features = torch.from_numpy(run(str(tmp_path / "model.safetensors"), "joint", *pictures).copy())
    of = model.word_score if objective == "bow_prediction" else model.likelihood
    with torch.no_grad():
        expected = torch.stack([torch.stack([of(x, row) for row in tokens]) for x in features]).numpy()
    found = run(str(tmp_path / "model.safetensors"), "scores", *pictures, text="\n".join(prompts))
    assert np.abs(found - expected).max() < 3e-4
    assert np.abs(1.01 * found - expected).max() > 3e-3
    # The features' length counts: they are no unit rows.
    assert np.abs(np.linalg.norm(features, axis=1) - 1).min() > 1e-3


def test_a_model_that_predicts_has_no_text_tower(tmp_path: Path):
    make("captioning", "vit-quickgelu", tmp_path)
    model = str(tmp_path / "model.safetensors")
    done = subprocess.run([oracle_binary(), "embed", model, "text", "-"], input="a cat", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no text tower: it was trained by captioning, expected a contrastive model" in done.stderr


def test_an_objective_that_nobody_knows_is_refused(tmp_path: Path):
    vision, quick_gelu = CASES["vit-quickgelu"]
    save_file({"x": torch.zeros(1)}, tmp_path / "model.safetensors", metadata(vision, quick_gelu) | {"objective": "guessing"})
    done = subprocess.run([cliplab_binary(), "model", "inspect", str(tmp_path / "model.safetensors")], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "objective: 'guessing', expected one of bow_contrastive" in done.stderr
