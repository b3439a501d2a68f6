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
    data = (Path(package.submodule_search_locations[0]) / NAME).read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        print(f"cliplab: {NAME} of the open_clip_torch wheel is not CLIP's vocabulary", file=sys.stderr)
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".part{os.getpid()}")
    part.write_bytes(data)
    part.replace(target)
    print(f"cliplab: vocabulary in {target.relative_to(target.parents[2])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
