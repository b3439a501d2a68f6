"""Real problems for the probe's parity tests and benchmark, and the file that `cliplab_oracle probe-fit` reads."""

import gzip
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CLIPLAB_SHARED", ROOT.parent / "shared")) / "datasets"


def write_samples(path, x, y, classes):
    with open(path, "wb") as file:
        file.write(f"{x.shape[0]} {x.shape[1]} {classes}\n".encode())
        file.write(np.ascontiguousarray(x, "<f4").tobytes() + np.ascontiguousarray(y, "<i4").tobytes())
    return path


def digits(samples):
    from sklearn.datasets import load_digits

    data = load_digits()
    return (data.data[:samples] / 16).astype(np.float32), data.target[:samples]


def fashion_mnist(samples):
    """28 x 28 grey in [0, 1], from the Debian package that `cliplab data fetch fashion_mnist` downloads."""
    files = sorted((ROOT / "data" / "downloads").glob("dataset-fashion-mnist_*.deb"))
    if not files or not shutil.which("dpkg-deb"):
        return None
    found = {}
    unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", files[-1]], stdout=subprocess.PIPE)
    with unpack, tarfile.open(fileobj=unpack.stdout, mode="r|") as archive:
        for member in archive:
            if "train-" in member.name and member.name.endswith(".gz"):
                found["labels" if "labels" in member.name else "images"] = gzip.decompress(archive.extractfile(member).read())
    pixels = np.frombuffer(found["images"], np.uint8, offset=16).reshape(-1, 784)[:samples]
    return pixels.astype(np.float32) / 255, np.frombuffer(found["labels"], np.uint8, offset=8)[:samples].astype(int)


def pictures(folder, samples):
    """16 x 16 RGB in [0, 1] of evenly spread pictures of one of the shared data sets."""
    from PIL import Image

    if not (SHARED / folder / "labels.tsv").exists():
        return None
    lines = (SHARED / folder / "labels.tsv").read_text().splitlines()
    header, rows = lines[0].split("\t"), [line.split("\t") for line in lines[1:]]
    rows = rows[:: max(1, len(rows) // samples)][:samples]
    wanted = {row[header.index("path")]: int(row[header.index("label")]) for row in rows}
    x, y = [], []
    with tarfile.open(SHARED / folder / "images.tar.gz") as archive:
        for member in archive:
            if member.name in wanted:
                image = Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB").resize((16, 16))
                x.append(np.asarray(image, np.float32).ravel() / 255), y.append(wanted[member.name])
    return np.stack(x), np.array(y)


PROBLEMS = {
    "digits": digits,
    "fashion_mnist": fashion_mnist,
    "cifar10": lambda samples: pictures("cifar10_test_png", samples),
    "pacs": lambda samples: pictures("pacs_112", samples),
}
