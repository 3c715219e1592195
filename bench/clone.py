"""What `make test` takes in a fresh clone, with set-up and book, and again when nothing has changed."""

import os
import subprocess
import tempfile

from bench import Figures, Row
from experiments.clock import Clock
from experiments.runner import ROOT, measure

OURS = {"MAKEFLAGS", "MAKELEVEL", "ONLY", "MNIST_LESSONS_STORE"}  # of the make that measures


def rows() -> list[Row]:
    """Return the table's rows."""
    return [
        Row("make test in a fresh clone", "min", "ours <= 12", lambda: minutes(0)),
        Row("make test again", "min", "ours <= 5", lambda: minutes(1)),
    ]


def minutes(time: int) -> Figures:
    """Return what the first or the second time took of what is committed."""
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, encoding="utf-8").strip()
    return {"ours": measure(test_twice, commit, environment="dev", one_core=False).result[time], "note": commit}


def test_twice(commit: str) -> list[float]:
    """Clone a commit and run `make test` twice; the package managers' caches are as they are."""
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", "--no-checkout", ROOT, folder], check=True)
        subprocess.run(["git", "checkout", "--quiet", commit], cwd=folder, check=True)
        for _ in range(2):
            with Clock() as clock:
                subprocess.run(["make", "test"], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
            found.append(clock.wall_seconds / 60)
    return found
