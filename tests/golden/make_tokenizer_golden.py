"""Writes tests/golden/tokenizer.tsv: about 300 texts with the ids of open_clip's SimpleTokenizer.

    .venv/bin/python tests/golden/make_tokenizer_golden.py

A line: the ids (start and end of text included, cut at 77 as open_clip does), a tab, the text. In the text the bytes
below 0x20, 0x7F and '%' are written %XX.
"""

import unicodedata
from pathlib import Path

EXAMPLES = [  # a rule or two each; tests/parity runs them live
    "it's we're I'VE they'll she'd I'm don't 'tis ''s '''s rock'n'roll 'S 'RE o'clock's",
    "<start_of_text> a <END_OF_TEXT> b <|endoftext|> <\u017ftart_of_text> '\u017f a'\u017f",
    "&amp; &amp;amp; &amp;amp;amp; &lt;b&gt; &quot;q&quot; &copy 2021 &notit; &AMP; &ampx; & &; &# &#; &#x; &#x41 &#65;",
    "&EACUTE; &SZLIG; &NTILDE; &nTILDE; &HELLIP; &GTCIR; &rsquo; &lsquo;x&rsquo; &ldquo;y&rdquo; &fflig; &NewLine; &Tab;",
    "< &rsquo; &EACUTE; &amp;rsquo;",
    "&#8217; &#x2019; &#146; &#0; &#1; &#11; &#128; &#xD800; &#x110000; &#9999999999999; &#xFDD0; &#x1FFFE;",
    "&#59; &#38;amp; &CounterClockwiseContourIntegral; &notin; &notinx &frac12 &frac12;",
    "\u201cquoted\u201d \u2018it\u2019s\u2019",
    "\ufb01sh o\ufb03ce \ufb05 \ufb06 \u0149 \u01c4 \u01c5 \u01c6 \u0132sselmeer",
    "\uff28\uff25\uff2c\uff2c\uff2f\u3000\uff11\uff12 \uff76\uff9e\uff77 \uffe3 \uffa1",
    "\x1b[1;31mred\x1b[0m \x1b[x \x1b[12",
    "a\x00b\x07c\x0bd\x0ce\x1cf\x7fg h\ti\r\nj",
    "\u212b \u212a \u2126 e\u0301 n\u0303 a\u0345 \u03b1\u0345 \u1e9b\u0323",
    "\u039f\u0394\u039f\u03a3 \u03a3 \u03a3\u03a3 \u03a3. a\u03a3a A\u03a3\u0301 \u0130stanbul \u1e9e \u01c5",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u4f60\u597d \u3053\u3093\u306b\u3061"
    "\u306f \uc548\ub155 \u0645\u0631\u062d\u0628\u0627",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f \U0001f44d\U0001f3fd"
    " \U0001f3f4\U000e0067\U000e0062\U000e007f",
    "1234 3.14 1,000 \u0661\u0662 \u2160 \u00bd x\u00b2 \u2460 50% $5 #1 @x a_b a-b a/b C++ ...!?",
    "\u00a0a\u2003b\u2028c\u2029d\u3000e\ufeff",
    "[\u02bcx] \u2019\u2019s \u201f\u201b",
    "\u00e9\u00c9 na\u00efve fa\u00e7ade \u00c5ngstr\u00f6m \u00dfSS stra\u00dfe",
    "caf\u00c3\u00a9 it\u00e2\u20ac\u2122s \u00c3 la \u0420\u040f\u0421\u0402 \u00e2\u20ac\u0153x\u00e2\u20ac\ufffd \u00c3\u0192\u00c2\u00a9",
    "first line <b>\nsecond &rsquo; line\nthird",
    "first &rsquo; line\nsecond < &rsquo; line\nthird &rsquo;",
    "", " ", "\n", "a", "A", "'", "!", "&", "<", "7", "!!!!!!!!!!!!!!!!!!!!", "antidisestablishmentarianism",
    "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "abababababababababababab", "http://example.com/a?b=c&d=e", "<|endoftext|>", "<end_of_text>", "hello<end_of_text>world",
    " ".join(["word"] * 74), " ".join(["word"] * 75), " ".join(["word"] * 76), " ".join(["word"] * 200),
    "x" * 300, "1" * 100, "?!" * 60, "the quick brown fox jumps over the lazy dog " * 12,
]


def texts():
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES, OPENAI_IMAGENET_TEMPLATES

    result = list(EXAMPLES)
    result += [t(IMAGENET_CLASSNAMES[(13 * i) % 1000]) for i, t in enumerate(OPENAI_IMAGENET_TEMPLATES)]
    result += IMAGENET_CLASSNAMES[5:1000:14]
    for code in list(range(0x1F300, 0x1F700, 13)) + list(range(0x2600, 0x27B0, 29)):
        name = unicodedata.name(chr(code), "")
        if name:
            result.append(f"{name.lower()} {chr(code)}" if code % 2 else f"an emoji of a {name}")
    return result


def main():
    import ftfy
    import open_clip
    import regex
    from open_clip.tokenizer import SimpleTokenizer

    oracle = SimpleTokenizer()
    lines = [f"# open_clip {open_clip.__version__} SimpleTokenizer, ftfy {ftfy.__version__}, regex {regex.__version__},"
             f" Unicode {unicodedata.unidata_version}; written by {Path(__file__).name}"]
    for text in texts():
        ids = [oracle.sot_token_id, *oracle.encode(text), oracle.eot_token_id]
        if len(ids) > 77:
            ids = [*ids[:76], oracle.eot_token_id]
        shown = "".join(f"%{ord(c):02X}" if ord(c) < 0x20 or c in "\x7f%" else c for c in text)
        lines.append(" ".join(map(str, ids)) + "\t" + shown)
    (Path(__file__).parent / "tokenizer.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
