"""One training run in a process of its own: ``python -m bench._runs NAME SEED`` prints what it took as JSON.

The process pins itself to one core. CPU seconds and wall time are those of training, without imports and data;
the peak memory is that of the process up to the end of training. `measured` remembers a run in _build/runs as long
as its code, the versions and the machine stay the same, so that the benchmark and the experiment `train_fast` rest
on the same runs.
"""

import hashlib
import importlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import mnist_lessons  # noqa: F401  before TensorFlow, which is then silent

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "_build" / "runs"
# What a module of runs rests on, beside itself and this file.
MODULES = {
    "_baselines": ("data",),
    "_recipes": ("data", "augmentation", "models", "loops", "recipes"),
    "_ladder": ("data", "augmentation", "models", "loops"),
    "_sweeps": ("data", "sweeps"),
}


def measured(name: str, seed: int = 0) -> dict:
    """Return ``cpu``, ``wall`` (seconds), ``peak`` (MB) and what the run itself reports."""
    file = RUNS / f"{name}-{seed}-{key(name)}.json"
    if not file.is_file():
        # The environment of the chapters: Keras takes 130 MB more where it finds scikit-learn.
        python = ROOT / ".venv/book/bin/python"
        command = [str(python if python.is_file() else sys.executable), "-m", "bench._runs", name, str(seed)]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        RUNS.mkdir(parents=True, exist_ok=True)
        file.with_suffix(".part").write_text(done.stdout.splitlines()[-1] + "\n")
        file.with_suffix(".part").replace(file)
    return json.loads(file.read_text())


def key(name: str) -> str:
    """Hash the code of a run, the versions and the machine."""
    module, _ = find(name)
    files = [ROOT / "bench" / "_runs.py", ROOT / "bench" / f"{module}.py", ROOT / "constraints.txt"]
    files += [ROOT / "mnist_lessons" / f"{part}.py" for part in MODULES[module]]
    digest = hashlib.sha256(f"{sys.version} {os.cpu_count()} {platform.machine()}".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def find(name: str) -> tuple[str, Callable[[int, "Clock"], dict]]:
    """Return the module of a run and the run."""
    for module in MODULES:
        runs = importlib.import_module(f"bench.{module}").RUNS
        if name in runs:
            return module, runs[name]
    raise ValueError(f"name: expected a run of {', '.join(MODULES)}, got {name!r}")


class Clock:
    """Adds up the CPU and wall seconds between `start` and `stop`, and reads the peak memory at each stop."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0
        self.peak = peak_memory()

    def start(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def stop(self) -> None:
        self.cpu += time.process_time() - self._cpu
        self.wall += time.perf_counter() - self._wall
        self.peak = peak_memory()


def peak_memory() -> float:
    """Return the most memory that this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main(name: str, seed: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import tensorflow as tf

    tf.zeros(1)
    run = find(name)[1]
    clock = Clock()
    found = run(seed, clock)
    print(json.dumps({"cpu": clock.cpu, "wall": clock.wall, "peak": clock.peak, **found}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
