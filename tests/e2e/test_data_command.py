"""`cliplab data ...` as a user types it, on small folders written here."""

import csv
import io
import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from binaries import cliplab_binary
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def data(root, *words, cwd=None):
    environment = {**os.environ, "CLIPLAB_ROOT": str(ROOT), "CLIPLAB_DATA_ROOT": str(root)}
    return subprocess.run([cliplab_binary(), "data", *words], capture_output=True, text=True, env=environment, timeout=120, cwd=cwd)


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


def test_what_is_left_out_is_a_notice_and_no_damage(tree):
    Image.new("RGB", (10, 10)).save(tree / "pets_here/lost.png")
    (tree / "pets_here/captions.csv").write_text('\ufeffpath,split,caption_no,caption\r\ntest/dog/1.png,Testing,0,"a dog, here"\r\n')
    done = data(tree, "verify", "pets_here")
    assert done.returncode == 0 and done.stdout.endswith("pets_here: whole\n")
    assert done.stdout.startswith("notice: ") and "10 pictures without a caption left out, the first lost.png" in done.stdout


def test_a_pipe_in_the_place_of_a_file_is_an_error_at_once(tree):
    """Links to a pipe and to an endless device too; the time-out of `data` is what fails."""
    os.mkfifo(tree / "pipe")
    for name, target, found in (("labels.tsv", "pipe", "a named pipe"), ("captions.csv", "/dev/zero", "a device"), ("classnames.txt", "pipe", "a named pipe")):
        file = tree / "pets_here" / name
        file.symlink_to(tree / target)
        assert f"{file}: {found}, expected a regular file" in data(tree, "verify", "pets_here").stderr
        file.unlink()


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


def test_duplicates_between_two_sets_are_listed_counted_and_shown(tree):
    rng = np.random.default_rng(3)

    def scene():  # smooth, unlike any other
        return Image.fromarray(rng.integers(0, 230, (6, 8, 3), dtype=np.uint8)).resize((80, 60), Image.Resampling.BICUBIC)

    scenes = [scene() for _ in range(6)]
    for name, chosen in (("mine", scenes[:4]), ("theirs", scenes[3:])):
        (tree / name / "test" / "any").mkdir(parents=True)
        for i, image in enumerate(chosen):
            image.save(tree / name / "test" / "any" / f'{i},".png')
    scenes[0].resize((40, 30), Image.Resampling.BICUBIC).save(tree / "theirs" / "test" / "any" / "small.jpg", quality=85)
    done = data(tree, "duplicates", "mine", "theirs:test", "--csv", str(tree / "pairs.csv"), "--out", str(tree / "pairs.png"))
    assert done.returncode == 0, done.stderr
    assert 'test/any/3,".png  test/any/0,".png  same pixels' in done.stdout
    assert "2 pictures of the first in 2 pairs, 1 of the same pixels; 0 unreadable" in done.stdout
    rows = list(csv.DictReader((tree / "pairs.csv").open()))
    assert [(row["first"], row["second"], row["exact"]) for row in rows] == [
        ('test/any/0,".png', "test/any/small.jpg", "0"), ('test/any/3,".png', 'test/any/0,".png', "1")]
    assert Image.open(tree / "pairs.png").size == (256, 256)  # four tiles
    assert "one name, expected two of" in data(tree, "duplicates", "mine").stderr
    assert "nothing of that name" in data(tree, "duplicates", "mine", "absent").stderr or data(tree, "duplicates", "mine", "absent").returncode == 1


def test_copies_of_photos_are_found_and_other_photos_are_not(tree):
    archive = Path(os.environ.get("CLIPLAB_SHARED", ROOT.parent / "shared")) / "datasets" / "flickr8k_224_q80" / "images.tar.gz"
    if not archive.exists():
        pytest.skip(f"{archive} is absent: no photos")
    for name in ("photos", "copies"):
        (tree / name / "test" / "any").mkdir(parents=True)
    with tarfile.open(archive) as tar:
        members = [member for member, _ in zip((m for m in tar if m.name.endswith(".jpg")), range(300))]
        for i, member in enumerate(members):
            photo, name = Image.open(io.BytesIO(tar.extractfile(member).read())), f"{i}.jpg"
            photo.save(tree / "photos" / "test" / "any" / name, quality=90)
            if i % 3 == 0:
                photo.save(tree / "copies" / "test" / "any" / name, quality=30)
            elif i % 3 == 1:
                photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.BICUBIC).save(tree / "copies" / "test" / "any" / name, quality=85)
    done = data(tree, "duplicates", "copies", "photos", "--csv", str(tree / "pairs.csv"))
    assert done.returncode == 0, done.stderr
    pairs = [(row["first"], row["second"]) for row in csv.DictReader((tree / "pairs.csv").open())]
    assert all(first == second for first, second in pairs), pairs
    assert len(pairs) >= 190  # of 200; 99 % of 1,000 were found
