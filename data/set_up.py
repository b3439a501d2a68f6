"""Copies CLIP's byte-pair vocabulary out of the installed open_clip_torch package to data/vocab/.

Checked against the SHA-256 of the file of openai/CLIP; written whole or not at all. Run by ./cliplab at set-up.
"""

import hashlib
import importlib.util
import os
import sys
from pathlib import Path

NAME = "bpe_simple_vocab_16e6.txt.gz"
SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"


def main() -> int:
    target = Path(__file__).resolve().parent / "vocab" / NAME
    package = importlib.util.find_spec("open_clip")
    if package is None or not package.submodule_search_locations:
        print("cliplab: open_clip_torch is not installed; run ./cliplab", file=sys.stderr)
        return 1
    source = Path(package.submodule_search_locations[0]) / NAME
    data = source.read_bytes() if source.is_file() else b""
    if hashlib.sha256(data).hexdigest() != SHA256:
        print(f"cliplab: {source}: {'another file' if data else 'missing'}, expected CLIP's vocabulary (SHA-256"
              f" {SHA256[:16]}...); reinstall open_clip_torch", file=sys.stderr)
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{NAME}.part{os.getpid()}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    print(f"cliplab: vocabulary in {target.relative_to(target.parents[2])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
