"""`cliplab debug tokenize` against open_clip's SimpleTokenizer, live: captions, prompts, entities, every code point.

CLIPLAB_BIN names the binary; CLIPLAB_SHARED the folder with datasets/ (default: beside the project). What is missing
is skipped aloud. Known difference: ftfy's repair of mojibake is not reproduced, so the oracle runs without it where a
text is not real (fix_encoding=False, nothing else); real captions face the whole oracle.
"""

import csv
import os
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CLIPLAB_SHARED", ROOT.parent / "shared"))
BINARY = os.environ.get("CLIPLAB_BIN")
sys.path.insert(0, str(ROOT / "tests" / "golden"))
pytestmark = pytest.mark.skipif(not BINARY, reason="CLIPLAB_BIN does not name the cliplab binary")


@pytest.fixture(scope="module")
def oracle():
    module = pytest.importorskip("open_clip.tokenizer", reason="open_clip_torch is not installed")
    return module.SimpleTokenizer()


@pytest.fixture
def no_mojibake_repair(monkeypatch):
    import ftfy

    original = ftfy.fix_text
    monkeypatch.setattr(ftfy, "fix_text", lambda text: original(text, fix_encoding=False))


def tokenized(data):
    done = subprocess.run([BINARY, "debug", "tokenize"], input=data, capture_output=True, timeout=600,
                          env={**os.environ, "CLIPLAB_ROOT": str(ROOT)})
    assert done.returncode == 0, done.stderr.decode()
    return [[int(i) for i in line.split()] for line in done.stdout.decode().splitlines()]


def ours(texts):
    assert not any("\n" in text for text in texts)
    return tokenized("".join(text + "\n" for text in texts).encode("utf-8"))


def theirs(oracle, texts):
    result = []
    for text in texts:
        ids = [oracle.sot_token_id, *oracle.encode(text), oracle.eot_token_id]
        result.append(ids if len(ids) <= 77 else [*ids[:76], oracle.eot_token_id])
    return result


def assert_same(oracle, texts):
    """All texts at once; the message shows the first few that differ."""
    mine, other = ours(texts), theirs(oracle, texts)
    assert len(mine) == len(other) == len(texts)
    wrong = [(t, a, b) for t, a, b in zip(texts, mine, other) if a != b]
    shown = "\n".join(f"{ascii(t)}\n  ours   {a}\n  oracle {b}" for t, a, b in wrong[:5])
    assert not wrong, f"{len(wrong)} of {len(texts)} differ:\n{shown}"


def test_ten_thousand_flickr_captions(oracle):
    file = SHARED / "datasets" / "flickr8k_224_q80" / "captions.tsv"
    if not file.exists():
        pytest.skip(f"no {file}; set CLIPLAB_SHARED")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        captions = [row["caption"] for row in rows]
    assert len(captions) >= 10_000
    # All non-ASCII ones and enough of the others.
    special = [c for c in captions if not c.isascii()]
    assert_same(oracle, (special + [c for c in captions if c.isascii()])[:10_000])


def test_truncation_equals_the_call_of_the_oracle(oracle):
    texts = [" ".join(["word"] * n) for n in (74, 75, 76, 77, 200)] + ["x" * 5000, "", "   "]
    for ids, row in zip(ours(texts), oracle(texts).tolist()):
        assert ids == row[: len(ids)] and not any(row[len(ids):])


def test_examples_of_every_rule(oracle, no_mojibake_repair):
    from make_tokenizer_golden import EXAMPLES

    assert_same(oracle, [text for text in EXAMPLES if "\n" not in text])


def test_html_entities_are_all_known(oracle, no_mojibake_repair):
    import html.entities

    names = sorted(html.entities.html5)
    texts = [f"a &{name} b" for name in names] + [f"&{name}x1" for name in names if not name.endswith(";")]
    texts += [f"P&{name.upper()}Q" for name in names] + [f"< &{name}" for name in names]
    assert_same(oracle, texts)


def test_entity_table_is_the_one_of_this_python():
    subprocess.run([sys.executable, ROOT / "data" / "make_html_entities.py", "--check"], check=True)


def agreed_code_points():
    """Assigned in this Python's Unicode and of one class in the regex module too; surrogates and newline left out."""
    import regex

    letter, number = regex.compile(r"\p{L}"), regex.compile(r"\p{N}")
    for code in range(0x110000):
        char = chr(code)
        category = unicodedata.category(char)
        if category in ("Cs", "Cn") or code == 0x0A:
            continue
        if bool(letter.match(char)) == (category[0] == "L") and bool(number.match(char)) == (category[0] == "N"):
            yield char


def test_invalid_utf8_is_replaced_as_python_does(oracle, no_mojibake_repair):
    rng = random.Random(5)
    pool = [0x41, 0x20, 0xC3, 0xA9, 0xE2, 0x82, 0xAC, 0xF0, 0x9F, 0x98, 0x80, 0xED, 0xA0, 0xFF, 0xC0]
    lines = [bytes(rng.choice(pool) for _ in range(rng.randrange(1, 12))) for _ in range(3000)]
    agreed = {*agreed_code_points(), "\ufffd"}
    lines = [line for line in lines if set(line.decode("utf-8", "replace")) <= agreed]
    assert len(lines) > 2000
    assert tokenized(b"".join(line + b"\n" for line in lines)) == theirs(
        oracle, [line.decode("utf-8", "replace") for line in lines])


def test_every_code_point_alone_and_in_a_word(oracle, no_mojibake_repair):
    chars = [c for c in agreed_code_points() if not 0xE000 <= ord(c) <= 0xF8FF and ord(c) < 0xF0000]
    # Ideographs and Hangul behave alike: every 16th of them.
    chars = [c for c in chars if not (0x3400 <= ord(c) < 0xD7A4 or 0x20000 <= ord(c)) or ord(c) % 16 == 0]
    assert len(chars) > 30_000
    assert_same(oracle, [f"{c} a{c}b 1{c}! A{c} {c}'s" for c in chars])


def test_random_unicode(oracle, no_mojibake_repair):
    rng = random.Random(11)
    pool = [c for c in agreed_code_points() if ord(c) < 0x3000 or 0xF900 <= ord(c) < 0x20000]
    ascii_pool = [chr(c) for c in range(32, 127)] + ["&", ";", "'", "<", "#", "&amp;", "&#39;"]
    texts = ["".join(rng.choice(ascii_pool if rng.random() < 0.5 else pool) for _ in range(rng.randrange(1, 40)))
             for _ in range(5000)]
    assert_same(oracle, [t.replace("\n", " ") for t in texts])
