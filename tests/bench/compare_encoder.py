"""Image towers against open_clip eager on the same cores in the same run: ViT-B/32 and RN50 with random weights.

    CLIPLAB_BIN=build/release/cliplab .venv/bin/python tests/bench/compare_encoder.py [--images 64] [--rounds 3]

Prints images/s of both, medians over interleaved rounds, their ratio, and the share of the machine's own matrix-product rate
that each reaches. RN50 of open_clip is timed as it comes (float32, NCHW).
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import open_clip
import torch
from safetensors.torch import save_file

# name: vision, GFLOP of one image forward (two operations a multiply-add)
MODELS = {
    "ViT-B/32": (512, dict(image_size=224, layers=12, width=768, patch_size=32), 8.8),
    "RN50": (1024, dict(image_size=224, layers=(3, 4, 6, 3), width=64), 12.2),
}


def gemm_gflops(threads: int) -> float:
    torch.set_num_threads(threads)
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    rates = []
    for _ in range(9):
        start = time.perf_counter()
        a @ b
        rates.append(2 * 2048**3 / 1e9 / (time.perf_counter() - start))
    return median(rates)


def theirs(model, batch: torch.Tensor) -> float:
    start = time.perf_counter()
    with torch.inference_mode():
        for part in batch.split(16):
            model.encode_image(part)
    return len(batch) / (time.perf_counter() - start)


def ours(binary: str, file: Path, images: int, precision: str) -> tuple[float, float]:
    words = [binary, "debug", "image-speed", str(file), str(images), "--model.like", "openai", "--model.precision", precision]
    text = subprocess.run(words, check=True, capture_output=True, text=True, env=os.environ | {"OMP_WAIT_POLICY": "passive"}).stdout
    return float(text.split()[0]), float(text.split()[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    arguments = parser.parse_args()
    binary, threads = os.environ["CLIPLAB_BIN"], os.cpu_count() or 1
    peak = gemm_gflops(threads)
    print(f"{threads} threads, matrix products of 2048: {peak:.0f} GFLOP/s in float32")
    for name, (embed, vision, gflop) in MODELS.items():
        torch.manual_seed(0)
        text = dict(context_length=77, vocab_size=49408, width=512, heads=8, layers=12)
        model = open_clip.model.CLIP(embed, vision, text, quick_gelu=True).eval()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.safetensors"
            save_file({k: v.contiguous() for k, v in model.state_dict().items()}, file)
            batch = torch.randn(arguments.images, 3, 224, 224)
            if arguments.precision == "bf16":
                model, batch = model.bfloat16(), batch.bfloat16()
            theirs(model, batch)
            peer, mine, first = [], [], []
            for _ in range(arguments.rounds):
                peer.append(theirs(model, batch))
                rate, seconds = ours(binary, file, arguments.images, arguments.precision)
                mine.append(rate), first.append(seconds)
            ratio = median(mine) / median(peer)
            print(f"{name} {arguments.precision}: cliplab {median(mine):.1f} images/s ({median(mine) * gflop / peak:.0%} of the rate above), "
                  f"open_clip {median(peer):.1f}, ratio {ratio:.2f}; first embedding after {median(first):.2f} s")


if __name__ == "__main__":
    main()
