"""A training step (forward, loss, backward, AdamW) against open_clip's, same weights and batch, same cores, interleaved.

    .venv/bin/python tests/bench/compare_training.py [--rounds 3] [--steps 6] [--only rn-s] [--busy]

The quickstart's model at 256 pairs and ViT-B/32 at 32, in fp32 and bf16 (open_clip: --precision amp_bf16). Captions are of 8 to
20 tokens, as the corpora's are: open_clip computes all positions of the context, cliplab those up to the longest caption of each group. Medians of
the steps' seconds over the rounds, and the peak memory of each process. Waiting threads do as ./cliplab sets it, and as LibTorch's
default has it for open_clip. With --busy a job that computes runs on each core beside them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from statistics import median

from ours import oracle
from rivals import rivals

PEER = """
import json, resource, statistics, sys, time, torch, open_clip
from open_clip.loss import ClipLoss
from safetensors.torch import load_file
folder, precision, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
spec = json.load(open(folder + "/spec.json"))
torch.set_num_threads(spec["threads"])
model = open_clip.model.CLIP(spec["embed"], spec["vision"], spec["text"], quick_gelu=spec["quick_gelu"]).train()
model.load_state_dict(load_file(folder + "/model.safetensors"))
batch = load_file(folder + "/batch.safetensors")
plain = [p for p in model.parameters() if p.ndim < 2]
decayed = [p for p in model.parameters() if p.ndim >= 2]
optimizer = torch.optim.AdamW([dict(params=plain, weight_decay=0.0), dict(params=decayed, weight_decay=0.2)], lr=1e-5, betas=(0.9, 0.98), eps=1e-6)
loss_of, seconds = ClipLoss(), []
for _ in range(steps):
    start = time.perf_counter()
    optimizer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        image, text, scale = model(batch["pixels"], batch["tokens"])
        loss = loss_of(image, text, scale)
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        model.logit_scale.clamp_(0, 4.6052)
    seconds.append(time.perf_counter() - start)
print("seconds", statistics.median(seconds[1:]), "peak_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "loss", loss.item())
"""

MODELS = {  # pairs, joint space, towers, width of a head, QuickGELU; as in `cliplab model list`
    "rn-s": (256, 192, dict(image_size=32, layers=[1, 1, 1, 1], width=32, head_width=32),
             dict(context_length=32, vocab_size=49408, width=128, heads=4, layers=3), 32, False),
    "ViT-B/32": (32, 512, dict(image_size=224, layers=12, width=768, patch_size=32),
                 dict(context_length=77, vocab_size=49408, width=512, heads=8, layers=12), 64, True),
}


def make(folder: Path, name: str) -> None:
    """Weights, a batch and the sizes, as files."""
    import open_clip
    import torch
    from safetensors.torch import save_file
    pairs, embed, vision, text, head_width, quick_gelu = MODELS[name]
    torch.manual_seed(0)
    model = open_clip.model.CLIP(embed, vision, text, quick_gelu=quick_gelu)
    is_resnet = "patch_size" not in vision
    layers = vision["layers"] if is_resnet else [vision["layers"], 0, 0, 0]
    sizes = dict(name="peer", family="resnet" if is_resnet else "vit", embed_dim=embed, resolution=vision["image_size"], vision_width=vision["width"],
                 patch=vision.get("patch_size", 0), text_width=text["width"], text_layers=text["layers"], context_length=text["context_length"],
                 head_width=head_width, text_head_width=head_width, quick_gelu=int(quick_gelu), vocab_size=49408) | {f"vision_layers_{i}": n for i, n in enumerate(layers)}
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors", {k: str(v) for k, v in sizes.items()})
    tokens = torch.zeros(pairs, text["context_length"], dtype=torch.int64)
    for row in tokens:
        length = int(torch.randint(8, 21, ()))
        row[:length] = torch.randint(1, 49000, (length,))
        row[0], row[length - 1] = 49406, 49407
    save_file(dict(pixels=torch.randn(pairs, 3, vision["image_size"], vision["image_size"]), tokens=tokens), folder / "batch.safetensors")
    (folder / "spec.json").write_text(json.dumps(dict(embed=embed, vision=vision, text=text, quick_gelu=quick_gelu, threads=os.cpu_count() or 1)))


def measure(who: str, folder: Path, precision: str, steps: int) -> tuple[float, float]:
    """Seconds of a step, MB of the process."""
    if who == "open_clip":
        plain = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
        words = [sys.executable, "-c", PEER, str(folder), precision, str(steps)]
        printed = subprocess.run(words, check=True, capture_output=True, text=True, env=plain).stdout
    else:
        printed = oracle("train", folder / "model.safetensors", folder / "batch.safetensors", "-", steps, "1e-5", "0.2", 0, precision,
                         "recompute" if who == "cliplab, recomputing" else "keep", OMP_WAIT_POLICY="passive", GOMP_SPINCOUNT="1000")
    out = printed.split()
    return float(out[1]), float(out[3])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6, help="of a round, the first of which warms up")
    parser.add_argument("--only", choices=MODELS, default=None)
    parser.add_argument("--busy", action="store_true", help="beside a competing job a core")
    arguments = parser.parse_args()
    with rivals() if arguments.busy else nullcontext():
        compare(arguments)


def precisions() -> list[str]:
    """bf16 where the processor multiplies it; LibTorch's reference, minutes a step elsewhere, is no measure of either."""
    if "avx512_bf16" in Path("/proc/cpuinfo").read_text():  # as `train.precision auto` decides
        return ["fp32", "bf16"]
    print("bf16 is left out: this processor does not multiply it")
    return ["fp32"]


def compare(arguments: argparse.Namespace) -> None:
    names = ["cliplab", "cliplab, recomputing", "open_clip"]
    for model in [arguments.only] if arguments.only else MODELS:
        with tempfile.TemporaryDirectory() as name:
            make(Path(name), model)
            for precision in precisions():
                runs: dict[str, list[tuple[float, float]]] = {who: [] for who in names}
                for _ in range(arguments.rounds):
                    for who in names:
                        runs[who].append(measure(who, Path(name), precision, arguments.steps))
                seconds, memory = ({who: median(run[i] for run in runs[who]) for who in names} for i in (0, 1))
                for who in names:
                    print(f"{model} at {MODELS[model][0]}, {precision}, {who}: {MODELS[model][0] / seconds[who]:.1f} pairs/s, {memory[who]:.0f} MB")
                print(f"  cliplab to open_clip: speed {seconds['open_clip'] / seconds['cliplab']:.2f}, memory {memory['cliplab'] / memory['open_clip']:.2f}",
                      flush=True)


if __name__ == "__main__":
    main()
