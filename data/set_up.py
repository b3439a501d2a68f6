"""Copies what the program reads at run time out of the pinned wheels in .venv, so that every machine has the same bits.

CLIP's byte-pair vocabulary (open_clip_torch) to data/vocab/, the fonts of text in drawings (matplotlib's DejaVu) to
data/fonts/. Each file is checked against its SHA-256 and written whole or not at all. Run by ./cliplab at set-up.
"""

import hashlib
import importlib.util
import os
import sys
from pathlib import Path

# wheel, module, file in it, target under data/, SHA-256
FILES = [
    ("open_clip_torch", "open_clip", "bpe_simple_vocab_16e6.txt.gz", "vocab",
     "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"),
    ("matplotlib", "matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf", "fonts",
     "3fdf69cabf06049ea70a00b5919340e2ce1e6d02b0cc3c4b44fb6801bd1e0d22"),
    ("matplotlib", "matplotlib", "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf", "fonts",
     "b184b89e3c1075f22f6b71575b6fc20d4972b3cfd3b23322ca6fd596dcaef167"),
    ("matplotlib", "matplotlib", "mpl-data/fonts/ttf/DejaVuSans-Oblique.ttf", "fonts",
     "ccdf74b350f11fd3dd5774de50e5e6346a1a5da1f5b7d5fb83590665e97a5213"),
    ("matplotlib", "matplotlib", "mpl-data/fonts/ttf/DejaVuSans-BoldOblique.ttf", "fonts",
     "6edf0283160186af451cbee71e7b845f2e4cabf264bb992ce668c83c25465e6f"),
]


def copy(wheel: str, module: str, name: str, folder: str, sha256: str) -> str:
    """An empty text, or what is wrong."""
    package = importlib.util.find_spec(module)
    if package is None or not package.submodule_search_locations:
        return f"{wheel} is not installed; run ./cliplab"
    source = Path(package.submodule_search_locations[0]) / name
    data = source.read_bytes() if source.is_file() else b""
    if hashlib.sha256(data).hexdigest() != sha256:
        return f"{source}: {'another file' if data else 'missing'}, expected SHA-256 {sha256[:16]}...; reinstall {wheel}"
    target = Path(__file__).resolve().parent / folder / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part{os.getpid()}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return ""


def main() -> int:
    problems = [problem for file in FILES if (problem := copy(*file))]
    for problem in problems:
        print(f"cliplab: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
