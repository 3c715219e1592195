"""Measure functions, each call in a process of its own, and store tables of what they return.

`measure` keeps each outcome in ``_build/runs``, so a series that was interrupted goes on where it stopped, and the
tables of experiments and of the benchmark rest on the same runs. To measure a run again, delete its file there.
"""

import contextlib
import importlib
import inspect
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from experiments.clock import Clock
from mnist_lessons.fingerprint import fingerprint, hash_files
from mnist_lessons.store import lock, moved_when_whole, write_atomically
from mnist_lessons.tables import STORED, Row, load_rows, save_rows

ROOT = Path(__file__).resolve().parents[1]
ENTER = ROOT / "web" / "sphinx" / "environment.py"  # what a run sees of the machine's variables and settings
RUNS = ROOT / "_build" / "runs"
PACKAGES = [ROOT / name for name in ("mnist_lessons", "experiments", "bench", "grader/src/coursegrader")]


@dataclass(frozen=True)
class Run:
    """What a call returned, and what its process took from the call to the return."""

    result: Any
    cpu_seconds: float
    wall_seconds: float
    peak_mb: float


class RunError(Exception):
    """A run failed; the text names it and has the end of what it wrote."""


def measure(
    function: Callable[..., Any],
    *args: Any,
    files: Iterable[Path] = (),
    environment: str = "book",
    one_core: bool = True,
) -> Run:
    """Call a function in a new process, at most once for the same code and machine.

    Parameters
    ----------
    function
        A function of a module. What it returns is written as JSON: tuples and arrays become lists.
    args
        Its arguments, which JSON can express.
    files
        Files and folders that the outcome rests on besides the function's module, what this imports of `PACKAGES` and
        the versions of libraries.
    environment
        The environment that it runs in; the chapters' own has no scikit-learn, which Keras would import.
    one_core
        Whether the process and those that it starts have one core only.

    Raises
    ------
    RunError
        The function did not return.
    """
    name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
    call = [function.__module__, function.__name__, args, one_core]
    file = RUNS / f"{name}-{_fingerprint(function, files, [*call, environment])[:16]}.json"
    with lock(RUNS / "run"):  # two runs at a time would disturb each other
        if not file.is_file():
            label = f"{name}({', '.join(map(repr, args))})"
            home = Path(inspect.getfile(function)).parents[function.__module__.count(".")]
            run = _call(label, [str(home), *call], environment)
            _write(file, {"run": label, "machine": machine(), **asdict(run)})
            print(f"{label}: {run.cpu_seconds:.1f} CPU s", file=sys.stderr, flush=True)
    kept = json.loads(file.read_text(encoding="utf-8"))
    return Run(kept["result"], kept["cpu_seconds"], kept["wall_seconds"], kept["peak_mb"])


def save_table(
    table: str,
    runs: Sequence[Run],
    *,
    rows: Sequence[Row] | None = None,
    experiment: str,
    seeds: str,
    packages: Sequence[str] = (),
) -> list[Row]:
    """Store what runs returned as a table of the package, with what made it beside it; return its rows as stored.

    Parameters
    ----------
    table
        Name of the stored table.
    runs
        The runs that it rests on; what these took is noted, whichever table needed them first.
    rows
        Its rows, by default those that the runs returned, in their order.
    experiment
        The module of this folder that asks.
    seeds
        Which seeds the table rests on, in words.
    packages
        What it rests on besides TensorFlow, Keras and NumPy: their versions are noted too.
    """
    file = STORED / f"{table}.csv"
    with moved_when_whole(file, file.with_suffix(".part")) as part:
        save_rows(part, [row for run in runs for row in run.result] if rows is None else rows)
    note = {
        "command": f"python -m experiments {experiment}",
        "seeds": seeds,
        "cpu_seconds": round(sum(run.cpu_seconds for run in runs)),
        "versions": {
            "python": platform.python_version(),
            "tensorflow": version(packages_distributions()["tensorflow"][0]),
        }
        | {package: version(package) for package in ("keras", "numpy", *packages)},
        "machine": machine(),
    }
    _write(file.with_suffix(".json"), note)
    return load_rows(file)


def machine() -> str:
    """Return what figures depend on besides code: the number of cores, system and processor."""
    processor = platform.processor()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, {processor or 'unknown processor'}"


def _fingerprint(function: Callable[..., Any], files: Iterable[Path], call: list[Any]) -> str:
    """Hash what decides the outcome of a call. That is neither this module nor a stored table, which is an outcome."""
    inputs: dict[str, Path] = {}
    for place in files:
        inside = place.rglob("*") if place.is_dir() else [place]
        inputs |= {str(file.relative_to(ROOT)): file for file in inside if file.is_file() and file.suffix != ".pyc"}
    return fingerprint(
        Path(inspect.getfile(function)).read_text(encoding="utf-8"),
        packages=PACKAGES,
        libraries=["tensorflow"],  # Keras computes with it and does not require it
        ignored=["experiments/runner.py", "mnist_lessons/stored/*.csv", "mnist_lessons/stored/*.json"],
        extra=json.dumps([call, machine(), hash_files(inputs)]),
    )


def _call(label: str, call: list[Any], environment: str) -> Run:
    """Call a function in a process of its own, which reads what to call and writes a `Run` as its last line."""
    python = ROOT / ".venv" / environment / "bin" / "python"
    done = subprocess.run(
        [str(python if python.is_file() else sys.executable), "-E", str(ENTER), "-m", "experiments.runner"],
        cwd=ROOT,
        input=json.dumps(call),
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise RunError(f"{label}: exit code {done.returncode}\n{done.stderr[-4000:]}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _write(file: Path, content: Mapping[str, Any]) -> None:
    write_atomically(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def make_call() -> None:
    """Make the call that is described on standard input."""
    home, module, name, args, one_core = json.load(sys.stdin)
    sys.path += [home, str(ENTER.parent)]  # the second for benchmarks
    if one_core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with Clock() as clock:
        result = getattr(importlib.import_module(module), name)(*args)
    # Arrays and NumPy's numbers know their lists and numbers.
    print("\n" + json.dumps({"result": result, **clock.figures()}, default=lambda value: value.tolist()))


if __name__ == "__main__":
    make_call()
