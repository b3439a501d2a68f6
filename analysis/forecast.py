"""What a training step of the paper's nine models would need on a cluster: memory a GPU, bytes sent, share of peak.

    ./cliplab model list | .venv/bin/python analysis/forecast.py [--gpus 8,64,256] [--batch 32768] [--micro-batch 256]

Counted from the sizes of Tables 19 and 20 and from how cliplab trains: fp32 weights, gradients and moments, activations of two
bytes, blocks computed again in backward (train.recompute), features of all pairs gathered, gradients summed in a ring.
Nothing here was measured on a GPU: peak, link and the share of peak that kernels alone reach are assumptions (--peak,
--link, --kernels; --measured RESULTS/models holds the last against trainings on this machine). Sums of gradients overlap with backward, two thirds of the time; what does not fit there is waited for.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from clean import complain
from results import ResultError, read_results

TOKENS = 77  # of a caption, not cut


@dataclass(frozen=True)
class Model:
    embed: int
    side: int
    layers: tuple[int, ...]  # ViT: one number; ResNet: blocks of the four stages
    width: int
    patch: int  # 0: a ResNet
    text_width: int


MODELS = {
    "RN50": Model(1024, 224, (3, 4, 6, 3), 64, 0, 512), "RN101": Model(512, 224, (3, 4, 23, 3), 64, 0, 512),
    "RN50x4": Model(640, 288, (4, 6, 10, 6), 80, 0, 640), "RN50x16": Model(768, 384, (6, 8, 18, 8), 96, 0, 768),
    "RN50x64": Model(1024, 448, (3, 15, 36, 10), 128, 0, 1024), "ViT-B/32": Model(512, 224, (12,), 768, 32, 512),
    "ViT-B/16": Model(512, 224, (12,), 768, 16, 512), "ViT-L/14": Model(768, 224, (24,), 1024, 14, 768),
    "ViT-L/14@336": Model(768, 336, (24,), 1024, 14, 768),
}


def transformer_values(tokens: int, width: int, layers: int) -> tuple[int, int]:
    """Values a sample: kept inputs of the blocks; the insides of one (two norms, q, k, v, attention, sum, three of the MLP's 4 d)."""
    return layers * tokens * width, tokens * width * (2 + 3 + 1 + 1 + 3 * 4)


def resnet_values(m: Model) -> tuple[int, int]:
    """The same: each convolution leaves its output and the normalised one; the stem's three are kept whole."""
    side, width = m.side // 2, m.width
    kept, largest = 2 * side * side * (width // 2 + width // 2 + width), 0
    side //= 2
    channels = width
    for stage, blocks in enumerate(m.layers):
        planes = width << stage
        for block in range(blocks):
            out = side // 2 if stage > 0 and block == 0 else side
            kept += channels * side * side
            inside = 2 * (planes * side * side * 2 + 4 * planes * out * out * (2 if block == 0 else 1))
            largest, channels, side = max(largest, inside), 4 * planes, out
    return kept, largest


def activation_bytes(m: Model) -> int:
    """Of a pair while it goes through the towers, which come one after the other: what both keep, and the larger inside."""
    image = resnet_values(m) if m.patch == 0 else transformer_values((m.side // m.patch) ** 2 + 1, m.width, m.layers[0])
    text = transformer_values(TOKENS, m.text_width, 12)
    return 2 * (image[0] + text[0] + max(image[1], text[1]))


@dataclass(frozen=True)
class Step:
    memory: float  # bytes a GPU
    gathered: float  # bytes a GPU receives before the loss
    summed: float  # bytes a GPU sends for the gradients
    seconds: float
    share: float  # of peak, of the useful operations: forward and backward once


def forecast(m: Model, parameters: float, macs: float, gpus: int, batch: int, micro: int, peak: float, link: float, kernels: float) -> Step:
    """`macs`: multiply-adds of a pair's forward pass."""
    local = batch // gpus
    at_a_time = min(micro, local)
    others = (gpus - 1) / gpus
    gathered = others * batch * (2 * m.embed + 2) * 4  # unit features of both, and the log sums of rows and columns
    summed = 2 * others * parameters * 4
    # Weights, gradients, two moments, the buckets; features of all pairs, and of one's own with norms and gradients; a tile.
    memory = 5 * parameters * 4 + at_a_time * activation_bytes(m) + (2 * batch + 8 * local) * m.embed * 4 + 2 * 512 * 2048 * 4
    useful = 3 * 2 * macs * local
    done = useful * (4 / 3 if at_a_time == local else 5 / 3)  # blocks again; with micro-batches the features before that too
    compute = done / (peak * kernels)
    # The last micro-batch's backward hides the sums: its two thirds of a share of the whole.
    hidden = 2 / 3 * compute * at_a_time / local
    seconds = compute + gathered / link + max(0.0, summed / link - hidden)
    return Step(memory, gathered, summed, seconds, useful / (seconds * peak))


def read_trainings(folder: Path) -> dict[str, float]:
    """Pairs a second by model, the fastest of its finished trainings below `folder`."""
    found: dict[str, float] = {}
    for path in sorted(folder.glob("*/train.h5")):
        try:
            records = read_results(path).records
        except ResultError as error:
            complain(f"forecast: left out: {error}")
            continue
        for model, value in records.loc[records["metric"] == "pairs_per_second", ["model", "value"]].itertuples(index=False, name=None):
            found[model] = max(found.get(model, 0.0), float(value))
    return found


def check(rates: dict[str, float], costs: dict[str, tuple[float, float]], peak: float) -> list[tuple[str, float, float, float]]:
    """Model, measured pairs a second, share of peak reached, and the rate forecast with the median share of all: one process,
    nothing computed twice, so that a pair takes its useful operations at that share."""
    shares = {name: 3 * 2 * costs[name][1] * rate / peak for name, rate in rates.items() if name in costs}
    typical = statistics.median(shares.values()) if shares else 0.0
    return [(name, rates[name], share, typical * peak / (3 * 2 * costs[name][1])) for name, share in shares.items()]


def read_models(text: str) -> dict[str, tuple[float, float]]:
    """Parameters and multiply-adds of a pair by model, from `cliplab model list`."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 5 and words[1].isdigit():
            found[words[0]] = float(words[2]) * 1e6, (float(words[3]) + float(words[4])) * 1e9
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpus", default="8,64,256")
    parser.add_argument("--batch", type=int, default=32768)
    parser.add_argument("--micro-batch", type=int, default=256, help="pairs a GPU that go through the towers at a time")
    parser.add_argument("--peak", type=float, default=989, help="TFLOP/s a GPU (H100, bf16 dense)")
    parser.add_argument("--link", type=float, default=50, help="GB/s a GPU to the others (400 Gb/s)")
    parser.add_argument("--kernels", type=float, default=0.4, help="share of peak of the towers' kernels alone: assumed")
    parser.add_argument("--measured", type=Path, help="folder of trained models (results/models): --peak is then this machine's, in TFLOP/s")
    a = parser.parse_args()
    costs = read_models(sys.stdin.read())
    if a.measured:
        print(f"{'model':<14}{'pairs/s':>9}{'of peak':>9}{'forecast':>10}{'off':>7}")
        for name, rate, share, expected in sorted(check(read_trainings(a.measured), costs, a.peak * 1e12), key=lambda row: costs[row[0]][1]):
            print(f"{name:<14}{rate:>9.0f}{share:>9.0%}{expected:>10.0f}{expected / rate - 1:>+7.0%}")
        return
    if missing := [name for name in MODELS if name not in costs]:
        sys.exit(f"stdin: no {', '.join(missing)}, expected the output of ./cliplab model list")
    print(f"{'model':<14}{'GPUs':>5}{'memory GB':>11}{'gathered MB':>13}{'summed MB':>11}{'s a step':>10}{'of peak':>9}")
    for name, m in MODELS.items():
        for gpus in map(int, a.gpus.split(",")):
            s = forecast(m, *costs[name], gpus, a.batch, a.micro_batch, a.peak * 1e12, a.link * 1e9, a.kernels)
            print(f"{name:<14}{gpus:>5}{s.memory / 1e9:>11.1f}{s.gathered / 1e6:>13.0f}{s.summed / 1e6:>11.0f}{s.seconds:>10.2f}{s.share:>9.0%}")


if __name__ == "__main__":
    main()
