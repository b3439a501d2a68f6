"""The same small model and the same shards through CLIP_benchmark's own code and through whole runs of ours.

CLIP_benchmark is read from its pinned wheel (data/set_up.py fetches it); its loader needs webdataset. Compared: the class of
each picture, top-1, top-5, mean per class, recall at 1, 5 and 10.

Both compute in float32 in another order of sums: unit features differ by 1e-5 at most (test_checkpoint_parity.py), logits by
100 * 2e-5 = 2e-3. A picture whose two best logits are closer may go either way; the data are drawn so that none is.
"""

import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "e2e"))
from whole_run import Project, project  # noqa: E402, F401  (the fixture is found by name)

open_clip = pytest.importorskip("open_clip", reason="open_clip_torch is not installed")
pytest.importorskip("webdataset", reason="webdataset is not installed")
WHEEL = next(iter((ROOT / "data/downloads").glob("clip_benchmark-*.whl")), None)
pytestmark = pytest.mark.skipif(WHEEL is None, reason="CLIP_benchmark's wheel is not in data/downloads; ./cliplab fetches it")

CLASSES, LIKE_LOGITS = 12, 2e-3
NAMES = ["red", "lime", "navy blue", "yellow", "snake_case", "cyan", "{grey}", "it's orange", "brown", "white", "Black", "a {c} green"]
Member = tuple[str, bytes]


def picture(kind: int, seed: int) -> bytes:
    rng = np.random.default_rng([kind, seed])
    pixels = rng.integers(0, 90, (36, 44, 3)) + np.array([kind % 3, kind // 3 % 2, kind // 6]) * (80, 150, 150)
    pixels[6:30, 3 * kind % 24:3 * kind % 24 + 12] += 60
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def samples(count: int, key: str = "s{:05}", image: str = "png", label: str = "cls", seed: int = 0, blanks: str = "{}") -> list[Member]:
    return [member for i in range(count)
            for member in ((f"{key.format(i)}.{label}", blanks.format(i % CLASSES).encode()),
                           (f"{key.format(i)}.{image}", picture(i % CLASSES, seed + i)))]


def with_others(members: list[Member], other: str) -> list[Member]:
    """A second member behind each picture, `other` instead of its suffix."""
    return [m for name, data in members for m in ((name, data), (name[:-4] + other, picture(0, 1)))[:1 + name.endswith("png")]]


def with_mac_files(members: list[Member]) -> list[Member]:
    return [m for name, data in members for m in (("._" + name, b"\0\5\x16\7" + b"\0" * 60), (name, data))]


# name: train shards, test shards
LAYOUTS: dict[str, tuple[list[list[Member]], list[list[Member]]]] = {
    "plain": ([samples(24)], [samples(36, seed=500)]),
    "same_names_in_every_shard": ([samples(24)], [samples(24, seed=500), samples(12, seed=600)]),
    "masks": ([with_others(samples(24), ".seg.png")], [with_others(samples(36, seed=500), ".seg.png")]),
    "mac": ([with_mac_files(samples(24))], [with_mac_files(samples(36, seed=500))]),
    "capitals": ([samples(24, image="PNG")], [samples(36, image="PNG", label="CLS", seed=500)]),
    "dot_in_folder": ([samples(24, key="run.2/s{:05}")], [samples(36, key="./run.2/s{:05}", seed=500)]),
    "blanks": ([samples(24, blanks=" {} \r\n")], [samples(36, blanks="{}\n", seed=500)]),
    "long_names": ([samples(24, key="a" * 120 + "/s{:05}")], [samples(36, key="ü" * 30 + "/s{:05}", seed=500)]),
}
TEMPLATES = ["a photo of a {c}.", "a {c}, the {c} kind", "art of {c} {{sic}}"]


def captions(i: int) -> str:
    return "".join(f"drawing {i} in {NAMES[i % CLASSES]} way {j}\n" for j in range(1 + i * 5 % 6))


RETRIEVAL = {
    "captions": ([[(f"p{i:03}.png", picture(i % CLASSES, i)), (f"p{i:03}.txt", captions(i).encode())] for i in range(40)], "retrieval\n"),
    "captions_capitals": ([[(f"p.1/q{i:03}.PNG", picture(i % CLASSES, i)), (f"p.1/q{i:03}.txt", captions(i).strip().encode())]
                           for i in range(40)], "Retrieval \n"),
}


def write_tar(path: Path, members: list[Member]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def write_split(folder: Path, shards: list[list[Member]]) -> None:
    for i, members in enumerate(shards):
        write_tar(folder / f"{i}.tar", members)
    (folder / "nshards.txt").write_text(f"{len(shards)}\n")


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    for name, (train, test) in LAYOUTS.items():
        write_split(folder / name / "train", train)
        write_split(folder / name / "test", test)
        (folder / name / "classnames.txt").write_text("\n".join(NAMES) + "\n")
        (folder / name / "zeroshot_classification_templates.txt").write_text("\n".join(TEMPLATES) + "\n")
    for name, (pairs, kind) in RETRIEVAL.items():
        write_split(folder / name / "test", [[m for pair in pairs[:25] for m in pair], [m for pair in pairs[25:] for m in pair]])
        (folder / name / "dataset_type.txt").write_text(kind)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, Path]:
    """A small open_clip model and its file."""
    torch.manual_seed(0)
    made = open_clip.model.CLIP(64, open_clip.model.CLIPVisionCfg(image_size=32, layers=2, width=128, head_width=64, patch_size=8),
                                open_clip.model.CLIPTextCfg(context_length=77, vocab_size=49408, width=128, heads=2, layers=2)).eval()
    with torch.no_grad():  # larger weights than at initialisation, so that pictures and texts differ
        for name, weight in made.named_parameters():
            if weight.ndim > 1 and "embedding" not in name:
                weight.mul_(2)
    file = tmp_path_factory.mktemp("model") / "small.pt"
    torch.save(made.state_dict(), file)
    return made, file


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """CLIP_benchmark's modules, importable."""
    folder = tmp_path_factory.mktemp("clip_benchmark")
    zipfile.ZipFile(WHEEL).extractall(folder)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def loader(folder: Path, captioned: bool):
    from clip_benchmark.datasets import builder
    transform = open_clip.transform.image_transform(32, is_train=False, mean=open_clip.OPENAI_DATASET_MEAN, std=open_clip.OPENAI_DATASET_STD)
    dataset = builder.build_wds_dataset(folder.name, transform, "test", str(folder))
    collate = builder.image_captions_collate_fn if captioned else None
    made = torch.utils.data.DataLoader(dataset, batch_size=16, num_workers=0, collate_fn=collate)
    return made, dataset


def test_runs_give_clip_benchmarks_predictions_and_scores(project: Project, sets: Path, model, peer: Path):  # noqa: F811
    from clip_benchmark.metrics import zeroshot_classification, zeroshot_retrieval
    network, file = model
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    common = ["--model.files", str(file), "--model.like", "open_clip", "--data-root", str(sets), "--smoke", "false"]
    done = project.run("run", "zero_shot_vs_probe/smoke", *common, "--eval.datasets", ",".join(LAYOUTS), "--zero_shot_vs_probe.extra_datasets", "")
    assert done.returncode == 0, done.stderr
    records, arrays = {}, {}
    with h5py.File(Path(done.stdout.strip().splitlines()[-1]) / "zero_shot_vs_probe.h5") as results:
        table = {column: results["records"][column][:] for column in ("dataset", "model", "method", "metric", "value")}
        for dataset, name, method, metric, value in zip(*table.values(), strict=True):
            if method == b"zero-shot":
                records[dataset.decode(), metric.decode()] = value
        def keep(name: str, node: h5py.HLObject) -> None:
            params = node.attrs.get("params")
            if params is not None and isinstance(node, h5py.Dataset):
                known = json.loads(params)
                if known.get("kind") == "scores" and known.get("method") == "zero-shot":
                    columns = [c.decode() if isinstance(c, bytes) else c for c in node.attrs["columns"]]
                    arrays[known["dataset"]] = (columns, node[:])
        results.visititems(keep)
    for name in LAYOUTS:
        batches, dataset = loader(sets / name, captioned=False)
        classifier = zeroshot_classification.zero_shot_classifier(network, tokenizer, dataset.classes, dataset.templates, "cpu", amp=False)
        logits, target = zeroshot_classification.run_classification(network, classifier, batches, "cpu", amp=False)
        best = logits.topk(2).values
        assert (best[:, 0] - best[:, 1]).min() > LIKE_LOGITS, f"{name}: draw other data, a picture lies between two classes"
        columns, values = arrays[name]
        assert values[:, columns.index("label")].tolist() == target.tolist(), name
        assert values[:, columns.index("predicted")].tolist() == logits.argmax(1).tolist(), name
        # Its accuracy() stops with NumPy from 2.4 on: the share of rows with the target among the first k of its own logits.
        top1, top5 = ((logits.topk(k).indices == target[:, None]).any(1).double().mean().item() for k in (1, 5))
        balanced = zeroshot_classification.balanced_accuracy_score(target, logits.argmax(1))
        assert records[name, "top1"] == pytest.approx(top1, abs=1e-12), name
        assert records[name, "top5"] == pytest.approx(top5, abs=1e-12), name
        assert records[name, "mean_per_class"] == pytest.approx(balanced, abs=1e-12), name
    assert len({tuple(values[:, 2]) for _, values in arrays.values()}) > 1, "all layouts hold the same predictions"

    done = project.run("run", "retrieval/smoke", *common, "--retrieval.sets", ",".join(RETRIEVAL), "--retrieval.split", "test", "--retrieval.captions", "10",
                       "--retrieval.prefix", "")
    assert done.returncode == 0, done.stderr
    ours = {}
    with h5py.File(Path(done.stdout.strip().splitlines()[-1]) / "retrieval.h5") as results:
        for dataset, method, metric, params, value in zip(*(results["records"][c][:] for c in ("dataset", "method", "metric", "params", "value")), strict=True):
            if method == b"zero-shot":
                ours[dataset.decode(), metric.decode(), json.loads(params)["direction"]] = value
    for name in RETRIEVAL:
        batches, _ = loader(sets / name, captioned=True)
        theirs = zeroshot_retrieval.evaluate(network, batches, tokenizer, "cpu", amp=False, recall_k_list=[1, 5, 10])
        for k in (1, 5, 10):
            # float32 means of whole numbers over fewer than 200 rows: 200 * 2^-24 = 1.2e-5
            assert ours[name, f"recall{k}", "text-to-image"] == pytest.approx(theirs[f"image_retrieval_recall@{k}"], abs=2e-5), (name, k)
            assert ours[name, f"recall{k}", "image-to-text"] == pytest.approx(theirs[f"text_retrieval_recall@{k}"], abs=2e-5), (name, k)
        assert 0 < theirs["image_retrieval_recall@5"] < 1
