"""The verbs of the tests are a program of their own: the product has none of them, and wrong words end in one line."""

import subprocess

import pytest
from binaries import cliplab_binary, oracle_binary


def last_words(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_the_product_has_no_debug_verb() -> None:
    assert "'debug', expected run, sweep, test" in last_words(cliplab_binary(), "debug", "tokenize")


@pytest.mark.parametrize(("words", "expected"), [
    ((), "'', expected one of tokenize, tokenize-speed"),
    (("guess",), "'guess', expected one of tokenize, tokenize-speed"),
    (("samples", "openmoji"), "1 words, expected SET SPLIT COUNT"),
    (("decode", "a.png", "b.png"), "2 words, expected FILE"),
    (("embed", "--model.like", "openai"), "0 words, expected MODEL trunk|joint|text|scores FILE..."),
    (("tokenize", "gpt"), "'gpt', expected openai or openclip"),
    (("clean-text", "raw"), "'raw', expected fixed or cleaned"),
])
def test_wrong_words_are_named(words: tuple[str, ...], expected: str) -> None:
    assert expected in last_words(oracle_binary(), *words)
