"""Text that others wrote (names of classes, data sets, models and files, captions, reasons) made fit to be shown.

It is cleaned once, where it is read: results.py calls this for every text of a result file, and for names of files and folders.
So no figure, document or terminal sees what could break or mislead it. Markup of a format ("<", "$", "#", ...) is kept here;
each format escapes its own. Standard library only."""

from __future__ import annotations

import hashlib
import re
import sys
from typing import TextIO

NAME, LINE, TEXT = 96, 2000, 100_000  # letters of a name, of a value or message, of a configuration
# Controls (escape sequences of terminals begin with one), marks that turn the direction of writing, invisible characters, halves of
# surrogate pairs and code points that are no characters. XML, and with it SVG and Typst, allows none of most.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufdd0-\ufdef\ud800-\udfff"
                    + "".join(f"{chr(plane + 0xfffe)}{chr(plane + 0xffff)}" for plane in range(0, 0x110000, 0x10000)) + "]")
_BLANKS = re.compile("[\t\n\r\v\f\x85\u2028\u2029]+")


def cleaned(text: str, limit: int = NAME) -> str:
    """One line of at most `limit` characters; what is unfit stands as its code point, "\\x1b". Of what is cut, a digest keeps two texts apart."""
    line = _UNFIT.sub(_code_point, _BLANKS.sub(" ", text[:limit + 1]))
    if len(line) <= limit and len(text) <= limit:
        return line
    return line[:limit - 9] + "…" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def cleaned_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(cleaned(line, LINE) for line in text[:TEXT].split("\n"))


def said(error: BaseException) -> str:
    """The error as part of a line."""
    return cleaned(f"{type(error).__name__}: {error}", 160)


def say(text: str, stream: TextIO | None = None) -> None:
    """Prints lines to the terminal."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    print("\n".join(cleaned(line, LINE) for line in text.split("\n")).encode(encoding, "backslashreplace").decode(encoding), file=stream)


def complain(text: str) -> None:
    """Prints one line to stderr."""
    say(text.replace("\n", " "), sys.stderr)


def _code_point(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xdc80 <= code <= 0xdcff:
        code -= 0xdc00  # a byte that is not UTF-8, in the form that Python gives it
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
