"""The readers of shards, folders and tables against the programs whose users bring them: webdataset (and CLIP_benchmark's
order of pictures), torchvision's ImageFolder, pandas and Python's str.format. All inputs are written here; one process of
`cliplab_oracle readers` answers for all of them."""

import csv
import gzip
import hashlib
import io
import json
import os
import random
import struct
import subprocess
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from binaries import oracle_binary

PIL = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
pandas = pytest.importorskip("pandas", reason="pandas is not installed")
wds = pytest.importorskip("webdataset", reason="webdataset is not installed")
datasets = pytest.importorskip("torchvision.datasets", reason="torchvision is not installed")
ROOT = Path(__file__).resolve().parents[2]
NAMES = ["snake_case red", "green", "{blue}"]
TEMPLATES = ["a photo of a {c}, the {c} kind.", "{{art}} of {c}", "no place"]


def picture(seed: int, kind: str = "PNG") -> bytes:
    image, out = PIL.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 11, 3), dtype=np.uint8)), io.BytesIO()
    image.save(out, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return out.getvalue()


def digest(image) -> str:
    pixels = np.asarray(image.convert("RGB"))
    return f"{pixels.shape[0]} {pixels.shape[1]} {hashlib.sha256(pixels.tobytes()).hexdigest()}"


def pixels_of(data: bytes) -> str:
    return digest(PIL.open(io.BytesIO(data)))


def write(path: Path, data: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def tar(path: Path, members: list[tuple[str, bytes | str]], mode: str = "w", form: int = tarfile.USTAR_FORMAT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode, format=form) as archive:
        for name, content in members:
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def samples(count: int, key: str = "s{:03}", image: str = "png", label: str = "cls", text: str = "{}\n", seed: int = 0):
    kinds = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}
    for i in range(count):
        yield key.format(i) + "." + label, text.format(i % 3)
        yield key.format(i) + "." + image, picture(seed + i, kinds[image.lower()])


def npy(values: list, kind: str) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array(values, kind))
    return out.getvalue()


MASK = picture(99)
# Members of one shard, or of several; what is not "w" is another way of writing the tar.
SHARDS: dict[str, list] = {
    "plain": [list(samples(7))],
    "mac": [[x for n, d in samples(7) for x in (("._" + n, b"\0\5\26\7" * 20), (n, d))]],
    "mask": [[x for n, d in samples(7) for x in ([(n, d), (n[:-4] + ".seg.png", MASK)] if n.endswith("png") else [(n, d)])]],
    "others": [[x for n, d in samples(7) for x in ([("__meta__", "x"), (n, d), (n[:-4] + ".json", "{}")] if n.endswith("png") else [(n, d)])]],
    "dots": [list(samples(5, key="a.b/s{:03}"))],
    "capitals": [list(samples(5, image="PNG", label="CLS"))],
    "jpeg": [list(samples(5, image="JPEG"))],
    "webp": [list(samples(5, image="webp"))],
    "two_shards": [list(samples(4)), list(samples(4, seed=50))],
    "same_key_again": [[*samples(2), *samples(2, seed=20)]],
    "two_pictures": [[("s.jpg", picture(1, "JPEG")), ("s.png", picture(2)), ("s.cls", "1")]],
    "blanks": [list(samples(5, text=" {} \r\n"))],
    "signs": [list(samples(5, text="\t+{}"))],
    "many": [list(samples(1, seed=i)) for i in range(12)],  # 10.tar after 9.tar
}
WAYS = {"gz": ("w:gz", ".tar.gz"), "tgz": ("w:gz", ".tgz"), "xz": ("w:xz", ".tar.xz"), "bz2": ("w:bz2", ".tar.bz2")}
LONG = {"pax": (tarfile.PAX_FORMAT, "é" * 30 + "/s{:03}"), "gnu": (tarfile.GNU_FORMAT, "b" * 150 + "/s{:03}")}
CAPTIONS = [("a.txt", "one\r\ntwo\n"), ("a.png", picture(1)), ("b.TXT", "été 日本\x85second"), ("b.png", picture(2))]
FOLDERS = {  # folder -> (tree of splits in it, where our "train" and "test" lie)
    "capital": ("Train", "Test"), "training": ("training", "testing"), "sets": ("Training set", "test_set"),
    "years": ("train2017", "val2017"), "coop": ("images/train", "images/val"), "deep": ("a/b/TRAIN", "a/b/EVAL"),
    "names": ("train", "test"), "dev": ("trn", "dev")}
CLASSES = ["n01", "n02", "n10"]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("readers")
    for name, shards in SHARDS.items():
        for i, members in enumerate(shards):
            tar(root / name / "test" / f"{i}.tar", members)
    for name, (mode, ending) in WAYS.items():
        tar(root / name / "test" / f"0{ending}", list(samples(4)), mode)
    for name, (form, key) in LONG.items():
        tar(root / name / "test" / "0.tar", list(samples(3, key=key)), form=form)
    for name in (*SHARDS, *WAYS, *LONG):
        write(root / name / "classnames.txt", "\n".join(NAMES) + "\n")
        write(root / name / "zeroshot_classification_templates.txt", "\n".join(TEMPLATES) + "\n")
    tar(root / "several" / "test" / "0.tar", [x for i, kind in enumerate(("<i8", ">i4", "?", "<f4", "u1"))
                                               for x in ((f"{i}.npy", npy([i % 2, 1, i % 3 == 0], kind)), (f"{i}.png", picture(i)))])
    write(root / "several" / "dataset_type.txt", "Multilabel \n")
    write(root / "several" / "classnames.txt", "\n".join(NAMES))
    tar(root / "captions" / "test" / "0.tar", CAPTIONS)
    write(root / "captions" / "dataset_type.txt", " Retrieval\n")
    tar(root / "pairs.tar", [x for i in range(6) for x in ((f"d.d/{i}.x.png", MASK), (f"d.d/{i}.TXT", f"caption {i}\n"), (f"d.d/{i}.jpg", picture(i, "JPEG")),
                                                            (f"d.d/{i}.png", MASK), (f"._{i}.png", b"junk"), (f"d.d/{i}.cls", str(i)))])
    for folder, splits in FOLDERS.items():
        for s, split in enumerate(splits):
            for c, name in enumerate(CLASSES):
                for i in range(2):
                    write(root / folder / split / name / "deep" / f"{i}.PNG", picture(100 * s + 10 * c + i))
    write(root / "coop" / "classnames.txt", "\ufeffn01 tench\r\nn10 great_white shark\r\nn02 goldfish\r\nn99 other\r\n")
    write(root / "names" / "classnames.txt", "tench\ngoldfish\nshark\n")
    for name in ("Train/1.png", "Test/2.png"):
        write(root / "no_classes" / name, picture(1))
    for name in ("cat/train/1.png", "cat/test/2.png", "dog/train/3.png", "dog/test/4.png"):
        write(root / "inner_splits" / name, picture(1))
    for name in ("train/1.png", "bus/2.png", "car/3.png"):  # vehicles: no split
        write(root / "vehicles" / name, picture(1))
    for name, text in TABLES.items():
        write(root / "tables" / name, text)
    captioned(root / "table", "tsv", "\t", "\r\n")
    captioned(root / "comma", "csv", ",", "\n")
    captioned(root / "semicolon", "csv", ";", "\n")
    for s, count in (("train", 6), ("t10k", 4)):
        values = np.random.default_rng(count).integers(0, 256, (count, 5, 4), dtype=np.uint8)
        images, labels = idx(values), idx(np.arange(count, dtype=np.uint8) % 3)
        for folder, mark, inner, pack in (("idx", "-", "", False), ("dots", ".", "", False), ("packed", ".", "", True), ("raw", "-", "raw/", True)):
            for kind, data, sides in (("images", images, 3), ("labels", labels, 1)):
                name = f"{inner}{s}-{kind}{mark}idx{sides}-ubyte" + (".gz" if pack else "")
                write(root / ("idx_" + folder) / name, gzip.compress(data) if pack else data)
    (root / "idx_dots" / "train-images-idx3-ubyte").mkdir()  # as Kaggle's archive has it
    return root


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + b"".join(struct.pack(">I", side) for side in values.shape) + values.tobytes()


def captioned(folder: Path, ending: str, separator: str, newline: str) -> None:
    """A table of captions with all that has to be quoted; picture 3 has no caption."""
    texts = ['plain', 'with "quotes"', f"with {separator} in it", "two\nlines", "été; 日本, ok"]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=newline)
    writer.writerow(["path", "split", "caption_no", "caption"])
    for i in range(5):
        write(folder / f"pics/{i}.png", picture(i))
        if i != 3:
            writer.writerow([f"pics/{i}.png", "Testing", 0, texts[i]])
            writer.writerow([f"pics/{i}.png", "Testing", 1, f"{texts[i]} again"])
    write(folder / f"captions.{ending}", "\ufeff" + out.getvalue())


TABLES = {
    "bom.tsv": "\ufeffa\tb\tc\n1\t2\t3\n", "crlf.csv": "a,b,c\r\n1,2,3\r\n\r\n4,5,6\r\n", "cr.csv": "a,b,c\r1,2,3\r4,5,6",
    "quotes.csv": 'a,b,c\n"x, y","say ""hi""","two\nlines"\nin"side,"ab"cd,"e"\n', "semicolon.csv": "a;b;c\n1,5;2;3\n",
    "blank.tsv": "a\tb\tc\n\n  \n1\t2\t3\n \t \t \n", "no_end.csv": "a,b,c\n1,2,3"}


def random_tables(count: int) -> list[tuple[str, str]]:
    rng, tables = random.Random(4), []
    for i in range(count):
        separator = ",;\t"[i % 3]
        text = separator.join(["path", "split", "value"]) + rng.choice(["\n", "\r\n", "\r"])
        for _ in range(rng.randrange(1, 5)):
            fields = ["".join(rng.choice('ab " ,;\tx"') for _ in range(rng.randrange(5))) for _ in range(3)]
            quoted = ['"' + f.replace('"', '""') + rng.choice(["", "\n", "\r\n"]) + '"' if rng.random() < 0.6 else f.replace(separator, "") for f in fields]
            text += separator.join(quoted) + rng.choice(["\n", "\r\n", "\r", "\n\n"])
        tables.append((separator, text))
    return tables


@pytest.fixture(scope="module")
def answers(root: Path) -> dict:
    random_files = []
    for i, (_, text) in enumerate(random_tables(300)):
        write(root / "random" / f"{i}.csv", text)
        random_files.append(f"table:{root / 'random' / f'{i}.csv'}")
    names = [*SHARDS, *WAYS, *LONG, "several", "captions", *FOLDERS, "no_classes", "inner_splits", "vehicles", "table", "comma",
             "semicolon", "idx_idx", "idx_dots", "idx_packed", "idx_raw"]
    words = ["set:" + name for name in names] + [f"table:{root / 'tables' / name}" for name in TABLES] + random_files
    words += [f"stream:{root}/pairs.tar", f"stream:{root}/plain/test", f"stream:{root}/captions/test/0.tar"]
    environment = {**os.environ, "CLIPLAB_ROOT": str(ROOT), "CLIPLAB_DATA_ROOT": str(root)}
    done = subprocess.run([oracle_binary(), "readers", *words], capture_output=True, env=environment, timeout=300, check=True)
    lines = done.stdout.decode().split("\n")[:-1]  # a caption may hold the line ends of splitlines
    assert len(lines) == len(words)
    return {"notices": done.stderr.decode(), **{word: json.loads(line) for word, line in zip(words, lines)}}


def theirs(root: Path, name: str, pictures: list[str], text: str):
    """Samples as webdataset gives them; those without a picture or an answer are passed over."""
    shards = sorted((root / name / "test").iterdir(), key=lambda path: (len(path.name), path.name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = wds.WebDataset([str(shard) for shard in shards], shardshuffle=False).decode(wds.autodecode.ImageHandler("pil", extensions=["webp", "png", "jpg", "jpeg"]))
        return [(key.removeprefix("./"), digest(image), answer) for key, image, answer in data.to_tuple("__key__", pictures, text, handler=wds.ignore_and_continue)]


@pytest.mark.parametrize("name", [*SHARDS, *WAYS, *LONG])
def test_shards_are_webdatasets(root: Path, answers: dict, name: str) -> None:
    answer = answers["set:" + name]
    expected = theirs(root, name, ["webp", "png", "jpg", "jpeg"], "cls")
    assert len(expected) == sum(n.lower().endswith(".cls") and not n.startswith("._") for members in SHARDS.get(name, []) for n, _ in members) or name not in SHARDS
    found = [(sample["key"], sample["pixels"], sample["label"]) for sample in answer["splits"]["test"]]
    assert [(key[: len(theirs_key)], *rest) for (key, *rest), (theirs_key, *_) in zip(found, expected)] == expected
    assert len(found) == len(expected) > 0
    assert answer["prompts"] == [[text.format(c=name) for text in TEMPLATES] for name in NAMES]


def test_several_labels_and_captions_are_webdatasets(root: Path, answers: dict) -> None:
    found = [(s["pixels"], s["targets"]) for s in answers["set:several"]["splits"]["test"]]
    assert found == [(pixels, [1 if value > 0 else -1 for value in row]) for _, pixels, row in theirs(root, "several", ["png"], "npy")]
    found = [(s["pixels"], s["captions"]) for s in answers["set:captions"]["splits"]["test"]]
    assert found == [(pixels, text.splitlines()) for _, pixels, text in theirs(root, "captions", ["png"], "txt")]


def test_training_pairs_are_open_clips(root: Path, answers: dict) -> None:
    """open_clip takes jpg before png and the text of .txt alone (open_clip_train/data.py `get_wds_dataset`)."""
    answer = answers[f"stream:{root}/pairs.tar"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = wds.WebDataset([f"{root}/pairs.tar"], shardshuffle=False).decode("pilrgb", handler=wds.ignore_and_continue).rename(image="jpg;png;jpeg;webp", text="txt", keep=True)
        expected = [{"key": s["__key__"], "text": s["text"].rstrip("\n"), "pixels": digest(s["image"])} for s in data]
    assert answer["samples"] == expected and len(expected) == 6 and answer["bad"] == 0
    assert "a class number (.cls) and no caption" in answers[f"stream:{root}/plain/test"]["error"]
    assert [s["key"] for s in answers[f"stream:{root}/captions/test/0.tar"]["samples"]] == ["a", "b"]


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_are_torchvisions(root: Path, answers: dict, name: str) -> None:
    answer = answers["set:" + name]
    held = "validation" if name in ("years", "coop", "dev") else "test"  # what is held out stands in for a test set
    assert set(answer["splits"]) - {held} == ({"train", "test"} - {held})
    for folder, split in zip(FOLDERS[name], ("train", "test")):
        reference = datasets.ImageFolder(root / name / folder)
        expected = [(str(Path(path).relative_to(root / name)), reference.classes[label], digest(reference.loader(path))) for path, label in reference.samples]
        assert [(s["key"], s["class"], s["pixels"]) for s in answer["splits"][split]] == expected
        assert len(expected) == 6
    names = ["tench", "goldfish", "great_white shark"] if name == "coop" else CLASSES
    assert answer["prompts"] == [[f"a photo of a {text}."] for text in names]
    assert ("names/classnames.txt is not used: no line begins with the class folder 'n01'" in answers["notices"])


def test_names_of_splits_are_no_classes(answers: dict) -> None:
    assert "pictures right in Test, Train, in no class folder" in answers["set:no_classes"]["error"]
    assert "splits below each of cat, dog" in answers["set:inner_splits"]["error"]
    assert sorted(s["class"] for s in answers["set:vehicles"]["splits"]["test"]) == ["bus", "car", "train"]


@pytest.mark.parametrize(("name", "ending", "separator"), [("table", "tsv", "\t"), ("comma", "csv", ","), ("semicolon", "csv", ";")])
def test_captions_are_pandas(root: Path, answers: dict, name: str, ending: str, separator: str) -> None:
    table = pandas.read_csv(root / name / f"captions.{ending}", sep=separator)
    expected = {path: list(rows.caption) for path, rows in table.groupby("path", sort=False)}
    found = answers["set:" + name]["splits"]["test"]
    assert {s["key"]: s["captions"] for s in found} == expected and len(expected) == 4
    assert [s["pixels"] for s in found] == [pixels_of((root / name / path).read_bytes()) for path in expected]
    assert f"{name}: 1 pictures without a caption left out, the first pics/3.png" in answers["notices"]


def frame_of(source, separator: str) -> list[list[str]]:
    frame = pandas.read_csv(source, sep=separator, header=None, dtype=str, keep_default_na=False)
    return [["" if not isinstance(value, str) else value for value in row] for row in frame.values.tolist()]


def test_tables_are_pandas(root: Path, answers: dict) -> None:
    for name, text in TABLES.items():
        assert answers[f"table:{root / 'tables' / name}"]["rows"] == frame_of(root / "tables" / name, {"tsv": "\t"}.get(name[-3:], ";" if "semi" in name else ",")), text
    compared = 0
    for i, (separator, text) in enumerate(random_tables(300)):
        answer = answers[f"table:{root / 'random' / f'{i}.csv'}"]
        try:
            expected = frame_of(root / "random" / f"{i}.csv", separator)
        except pandas.errors.ParserError:  # more fields in a line than in the first, or a quote without an end
            assert "error" in answer or any(len(row) > 3 for row in answer["rows"]), text
            continue
        assert [row + [""] * (3 - len(row)) for row in answer["rows"]] == expected, text
        compared += 1
    assert compared > 100


def test_idx_files_have_several_names(answers: dict) -> None:
    plain = answers["set:idx_idx"]["splits"]
    assert [len(plain[split]) for split in ("train", "test")] == [6, 4]
    for other in ("dots", "packed", "raw"):
        splits = answers["set:idx_" + other]["splits"]
        assert {s: [(x["label"], x["pixels"]) for x in splits[s]] for s in splits} == {s: [(x["label"], x["pixels"]) for x in plain[s]] for s in plain}
