"""Image towers against open_clip eager on the same cores in the same run: ViT-B/32 and RN50 with random weights.

    .venv/bin/python tests/bench/compare_encoder.py [--images 64] [--rounds 3]

Prints images/s of both, medians over interleaved rounds, and their ratio; the rate of the towers' own matrix products in both
libraries that LibTorch brings, and the share of the faster one that each tower reaches. RN50 of open_clip is timed as it
comes (NCHW), and in float32 whatever --precision says too.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import open_clip
import torch
from ours import oracle
from safetensors.torch import save_file

# name: vision, GFLOP of one image forward (two operations a multiply-add)
MODELS = {
    "ViT-B/32": (512, dict(image_size=224, layers=12, width=768, patch_size=32), 8.8),
    "RN50": (1024, dict(image_size=224, layers=(3, 4, 6, 3), width=64), 12.2),
}


def gemm_gflops(kind: torch.dtype) -> dict[str, float]:
    """GFLOP/s of [2400, 768] x [768, 3072], the medians of 9: LibTorch's own choice, and oneDNN on a weight in its own order."""
    x, weight = torch.randn(2400, 768, dtype=kind), torch.randn(3072, 768, dtype=kind)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, 2400)
    products = {"LibTorch's choice": lambda: torch.nn.functional.linear(x, weight),
                "oneDNN": lambda: torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")}
    rates: dict[str, float] = {}
    with torch.inference_mode():
        for name, product in products.items():
            product()
            seconds = []
            for _ in range(9):
                start = time.perf_counter()
                product()
                seconds.append(time.perf_counter() - start)
            rates[name] = 2 * 2400 * 768 * 3072 / 1e9 / median(seconds)
    return rates


def theirs(model, batch: torch.Tensor) -> float:
    start = time.perf_counter()
    with torch.inference_mode():
        for part in batch.split(16):
            model.encode_image(part)
    return len(batch) / (time.perf_counter() - start)


def ours(file: Path, images: int, precision: str) -> tuple[float, float]:
    printed = oracle("image-speed", file, images, "--model.like", "openai", "--model.precision", precision, OMP_WAIT_POLICY="passive")
    return float(printed.split()[0]), float(printed.split()[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    arguments = parser.parse_args()
    threads = os.cpu_count() or 1
    torch.set_num_threads(threads)
    kind = torch.bfloat16 if arguments.precision == "bf16" else torch.float32
    rates = gemm_gflops(kind)
    print(f"{threads} threads, matrix products in {arguments.precision}: " + ", ".join(f"{name} {rate:.0f} GFLOP/s" for name, rate in rates.items()))
    for name, (embed, vision, gflop) in MODELS.items():
        torch.manual_seed(0)
        text = dict(context_length=77, vocab_size=49408, width=512, heads=8, layers=12)
        model = open_clip.model.CLIP(embed, vision, text, quick_gelu=True).eval()
        batch = torch.randn(arguments.images, 3, 224, 224)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.safetensors"
            save_file({k: v.contiguous() for k, v in model.state_dict().items()}, file)
            theirs(model, batch)
            plain = theirs(model, batch)
            model, batch = model.to(kind), batch.to(kind)
            theirs(model, batch)
            peer, mine, first = [], [], []
            for _ in range(arguments.rounds):
                peer.append(theirs(model, batch))
                rate, seconds = ours(file, arguments.images, arguments.precision)
                mine.append(rate), first.append(seconds)
            share = median(mine) * gflop / max(rates.values())
            print(f"{name} {arguments.precision}: cliplab {median(mine):.1f} images/s ({share:.0%} of the faster rate above), "
                  f"open_clip {median(peer):.1f}, ratio {median(mine) / median(peer):.2f} (to its float32: {median(mine) / plain:.2f}); "
                  f"first embedding after {median(first):.2f} s")


if __name__ == "__main__":
    main()
