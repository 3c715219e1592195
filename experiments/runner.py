"""Measure functions, each call in a process of its own, and store tables of what they return.

`measure` keeps each outcome in ``_build/runs``, so a series that was interrupted goes on where it stopped, and the
tables of experiments and of the benchmark rest on the same runs. To measure a run again, delete its file there.
Each run notes how busy the machine was, and where timing is the point, a run that had to wait is made again.
"""

import importlib
import inspect
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from experiments.clock import Clock
from mnist_lessons.fingerprint import fingerprint, hash_files
from mnist_lessons.store import lock, moved_when_whole, write_atomically
from mnist_lessons.tables import STORED, Row, load_rows, save_rows
from mnist_lessons.verification import cpuinfo

ROOT = Path(__file__).resolve().parents[1]
ENTER = ROOT / "web" / "sphinx" / "environment.py"  # what a run sees of the machine's variables and settings
RUNS = ROOT / "_build" / "runs"
# How often a run whose timing is the point is made, at most, and how much of its CPU time it may wait.
ATTEMPTS = 3
WAITING = 0.1
PACKAGES = [ROOT / name for name in ("mnist_lessons", "experiments", "bench", "grader/src/coursegrader")]


@dataclass(frozen=True)
class Run:
    """What a call returned, what its process took from the call to the return, and the machine's load before and after.

    The load is the system's average over a minute: how many processes run or wait for a core. There is none on Windows,
    nor of runs that were kept before it was noted.
    """

    result: Any
    cpu_seconds: float
    wall_seconds: float
    peak_mb: float
    label: str = ""
    load: Sequence[float] = ()

    @property
    def disturbed(self) -> bool:
        """Whether the process waited, for a core or for a file, for more than a tenth of its CPU time."""
        return self.wall_seconds > (1 + WAITING) * self.cpu_seconds

    def __str__(self) -> str:
        load = f", load {self.load[0]:.1f} to {self.load[1]:.1f}" if self.load else ""
        seconds = f"{self.cpu_seconds:.1f} CPU s in {self.wall_seconds:.1f} s"
        return f"{self.label}: {seconds}{load}{', disturbed' * self.disturbed}"


class RunError(Exception):
    """A run failed; the text names it and has the end of what it wrote."""


def measure(
    function: Callable[..., Any],
    *args: Any,
    files: Iterable[Path] = (),
    environment: str = "book",
    one_core: bool = True,
    timing: bool = False,
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
    timing
        Whether the seconds are the point. A run that was disturbed is then made again, up to `ATTEMPTS` times in all,
        and the one that waited least is kept. If the machine was never quiet, that one is disturbed, too.

    Raises
    ------
    RunError
        The function did not return.
    """
    name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
    call = [function.__module__, function.__name__, args, one_core]
    file = RUNS / f"{name}-{_fingerprint(function, files, [*call, environment])[:16]}.json"
    shown = [repr(arg).split("\\n")[0] for arg in args]  # of code, its first line
    label = f"{name}({', '.join(shown)})"
    home = Path(inspect.getfile(function)).parents[function.__module__.count(".")]
    with lock(RUNS / "run"):  # two runs at a time would disturb each other
        kept = _read(file)
        for _ in range(ATTEMPTS):
            if kept and not (timing and kept.disturbed):
                break
            run = _call(label, [str(home), *call], environment)
            print(run, file=sys.stderr, flush=True)
            if not kept or run.wall_seconds / run.cpu_seconds < kept.wall_seconds / kept.cpu_seconds:
                _write(file, {"machine": machine(), **asdict(run)})
                kept = _read(file)
    assert kept
    return kept


def save_table(
    table: str,
    runs: Sequence[Run],
    *,
    rows: Sequence[Row] | None = None,
    experiment: str,
    seeds: str,
    packages: Sequence[str] = (),
    renewed: Sequence[str] = (),
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
    renewed
        If given, the runs made only the rows whose first column has one of these names. The other rows that are stored
        are kept, with the note beside them, and follow the new ones. Without runs the table stays as it is.
    """
    file = STORED / f"{table}.csv"
    if renewed and not runs:
        return load_rows(file)
    rows = [row for run in runs for row in run.result] if rows is None else list(rows)
    earlier: dict[str, Any] = {}
    if renewed:
        kept = [row for row in load_rows(file) if next(iter(row.values())) not in renewed]
        rows = [dict.fromkeys(kept[0], "") | row for row in [*rows, *kept]]
        earlier = {"earlier": json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))}
    with moved_when_whole(file, file.with_suffix(".part")) as part:
        save_rows(part, rows)
    note = {
        "command": " ".join(["python -m experiments", experiment, *(["--rows", *renewed] if renewed else [])]),
        "seeds": seeds,
        "cpu_seconds": round(sum(run.cpu_seconds for run in runs)),
        "versions": {
            "python": platform.python_version(),
            "tensorflow": version(packages_distributions()["tensorflow"][0]),
        }
        | {package: version(package) for package in ("keras", "numpy", *packages)},
        "machine": machine(),
        "processor": processor(),
        "runs": [str(run) for run in runs],
        **earlier,
    }
    _write(file.with_suffix(".json"), note)
    return load_rows(file)


def machine() -> str:
    """Return what figures depend on besides code: the number of cores, system and processor."""
    name = cpuinfo().get("model name") or platform.processor() or "unknown processor"
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, {name}"


def processor() -> str:
    """Return what tells processors of one name apart: family and model, and which wide arithmetic they have."""
    found = cpuinfo()
    wide = [name for name in found.get("flags", "").split() if name.startswith(("avx", "fma", "amx"))]
    return ", ".join([*(f"{name} {found[name]}" for name in ("cpu family", "model") if name in found), *wide])


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
    return Run(**json.loads(done.stdout.splitlines()[-1]), label=label)


def _read(file: Path) -> Run | None:
    """Read a run that was kept, if there is one; what runs did not note earlier is left out."""
    if not file.is_file():
        return None
    kept = json.loads(file.read_text(encoding="utf-8"))
    return Run(**{field.name: kept[field.name] for field in fields(Run) if field.name in kept})


def _write(file: Path, content: Mapping[str, Any]) -> None:
    write_atomically(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def make_call() -> None:
    """Make the call that is described on standard input."""
    home, module, name, args, one_core = json.load(sys.stdin)
    sys.path += [home, str(ENTER.parent)]  # the second for benchmarks
    if one_core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    before = _load()
    with Clock() as clock:
        result = getattr(importlib.import_module(module), name)(*args)
    found = {"result": result, **clock.figures(), "load": before + _load()}
    # Arrays and NumPy's numbers know their lists and numbers.
    print("\n" + json.dumps(found, default=lambda value: value.tolist()))


def _load() -> list[float]:
    """Return the number of processes that ran or waited for a core in the last minute, if the system tells it."""
    return [os.getloadavg()[0]] if hasattr(os, "getloadavg") else []


if __name__ == "__main__":
    make_call()
