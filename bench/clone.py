"""What `make test` takes in a fresh clone, with set-up and book, and again when nothing has changed."""

import functools
import os
import subprocess
import tempfile
import time
from pathlib import Path

from bench import Row

ROOT = Path(__file__).resolve().parents[1]
OURS = {"MAKEFLAGS", "MAKELEVEL", "ONLY", "MNIST_LESSONS_STORE", "PYTHONPATH"}  # of the make that measures


def rows() -> list[Row]:
    """Return the table's rows."""
    return [
        Row("make test in a fresh clone", "min", "ours <= 12", lambda: {"ours": minutes()[0]}),
        Row("make test again", "min", "ours <= 5", lambda: {"ours": minutes()[1]}),
    ]


@functools.cache
def minutes() -> list[float]:
    """Clone what is committed and run `make test` twice; the package managers' caches are as they are."""
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
        for _ in range(2):
            start = time.perf_counter()
            subprocess.run(["make", "test"], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
            found.append((time.perf_counter() - start) / 60)
    return found
