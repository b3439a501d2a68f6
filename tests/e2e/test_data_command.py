"""`cliplab data ...` as a user types it, on small folders written here."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BINARY = os.environ.get("CLIPLAB_BIN")
pytestmark = pytest.mark.skipif(not BINARY, reason="CLIPLAB_BIN does not name the cliplab binary")
ROOT = Path(__file__).resolve().parents[2]


def data(root, *words, cwd=None):
    environment = {**os.environ, "CLIPLAB_ROOT": str(ROOT), "CLIPLAB_DATA_ROOT": str(root)}
    return subprocess.run([BINARY, "data", *words], capture_output=True, text=True, env=environment, timeout=120, cwd=cwd)


@pytest.fixture
def tree(tmp_path):
    for split, count in (("train", 3), ("test", 2)):
        for label in ("cat", "dog"):
            for i in range(count):
                target = tmp_path / "pets_here" / split / label / f"{i}.png"
                target.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.full((20, 30, 3), 40 * i + 5 * (label == "dog"), np.uint8)).save(target)
    return tmp_path


def test_a_folder_is_listed_described_verified_and_shown(tree):
    assert "other folders there: pets_here" in data(tree, "list").stdout
    described = data(tree, "describe", "pets_here").stdout
    assert "train 6 (3 a class)" in described and "test 4 (2 a class)" in described
    assert data(tree, "verify", "pets_here", "--decode", "true").stdout == "pets_here: whole\n"
    shown = data(tree, "show", "pets_here", cwd=tree)
    assert shown.stdout == "pets_here-test.png: 4 pictures of pets_here/test\n", shown.stderr
    assert Image.open(tree / "pets_here-test.png").size == (256, 256)  # two by two tiles of 128


def test_damage_is_named_and_the_exit_says_so(tree):
    (tree / "pets_here/test/dog/1.png").write_bytes(b"\x89PNG cut")
    done = data(tree, "verify", "pets_here", "--decode", "true")
    assert done.returncode == 1 and "test/dog/1.png" in done.stdout and "pets_here: 1 problems" in done.stdout


def test_a_set_with_only_training_pictures_shows_them(tree):
    (tree / "pets_here/test").rename(tree / "elsewhere")
    assert "6 pictures of pets_here/train" in data(tree, "show", "pets_here", cwd=tree).stdout


def test_captions_are_broken_into_lines_and_take_their_room(tree):
    """The picture's tile becomes lower by the lines of the longest label: white below, text in it."""
    folder = tree / "captioned"
    folder.mkdir()
    Image.new("RGB", (100, 100), (255, 0, 0)).save(folder / "a.png")
    for caption, lines in (("a dog", 1), ("a brown dog that runs over a field", 2), ("a brown dog that runs over a very wide field of grass", 3)):
        (folder / "captions.tsv").write_text(f"path\tsplit\tcaption_no\tcaption\na.png\ttest\t0\t{caption}\n")
        assert data(tree, "show", "captioned", "--out", str(tree / "sheet.png")).returncode == 0
        sheet = np.asarray(Image.open(tree / "sheet.png"))
        red = (sheet == (255, 0, 0)).all(axis=2).any(axis=1)
        assert red.sum() == 128 - 12 * lines - 6
        text = (sheet[128 - 12 * lines - 4:] < 128).any(axis=(1, 2))
        assert sum(text[i] and not text[i - 1] for i in range(1, len(text))) == lines
