"""`cliplab_oracle tokenize` against open_clip's and OpenAI's SimpleTokenizer, live: captions, names, prompts, every
code point, fuzz; `cliplab_oracle clean-text` against ftfy and the cleaning of both.

CLIPLAB_SHARED names the folder with datasets/ and reference/ (default: next to the project). What is missing is skipped
with a notice. CLIPLAB_FUZZ_INPUTS: how many wrongly decoded texts are cleaned (default 20,000; a million takes about 10
minutes). A text may differ only if it holds a character that is younger than this Python's Unicode.
"""

import csv
import functools
import gzip
import html
import importlib.metadata
import importlib.util
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import time
import unicodedata
from pathlib import Path

import pytest
from binaries import oracle_binary

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CLIPLAB_SHARED", ROOT.parent / "shared"))
sys.path.insert(0, str(ROOT / "tests" / "golden"))


@functools.cache
def open_clip_module():
    return pytest.importorskip("open_clip.tokenizer", reason="open_clip_torch is not installed")


@functools.cache
def openai_module():
    """clip/simple_tokenizer.py of openai/CLIP; by its path, because the package itself wants pkg_resources."""
    package = importlib.util.find_spec("clip")
    if package is None:
        pytest.skip("clip-anytorch, which carries OpenAI's tokenizer, is not installed")
    file = Path(package.submodule_search_locations[0]) / "simple_tokenizer.py"
    spec = importlib.util.spec_from_file_location("openai_simple_tokenizer", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def oracle_of(rules):
    return (open_clip_module() if rules == "openclip" else openai_module()).SimpleTokenizer()


@pytest.fixture(params=["openclip", "openai"])
def rules(request):
    oracle_of(request.param)
    return request.param


def run_oracle(*words, data):
    done = subprocess.run([oracle_binary(), *words], input=data, capture_output=True, timeout=3000,
                          env={**os.environ, "CLIPLAB_ROOT": str(ROOT)})
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def tokenized(data, rules="openclip"):
    """Ids of each line."""
    return [[int(i) for i in line.split()] for line in run_oracle("tokenize", rules, data=data).decode().splitlines()]


def ours(texts, rules="openclip"):
    assert not any("\n" in text for text in texts)
    return tokenized("".join(text + "\n" for text in texts).encode("utf-8"), rules)


def clean_text(mode, inputs):
    """The oracle's answer to each of the inputs, which are bytes."""
    records = run_oracle("clean-text", mode, data=b"".join(struct.pack("<I", len(i)) + i for i in inputs))
    texts, at = [], 0
    while at < len(records):
        (size,) = struct.unpack_from("<I", records, at)
        texts.append(records[at + 4:at + 4 + size].decode("utf-8"))
        at += 4 + size
    assert len(texts) == len(inputs)
    return texts


def theirs(oracle, texts):
    result = []
    for text in texts:
        ids = [49406, *oracle.encode(text), 49407]
        result.append(ids if len(ids) <= 77 else [*ids[:76], 49407])
    return result


def differing(rules, texts):
    """Texts whose ids differ, with ours and the oracle's."""
    mine, other = ours(texts, rules), theirs(oracle_of(rules), texts)
    assert len(mine) == len(other) == len(texts)
    return [(t, a, b) for t, a, b in zip(texts, mine, other) if a != b]


def share(rules, texts):
    """OpenAI's tokenizer has the same words, pattern and cleaning; it differs in the specials only: every fifth text."""
    return texts if rules == "openclip" else texts[::5]


def assert_same(rules, texts):
    """All texts at once; the message shows the first that differ."""
    wrong = differing(rules, texts)
    shown = "\n".join(f"{ascii(t)}\n  ours   {a}\n  oracle {b}" for t, a, b in wrong[:5])
    assert not wrong, f"{len(wrong)} of {len(texts)} differ:\n{shown}"


# --- real texts --------------------------------------------------------------------------------------------------------


@functools.cache
def flickr_captions():
    file = SHARED / "datasets" / "flickr8k_224_q80" / "captions.tsv"
    if not file.exists():
        pytest.skip(f"no {file}; set CLIPLAB_SHARED")
    with file.open(encoding="utf-8", newline="") as lines:
        return [row["caption"] for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]


def package_members(name, ending):
    """Texts of the files of a downloaded Debian package whose path matches `ending`."""
    files = sorted((ROOT / "data" / "downloads").glob(f"{name}_*.deb"))
    if not files or not shutil.which("dpkg-deb"):
        pytest.skip(f"no data/downloads/{name}_*.deb (or no dpkg-deb): `cliplab data fetch` a data set that uses it")
    unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", files[-1]], stdout=subprocess.PIPE)
    with unpack, tarfile.open(fileobj=unpack.stdout, mode="r|") as archive:
        for member in archive:
            if member.isfile() and re.search(ending, member.name):
                yield archive.extractfile(member).read().decode("utf-8", "replace")


@functools.cache
def tuxpaint_captions():
    """The English sentence and its translations (`de.utf8=...`)."""
    lines = [line for text in package_members("tuxpaint-stamps-default", r"\.txt$") for line in text.splitlines()]
    return list(dict.fromkeys(re.sub(r"^[\w@]+\.utf8=", "", line) for line in lines if line))


@functools.cache
def openclipart_titles():
    """Titles as they stand in the files, with their entities."""
    found = (title for text in package_members("openclipart-svg", r"\.svg$")
             for title in re.findall(r"<(?:dc:)?title[^>]*>([^<>]+)</", text))
    return list(dict.fromkeys(" ".join(title.split()) for title in found))


SCRIPTS = ["am", "ar", "el", "he", "hi", "ja", "ka", "ko", "ru", "th"]


@functools.cache
def cldr_names():
    names = []
    for text in package_members("unicode-cldr-core", rf"/annotations/({'|'.join(SCRIPTS)})\.xml$"):
        names += re.findall(r'<annotation [^>]*type="tts"[^>]*>([^<]+)<', text)
    return list(dict.fromkeys(names))


def test_every_flickr_caption(rules):
    captions = flickr_captions()
    assert len(captions) >= 40_000
    assert_same(rules, share(rules, captions))


def test_every_tux_paint_caption_in_every_language(rules):
    captions = tuxpaint_captions()
    assert len(captions) > 10_000
    assert_same(rules, share(rules, captions))


def test_openclipart_titles(rules):
    titles = openclipart_titles()
    assert len(titles) > 3000
    assert_same(rules, share(rules, titles))


def test_cldr_names_in_ten_scripts(rules):
    names = cldr_names()
    assert len(names) > 15_000
    assert_same(rules, share(rules, names))


def test_every_class_in_every_template(rules):
    file = SHARED / "reference" / "prompts.json"
    if not file.exists():
        pytest.skip(f"no {file}; set CLIPLAB_SHARED")
    prompts = [template.replace("{}", name) for data in json.loads(file.read_text(encoding="utf-8")).values()
               for names in data["classes"] for name in ([names] if isinstance(names, str) else names)
               for template in data["templates"]]
    assert len(prompts) > 100_000
    assert_same(rules, share(rules, prompts))


# --- rules -------------------------------------------------------------------------------------------------------------


def test_truncation_equals_the_call_of_the_oracle():
    texts = [" ".join(["word"] * n) for n in (74, 75, 76, 77, 200)] + ["x" * 5000, "", "   "]
    for ids, row in zip(ours(texts), oracle_of("openclip")(texts).tolist()):
        assert ids == row[: len(ids)] and not any(row[len(ids):])


def test_examples_of_every_rule(rules):
    from make_tokenizer_golden import EXAMPLES

    assert_same(rules, [text for text in EXAMPLES if "\n" not in text])


def test_two_merges_exchanged_are_noticed(tmp_path, rules):
    """The negative twin: with two neighbouring merges exchanged the oracle gives the word of the first another id."""
    module = open_clip_module() if rules == "openclip" else openai_module()
    lines = gzip.decompress(Path(module.default_bpe()).read_bytes()).decode("utf-8").split("\n")
    for start in (1, 100, 10_000, 40_000):
        rank = next(r for r in range(start, 48_894) if re.fullmatch(r"[a-z]+ [a-z]+</w>", lines[r]))
        word = lines[rank].replace(" ", "").removesuffix("</w>")
        lines[rank], lines[rank + 1] = lines[rank + 1], lines[rank]
        file = tmp_path / f"{rank}.gz"
        file.write_bytes(gzip.compress("\n".join(lines).encode("utf-8"), 1))
        lines[rank], lines[rank + 1] = lines[rank + 1], lines[rank]
        assert ours([word], rules) == theirs(oracle_of(rules), [word])
        assert ours([word], rules) != theirs(module.SimpleTokenizer(str(file)), [word]), word


def test_html_entities_are_all_known(rules):
    import html.entities

    names = sorted(html.entities.html5)
    texts = [f"a &{name} b" for name in names] + [f"&{name}x1" for name in names if not name.endswith(";")]
    texts += [f"P&{name.upper()}Q" for name in names] + [f"< &{name}" for name in names]
    assert_same(rules, texts)


def test_entity_table_is_the_one_of_this_python():
    subprocess.run([sys.executable, ROOT / "data" / "make_html_entities.py", "--check"], check=True)


# --- every code point, fuzz --------------------------------------------------------------------------------------------


@functools.cache
def agreed_code_points():
    """Assigned in this Python's Unicode and of one class in the regex module too; surrogates and newline left out."""
    import regex

    letter, number, result = regex.compile(r"\p{L}"), regex.compile(r"\p{N}"), []
    for code in range(0x110000):
        char = chr(code)
        category = unicodedata.category(char)
        if category in ("Cs", "Cn") or code == 0x0A:
            continue
        if bool(letter.match(char)) == (category[0] == "L") and bool(number.match(char)) == (category[0] == "N"):
            result.append(char)
    return result


def test_invalid_utf8_is_replaced_as_python_does():
    rng = random.Random(5)
    pool = [0x41, 0x20, 0xC3, 0xA9, 0xE2, 0x82, 0xAC, 0xF0, 0x9F, 0x98, 0x80, 0xED, 0xA0, 0xFF, 0xC0]
    lines = [bytes(rng.choice(pool) for _ in range(rng.randrange(1, 12))) for _ in range(3000)]
    agreed = {*agreed_code_points(), "\ufffd"}
    lines = [line for line in lines if set(line.decode("utf-8", "replace")) <= agreed]
    assert len(lines) > 2000
    assert tokenized(b"".join(line + b"\n" for line in lines)) == theirs(
        oracle_of("openclip"), [line.decode("utf-8", "replace") for line in lines])


def test_every_code_point_alone_and_in_a_word(rules):
    chars = [c for c in agreed_code_points() if not 0xE000 <= ord(c) <= 0xF8FF and ord(c) < 0xF0000]
    # Ideographs and Hangul behave alike: every 16th of them.
    chars = [c for c in chars if not (0x3400 <= ord(c) < 0xD7A4 or 0x20000 <= ord(c)) or ord(c) % 16 == 0]
    assert len(chars) > 30_000
    assert_same(rules, share(rules, [f"{c} a{c}b 1{c}! A{c} {c}'s" for c in chars]))


def fuzzed_texts(count):
    """A third ASCII; the others of words, Latin-1, one script each, or all planes at once."""
    rng = random.Random(11)
    pieces = ["&", ";", "'", "<", "#", "&amp;", "&#39;", "&eacute", "&#x1F600;", "'S", "'LL", "<|endoftext|>", "\x1b[1m",
              "<start_of_text>", "<END_OF_TEXT>", "<|startoftext|>", "\u2019s", "\u017f", "\u0130", "\u03a3", "\u0345"]
    words = ["photo", "CLIP", "naïve", "Ελλάδα", "привет", "1234", "...", "日本語", "हिन्दी", "ﬁsh"]
    plane = lambda: chr(rng.randrange(0x110000))
    texts = []
    while len(texts) < count:
        kind, base = rng.randrange(6), rng.randrange(0x110000)
        text = ""
        for _ in range(rng.randrange(1, 16)):
            if kind < 2 or rng.random() < 0.2:
                text += rng.choice([p for p in pieces if p.isascii()]) if rng.random() < 0.3 else chr(rng.randrange(128))
            elif kind == 2:
                text += rng.choice(pieces + words)
            elif kind == 3:
                text += chr(rng.randrange(0x250))
            elif kind == 4:
                text += chr(min(base - base % 128 + rng.randrange(128), 0x10FFFF))
            else:
                text += plane()
        text = "".join(c for c in text if c != "\n" and not 0xD800 <= ord(c) < 0xE000)
        texts.append(text)
    return texts


def test_a_hundred_thousand_fuzzed_strings(capsys):
    import ftfy

    agreed = {*agreed_code_points()}
    texts = fuzzed_texts(100_000)
    wrong = [text for text, _, _ in differing("openclip", texts)]
    younger = [t for t in wrong if not set(ftfy.fix_text(t)) | set(t) <= agreed]
    unexplained = {*wrong} - {*younger}
    with capsys.disabled():
        print(f"\n100,000 fuzzed strings: {len(wrong)} differ ({sum(map(str.isascii, wrong))} ASCII), {len(younger)} by "
              f"characters younger than Unicode {unicodedata.unidata_version} or of two classes, {len(unexplained)} "
              "unexplained")
    assert not [t for t in wrong if t.isascii()]
    assert not unexplained, [ascii(t) for t in sorted(unexplained)[:5]]
    assert_same("openai", [t for t in texts if set(t) <= agreed and t.isascii()][:20_000])


# --- cleaning: ftfy ----------------------------------------------------------------------------------------------------


def fixed_by_us(texts):
    return clean_text("fixed", [text.encode("utf-32-le", "surrogatepass") for text in texts])


def cleaned(text):
    """basic_clean, whitespace_clean and lower of both references."""
    import ftfy

    text = html.unescape(html.unescape(ftfy.fix_text(text))).strip()
    return " ".join(text.split()).lower()


def assert_clean(mode, texts, answers, expected):
    """The answers are the expected ones, but for characters that are younger than this Python's Unicode."""
    wrong = [(t, a, b) for t, a, b in zip(texts, answers, expected)
             if a != b and not any(unicodedata.category(c) == "Cn" for c in t + b)]
    shown = "\n".join(f"{ascii(t)}\n  ours   {ascii(a)}\n  oracle {ascii(b)}" for t, a, b in wrong[:5])
    assert not wrong, f"{mode}: {len(wrong)} of {len(texts)} differ:\n{shown}"


def test_wrongly_decoded_texts_are_repaired_as_by_ftfy():
    """Half of the texts through fix_text alone, with lone surrogates; half as bytes, some damaged, through all cleaning."""
    import ftfy
    from wrong_texts import damaged_bytes, wrong_texts

    count = int(os.environ.get("CLIPLAB_FUZZ_INPUTS", "20000"))
    for seed, first in enumerate(range(0, count, 50_000)):
        texts = list(wrong_texts(min(50_000, count - first), seed))
        fixed, raw = texts[::2], damaged_bytes(texts[1::2], seed)
        expected = [ftfy.fix_text(text) for text in fixed]
        repaired = sum(ftfy.fix_text(text, fix_encoding=False) != e for text, e in zip(fixed[:1000], expected))
        assert_clean("fixed", fixed, fixed_by_us(fixed), expected)
        answers = [" ".join(text.split()) for text in clean_text("cleaned", raw)]
        read = [data.decode("utf-8", "replace") for data in raw]
        assert_clean("cleaned", read, answers, [cleaned(text) for text in read])
        assert repaired > min(1000, len(fixed)) * 0.4  # so that the texts are hard ones


def test_long_lines_are_fixed_in_parts_as_by_ftfy():
    """ftfy cuts lines at a million characters, also within a wrongly decoded one; '<' counts from its part on."""
    import ftfy

    texts = ["a" * 999_999 + "Ã©" + "b" * 10 + " Ã©", "\r\n" * 500 + "a" * 999_995 + "&lt;<\n&amp;",
             "é" * 999_990 + " Ã©" * 20 + "\n &amp;"]
    assert [a == ftfy.fix_text(t) for t, a in zip(texts, fixed_by_us(texts))] == [True] * len(texts)


def test_texts_that_take_ftfy_quadratic_time():
    """Escaped many times (a pass a level), and many combining marks: equal where short, and no trap where long."""
    import ftfy

    texts = ["&amp;" + "amp;" * n + rest for n in range(12)
             for rest in ("", "lt;b", "Atilde;&copy; &" + "amp;" * (n // 2) + "copy;")]
    texts += [a + " Ã© &#38;#x26;AMP;amp; " + b for a, b in zip(texts, reversed(texts))]
    texts += ["e" + "\u0301\u0316\u0344" * 40 + "\u0f71\u0f73\u0327" * n for n in range(50)]
    assert fixed_by_us(texts) == [ftfy.fix_text(t) for t in texts]
    long = [b"&amp;" + b"amp;" * 200_000 + b"lt;b", ("e" + "\u0301\u0316" * 150_000).encode()]
    assert [len(text) for text in clean_text("cleaned", long)] == [2, 300_000]  # e and its accent are one character


def test_tables_are_those_of_the_installed_ftfy():
    subprocess.run([sys.executable, ROOT / "data" / "make_mojibake_tables.py", "--check"], check=True)
