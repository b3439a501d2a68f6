"""Our side of a comparison: cliplab_oracle (tests/oracle/), built by ./cliplab test, or the one that CLIPLAB_ORACLE names."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))
from binaries import oracle_binary  # noqa: E402


def run_oracle(*words: object, **environment: str) -> bytes:
    """What it prints for these words."""
    return subprocess.run([oracle_binary(), *map(str, words)], check=True, capture_output=True,
                          env=os.environ | {"CLIPLAB_ROOT": str(ROOT)} | environment).stdout


def oracle(*words: object, **environment: str) -> str:
    return run_oracle(*words, **environment).decode()
