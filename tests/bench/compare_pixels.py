"""JPEG files to normalised 224 x 224 floats on one core: cliplab against Pillow + torchvision, bit-equal, in the same run.

    .venv/bin/python tests/bench/compare_pixels.py [FOLDER with .jpg files]

Medians over interleaved rounds. Without FOLDER: 300 pictures of Flickr8k (CLIPLAB_SHARED) as they are there, 224 pixels on
the short side, and the same enlarged to the usual size of ImageNet's files (500 x 375 or so, quality 90).
"""

import io
import os
import re
import statistics
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from ours import run_oracle
from PIL import Image
from torchvision import transforms

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CLIPLAB_SHARED", ROOT.parent / "shared"))
ROUNDS = 9
COUNT = 300
TRANSFORM = transforms.Compose([
    transforms.Resize(224, interpolation=transforms.InterpolationMode.BICUBIC),
    transforms.CenterCrop(224),
    lambda image: image.convert("RGB"),
    transforms.ToTensor(),
    transforms.Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
])


def flickr8k(folder: Path) -> dict[str, list[Path]]:
    archive = SHARED / "datasets" / "flickr8k_224_q80" / "images.tar.gz"
    if not archive.exists():
        sys.exit(f"compare_pixels: {archive} is not there, expected pictures; give a folder with .jpg files")
    sets: dict[str, list[Path]] = {"as they are": [], "enlarged": []}
    with tarfile.open(archive) as tar:
        for member in tar:
            if len(sets["enlarged"]) == COUNT:
                break
            if not member.name.endswith(".jpg"):
                continue
            data = tar.extractfile(member).read()
            sets["as they are"].append(folder / Path(member.name).name)
            sets["as they are"][-1].write_bytes(data)
            image = Image.open(io.BytesIO(data))
            sets["enlarged"].append(folder / ("large_" + Path(member.name).name))
            scale = 500 / max(image.size)
            image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC).save(sets["enlarged"][-1], quality=90)
    return sets


def theirs(data: list[bytes]) -> list[torch.Tensor]:
    return [TRANSFORM(Image.open(io.BytesIO(one))) for one in data]


def ours(verb: str, files: list[Path]) -> bytes:
    return run_oracle(verb, 224, *files, "--model.like", "openai")


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        sets = flickr8k(Path(folder)) if len(sys.argv) < 2 else {"files": sorted(Path(sys.argv[1]).glob("*.jpg"))[:COUNT]}
        for name, files in sets.items():
            data = [file.read_bytes() for file in files]
            reference = torch.stack(theirs(data)).numpy()
            made = np.frombuffer(ours("normalized", files), dtype=np.float32).reshape(reference.shape)
            different = int((made.view(np.uint32) != reference.view(np.uint32)).sum())
            mine, peer = [], []
            for _ in range(ROUNDS):
                mine.append(float(re.match(rb"(\S+) images/s", ours("pixels-speed", files))[1]))
                start = time.process_time()
                theirs(data)
                peer.append(len(data) / (time.process_time() - start))
            ratio = statistics.median(mine) / statistics.median(peer)
            print(f"{name}: {len(files)} files, {different} of {made.size} floats differ; cliplab {statistics.median(mine):.0f} images/s, "
                  f"Pillow + torchvision {statistics.median(peer):.0f}, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
