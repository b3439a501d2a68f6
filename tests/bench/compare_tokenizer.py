"""Captions a second of processor time, one thread: ours, open_clip's SimpleTokenizer, HF tokenizers, instant-clip-tokenizer.

    .venv/bin/python tests/bench/compare_tokenizer.py [FILE with a caption a line]

All in one run, interleaved, the median of the rounds after one that warms every cache. Without FILE: the captions of
Flickr8k (CLIPLAB_SHARED) when they are there, else the Tux Paint sentences in data/downloads. A peer that is not
installed is left out with a notice: pip install tokenizers instant-clip-tokenizer.
"""

import csv
import gzip
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from ours import oracle

os.environ["TOKENIZERS_PARALLELISM"] = "false"
ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CLIPLAB_SHARED", ROOT.parent / "shared"))
ROUNDS = 9
CAPTIONS = 20_000
CLIP_PATTERN = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def captions():
    if len(sys.argv) > 1:
        return Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    file = SHARED / "datasets" / "flickr8k_224_q80" / "captions.tsv"
    if file.exists():
        with file.open(encoding="utf-8", newline="") as lines:
            return [row["caption"] for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]
    sys.path.insert(0, str(ROOT / "tests" / "parity"))
    from test_tokenizer_parity import package_members

    texts = package_members("tuxpaint-stamps-default", r"\.txt$")
    return [lines[0] for text in texts if (lines := text.splitlines())]


def open_clip_tokenizer():
    from open_clip.tokenizer import SimpleTokenizer

    encode = SimpleTokenizer().encode
    return lambda texts: [encode(text) for text in texts]


def hf_tokenizers():
    """CLIPTokenizerFast's pipeline (transformers convert_slow_tokenizer.CLIPConverter) from the project's vocabulary."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    lines = gzip.decompress((ROOT / "data/vocab/bpe_simple_vocab_16e6.txt.gz").read_bytes()).decode().split("\n")
    merges = [tuple(line.split()) for line in lines[1:48_895]]
    from open_clip.tokenizer import bytes_to_unicode

    symbols = list(bytes_to_unicode().values())
    words = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, continuing_subword_prefix="", fuse_unk=False,
                                     end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(CLIP_PATTERN), behavior="removed", invert=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.post_processor = processors.RobertaProcessing(
        ("<|endoftext|>", 49407), ("<|startoftext|>", 49406), False, False)
    return lambda texts: [e.ids[1:-1] for e in tokenizer.encode_batch_fast(texts)]


def instant_clip_tokenizer():
    import instant_clip_tokenizer as instant

    encode = instant.Tokenizer().encode
    return lambda texts: [encode(text) for text in texts]


def our_rate(file):
    return float(re.search(r"later (\S+)", oracle("tokenize-speed", file))[1])


def main():
    texts = [" ".join(text.split()) for text in captions()][:CAPTIONS]
    peers = {}
    for make in (open_clip_tokenizer, hf_tokenizers, instant_clip_tokenizer):
        try:
            peers[make.__name__] = make()
        except ImportError as error:
            print(f"{make.__name__}: left out ({error})")
    reference = None
    for name, encode in peers.items():  # warms the caches; the ids of all, as a check that all do the same work
        ids = encode(texts)
        reference = reference or ids
        print(f"{name}: {sum(a != b for a, b in zip(ids, reference))} of {len(texts)} captions differ from open_clip")
    rates = {"cliplab": [], **{name: [] for name in peers}}
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(texts) + "\n")
        file.flush()
        for _ in range(ROUNDS):
            rates["cliplab"].append(our_rate(file.name))
            for name, encode in peers.items():
                start = time.process_time()
                encode(texts)
                rates[name].append(len(texts) / (time.process_time() - start))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, median in medians.items():
        print(f"{name:24s}{median:12,.0f} captions/s{medians['cliplab'] / median:8.1f} x slower than cliplab"
              if name != "cliplab" else f"{name:24s}{median:12,.0f} captions/s")


if __name__ == "__main__":
    main()
