"""Tar shards of JPEG files to normalised [64, 3, 224, 224] batches: cliplab's loader on two threads against webdataset with
Pillow, torchvision and two workers, in the same run.

    .venv/bin/python tests/bench/compare_loader.py [--shards FOLDER] [--rounds 5] [--count 4000] [--long 100000]

Without --shards: Flickr8k's pictures (CLIPLAB_SHARED), enlarged to the usual size of web pictures (500 pixels on the long
side, quality 90), 500 a shard. Prints images a second (medians of interleaved rounds), seconds to the first batch, and the
memory of a long run, which must be flat. Needs: pip install webdataset
"""

import argparse
import io
import re
import statistics
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import torch
from compare_pixels import SHARED, TRANSFORM
from ours import oracle
from PIL import Image

PICTURES = 2000


def write_shards(folder: Path) -> None:
    archive = SHARED / "datasets" / "flickr8k_224_q80" / "images.tar.gz"
    if not archive.exists():
        sys.exit(f"compare_loader: {archive} is not there, expected pictures; give --shards")
    written = 0
    with tarfile.open(archive) as tar:
        shard = None
        for member in tar:
            if not member.name.endswith(".jpg") or written == PICTURES:
                continue
            if written % 500 == 0:
                shard = tarfile.open(folder / f"{written // 500:05}.tar", "w")
            image = Image.open(io.BytesIO(tar.extractfile(member).read()))
            scale, out = 500 / max(image.size), io.BytesIO()
            image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
            for name, data in ((f"{written:06}.jpg", out.getvalue()), (f"{written:06}.txt", b"a photo")):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                shard.addfile(info, io.BytesIO(data))
            written += 1
            if written % 500 == 0:
                shard.close()


def theirs(folder: Path, count: int) -> tuple[float, float]:
    import webdataset

    torch.set_num_threads(1)
    urls = [str(path) for path in sorted(folder.glob("*.tar"))]
    data = webdataset.WebDataset(urls, shardshuffle=len(urls), seed=0).shuffle(1000).decode("pil").to_tuple("jpg", "txt").map_tuple(TRANSFORM, str)
    loader = torch.utils.data.DataLoader(data.batched(64), batch_size=None, num_workers=2)
    start, first, done = time.perf_counter(), 0.0, 0
    while done < count:
        for pictures, _ in loader:
            first = first or time.perf_counter() - start
            done += len(pictures)
            if done >= count:
                break
    return done / (time.perf_counter() - start), first


def ours(folder: Path, count: int) -> tuple[float, float, float, float]:
    printed = oracle("loader-speed", folder, 224, count, CLIPLAB_THREADS="2")
    found = re.match(r"(\S+) images/s, (\S+) s .* (\S+) MiB after a tenth, (\S+) MiB at the end", printed)
    return tuple(float(value) for value in found.groups())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--long", type=int, default=0, help="also a run of so many samples, for its memory")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.shards or Path(made)
        if not arguments.shards:
            write_shards(folder)
        mine, peer = [], []
        for _ in range(arguments.rounds):
            mine.append(ours(folder, arguments.count))
            peer.append(theirs(folder, arguments.count))
        rates = [statistics.median(run[0] for run in runs) for runs in (mine, peer)]
        firsts = [statistics.median(run[1] for run in runs) for runs in (mine, peer)]
        print(f"cliplab {rates[0]:.0f} images/s, webdataset {rates[1]:.0f}: {rates[0] / rates[1]:.2f} x; "
              f"first batch {firsts[0]:.2f} s against {firsts[1]:.2f} s", flush=True)
        if arguments.long:
            rate, _, early, late = ours(folder, arguments.long)
            print(f"{arguments.long} samples at {rate:.0f} images/s: {early:.0f} MiB after a tenth, {late:.0f} MiB at the end")


if __name__ == "__main__":
    main()
