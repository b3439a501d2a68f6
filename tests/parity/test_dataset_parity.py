"""Pixels and labels of whole data sets in the layouts people hold them in, byte for byte against what Python reads.

Each set is written here in its official format, from real pictures where the shared ones are there (CLIPLAB_SHARED), and
read by torchvision, numpy or Pillow on one side and by `cliplab_oracle samples` on the other.
"""

import gzip
import io
import os
import pickle
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from binaries import oracle_binary

PIL = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CLIPLAB_SHARED", ROOT.parent / "shared")) / "datasets"
CIFAR = "airplane automobile bird cat deer dog frog horse ship truck".split()


def ours(data_root, name, split, count=10**6):
    environment = {**os.environ, "CLIPLAB_ROOT": str(ROOT), "CLIPLAB_DATA_ROOT": str(data_root)}
    done = subprocess.run([oracle_binary(), "samples", name, split, str(count)], capture_output=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    samples, at = [], 0
    while at < len(done.stdout):
        end = done.stdout.index(b"\n", at)
        height, width, channels, label = done.stdout[at:end].decode().split(" ", 3)
        size = int(height) * int(width) * int(channels)
        samples.append((np.frombuffer(done.stdout, np.uint8, size, end + 1).reshape(int(height), int(width), int(channels)), label))
        at = end + 1 + size
    return samples


def assert_same(read, expected):
    assert len(read) == len(expected)
    for (pixels, label), (their_pixels, their_label) in zip(read, expected):
        assert label == their_label
        np.testing.assert_array_equal(pixels, their_pixels)


def shared_pictures(name, count=None):
    """[(file name, bytes)] of a shared set in the order of its labels.tsv; skips with a notice when it is absent."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"no {folder}; set CLIPLAB_SHARED")
    rows = [line.split("\t") for line in (folder / "labels.tsv").read_text().splitlines()[1:]]
    with tarfile.open(folder / "images.tar.gz") as tar:
        members = {member.name.removeprefix("./"): tar.extractfile(member).read() for member in tar if member.isfile()}
    step = 1 if count is None else max(1, len(rows) // count)
    return [(row[0], row[3], members[row[0]]) for row in rows[::step]]


def pixels_of(data):
    return np.asarray(PIL.open(io.BytesIO(data)).convert("RGB"))


def test_cifar10_of_the_pngs_in_its_official_binary(tmp_path):
    """All 10,000: the PNGs as test_batch.bin for us, and as test_batch (a pickle) for torchvision's CIFAR10."""
    datasets = pytest.importorskip("torchvision.datasets", reason="torchvision is not installed")
    pictures = shared_pictures("cifar10_test_png")
    planes = np.stack([pixels_of(data).transpose(2, 0, 1).reshape(-1) for _, _, data in pictures])
    labels = np.array([CIFAR.index(label) for _, label, _ in pictures])
    folder = tmp_path / "cifar10"
    folder.mkdir()
    (folder / "batches.meta.txt").write_text("\n".join(CIFAR) + "\n\n")
    records = np.concatenate([labels[:, None].astype(np.uint8), planes], axis=1)
    (folder / "test_batch.bin").write_bytes(records.tobytes())
    for i in range(5):
        (folder / f"data_batch_{i + 1}.bin").write_bytes(records[i::5].tobytes())
    theirs = tmp_path / "cifar-10-batches-py"
    theirs.mkdir()
    (theirs / "test_batch").write_bytes(pickle.dumps({"data": planes, "labels": labels.tolist()}))
    (theirs / "batches.meta").write_bytes(pickle.dumps({"label_names": CIFAR}))

    class Unchecked(datasets.CIFAR10):  # the files are ours, so their MD5 are not the official ones
        def _check_integrity(self):
            return True

        def _load_meta(self):
            self.classes = CIFAR

    reference = Unchecked(tmp_path, train=False)
    read = ours(tmp_path, "cifar10", "test")
    assert len(read) == 10_000
    assert_same(read, [(np.asarray(image), CIFAR[label]) for image, label in reference])
    assert_same(ours(tmp_path, "cifar10", "train", 2000), [(pixels_of(data), label) for _, label, data in pictures[::5]])
    # The negative twin: one bit of one picture.
    records[4321, 1000] ^= 1
    (folder / "test_batch.bin").write_bytes(records.tobytes())
    changed = ours(tmp_path, "cifar10", "test")
    assert sum((a[0] != b[0]).any() for a, b in zip(read, changed)) == 1


def test_the_shared_tables_are_what_pillow_reads(tmp_path):
    for name in ("cifar10_test_png", "cifar10_train_q92"):
        pictures = shared_pictures(name)[:3000]
        assert_same(ours(SHARED, name, "train" if "train" in name else "test", 3000), [(pixels_of(data), label) for _, label, data in pictures])
    pictures = [row for row in shared_pictures("pacs_112") if row[0].startswith("sketch/")]
    assert_same(ours(SHARED, "pacs_112/sketch", "test"), [(pixels_of(data), label) for _, label, data in pictures])


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_of_the_idx_files(tmp_path, packed):
    """Every picture of MNIST against numpy, packed as it is there and unpacked."""
    source = SHARED / "mnist_idx"
    if not source.is_dir():
        pytest.skip(f"no {source}; set CLIPLAB_SHARED")
    (tmp_path / "mnist").mkdir()
    for file in source.glob("*.gz"):
        if packed:
            (tmp_path / "mnist" / file.name).symlink_to(file)
        else:
            (tmp_path / "mnist" / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    for split, stem in (("train", "train"), ("test", "t10k")):
        images = np.frombuffer(gzip.decompress((source / f"{stem}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)
        labels = np.frombuffer(gzip.decompress((source / f"{stem}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
        assert len(labels) == (60_000 if split == "train" else 10_000)
        assert_same(ours(tmp_path, "mnist", split), [(np.repeat(image[:, :, None], 3, 2), str(label)) for image, label in zip(images, labels)])


def some_pictures(count):
    """(class, ending, bytes): real ones where they are, with every tenth in a format of its own."""
    rng = np.random.default_rng(0)
    real = [(label, data) for _, label, data in shared_pictures("pacs_112", count)] if (SHARED / "pacs_112").is_dir() else []
    if not real:
        print("skipped: no shared PACS; noise only")
    for i in range(count):
        if i < len(real) and i % 10:
            yield real[i][0], "jpg", real[i][1]
            continue
        image, buffer = PIL.fromarray(rng.integers(0, 256, (20 + i % 7, 31, 3), dtype=np.uint8)), io.BytesIO()
        ending, kind, options = (("png", "PNG", {}), ("webp", "WEBP", {"lossless": True}), ("jpeg", "JPEG", {"quality": 80}))[i // 10 % 3]
        image.save(buffer, kind, **options)
        yield ("noise" if i % 20 else "dog"), ending, buffer.getvalue()


def test_image_folder_is_torchvisions(tmp_path):
    datasets = pytest.importorskip("torchvision.datasets", reason="torchvision is not installed")
    for i, (label, ending, data) in enumerate(some_pictures(300)):
        target = tmp_path / "tree" / ("test" if i % 3 else "train") / label / f"{i}.{ending}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    for split in ("train", "test"):
        reference = datasets.ImageFolder(tmp_path / "tree" / split)
        assert_same(ours(tmp_path, "tree", split), [(np.asarray(image), reference.classes[label]) for image, label in reference])


def test_webdataset_shards_are_what_tar_and_pillow_read(tmp_path):
    folder, classes, expected = tmp_path / "wds_tree" / "test", [], []
    folder.mkdir(parents=True)
    shards = [tarfile.open(folder / f"{i}.tar", "w") for i in range(3)]
    rows = list(some_pictures(300))
    classes = sorted({label for label, _, _ in rows})
    for i, (label, ending, data) in enumerate(rows):
        for name, content in ((f"s{i:05}.{ending}", data), (f"s{i:05}.cls", str(classes.index(label)).encode())):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shards[i // 100].addfile(member, io.BytesIO(content))
        expected.append((pixels_of(data), label))
    for shard in shards:
        shard.close()
    (folder / "nshards.txt").write_text("3\n")
    (tmp_path / "wds_tree" / "classnames.txt").write_text("\n".join(classes) + "\n")
    assert_same(ours(tmp_path, "wds_tree", "test"), expected)
