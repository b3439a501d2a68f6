"""Where tests and benchmarks find the programs: CLIPLAB_BIN and CLIPLAB_ORACLE, else those of build/release.

cliplab is the product; cliplab_oracle (tests/oracle/) passes given inputs through single layers of it.
"""

import os
import sys
from pathlib import Path

import pytest

BUILD = Path(__file__).resolve().parents[1] / "build" / "release"


def cliplab_binary() -> str:
    return _program("CLIPLAB_BIN", BUILD / "cliplab")


def oracle_binary() -> str:
    return _program("CLIPLAB_ORACLE", BUILD / "tests" / "cliplab_oracle")


def _program(variable: str, default: Path) -> str:
    """Its path. Where it is not built, a test skips and a benchmark ends."""
    path = os.environ.get(variable) or str(default)
    if not Path(path).exists():
        message = f"{path} is not built, and {variable} names no other program; run ./cliplab test"
        if "PYTEST_VERSION" in os.environ:
            pytest.skip(message, allow_module_level=True)
        sys.exit(message)
    return path
