"""The contrastive loss with its gradients, blockwise against plain autograd, here and in open_clip: speed and memory.

    .venv/bin/python tests/bench/compare_loss.py [--pairs 8192] [--width 512] [--rounds 3]

Each in a process of its own, interleaved; medians. Memory is what the process needs above the same with 256 pairs.
"""

import argparse
import os
import subprocess
import sys
from statistics import median

from ours import oracle

PEER = """
import resource, statistics, sys, time, torch
from open_clip.loss import ClipLoss
pairs, width = int(sys.argv[1]), int(sys.argv[2])
torch.manual_seed(0)
image, text = torch.randn(pairs, width, requires_grad=True), torch.randn(pairs, width, requires_grad=True)
scale, seconds = torch.tensor(2.6592600369327779, requires_grad=True), []
for _ in range(6):
    image.grad = text.grad = scale.grad = None
    start = time.perf_counter()
    loss = ClipLoss()(torch.nn.functional.normalize(image, dim=-1), torch.nn.functional.normalize(text, dim=-1), scale.exp())
    loss.backward()
    seconds.append(time.perf_counter() - start)
print("seconds", statistics.median(seconds[1:]), "peak_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def measure(who: str, pairs: int, width: int) -> tuple[float, float]:
    """Seconds of a step, MB of the process."""
    if who == "open_clip":
        words = [sys.executable, "-c", PEER, str(pairs), str(width)]
        printed = subprocess.run(words, check=True, capture_output=True, text=True, env=os.environ | {"OMP_WAIT_POLICY": "passive"}).stdout
    else:
        printed = oracle("loss-speed", pairs, width, who, OMP_WAIT_POLICY="passive")
    out = printed.split()
    return float(out[1]), float(out[3])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=8192)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    names = ["blockwise", "plain", "open_clip"]
    floor = {name: measure(name, 256, arguments.width)[1] for name in names}
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(arguments.rounds):
        for name in names:
            runs[name].append(measure(name, arguments.pairs, arguments.width))
    seconds = {name: median(run[0] for run in runs[name]) for name in names}
    memory = {name: median(run[1] for run in runs[name]) - floor[name] for name in names}
    for name in names:
        print(f"{name:<10} {seconds[name]:7.3f} s, {memory[name]:6.0f} MB; blockwise is {seconds[name] / seconds['blockwise']:.2f} times as fast "
              f"in {memory['blockwise'] / memory[name]:.3f} of the memory")


if __name__ == "__main__":
    main()
