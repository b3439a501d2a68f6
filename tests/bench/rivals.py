"""Jobs that compete for the cores with what is timed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def rivals() -> Iterator[None]:
    """A job that computes on each core, as long as the block lasts."""
    jobs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for job in jobs:
            job.kill(), job.wait()
