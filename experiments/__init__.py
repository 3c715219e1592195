"""The experiments that are too heavy for each build: their tables are kept in ``mnist_lessons/stored``.

``python -m experiments`` makes them all, ``python -m experiments NAME`` one. Each part of an experiment is
written to _build/experiments when it is done, so a run that was interrupted goes on where it stopped.
"""

import ast
import hashlib
import json
import os
import platform
import resource
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from mnist_lessons.tables import STORED, Row, load_rows, save_rows

ROOT = Path(__file__).resolve().parents[1]


def save_table(
    table: str,
    parts: Mapping[str, Callable[[], list[Row]]],
    *,
    experiment: str,
    seeds: str,
    packages: Sequence[str] = (),
) -> list[Row]:
    """Store the rows of all parts as ``table``, with what made them beside it, and return them.

    Parameters
    ----------
    table
        Name of the stored table.
    parts
        What computes each part, under a name that can be a file's.
    experiment
        The module of this folder that asks.
    seeds
        Which seeds the table rests on, in words.
    packages
        What it rests on besides TensorFlow, Keras and NumPy: their versions are noted too.
    """
    import tensorflow as tf

    folder = _folder(table, experiment)
    rows: list[Row] = []
    seconds = 0.0
    for name, compute in parts.items():
        file = folder / f"{name}.csv"
        if not file.is_file():
            start = _cpu_seconds()
            found = compute()
            folder.mkdir(parents=True, exist_ok=True)
            file.with_suffix(".seconds").write_text(f"{_cpu_seconds() - start:.1f}")
            save_rows(file.with_suffix(".part"), found)
            file.with_suffix(".part").replace(file)
            print(f"{table}: {name} in {_cpu_seconds() - start:.0f} CPU s", flush=True)
        seconds += float(file.with_suffix(".seconds").read_text())
        rows += load_rows(file)
    save_rows(STORED / f"{table}.csv", rows)
    note = {
        "command": f"python -m experiments {experiment}",
        "seeds": seeds,
        "cpu_seconds": round(seconds),
        "versions": {"python": platform.python_version(), "tensorflow": tf.__version__}
        | {package: version(package) for package in ("keras", "numpy", *packages)},
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
    }
    (STORED / f"{table}.json").write_text(json.dumps(note, indent=1) + "\n")
    return rows


def _folder(table: str, experiment: str) -> Path:
    """Return the folder for a table's parts, named by the code and the versions that compute them."""
    digest = hashlib.sha256((ROOT / "constraints.txt").read_bytes())
    for file in sorted(_rests_on(ROOT / "experiments" / f"{experiment}.py", set())):
        digest.update(file.read_bytes())
    return ROOT / "_build" / "experiments" / f"{table}-{digest.hexdigest()[:12]}"


def _rests_on(file: Path, known: set[Path]) -> set[Path]:
    """Add a module to the known ones, and what it imports of this folder and of the package."""
    known.add(file)
    for statement in ast.walk(ast.parse(file.read_text())):
        if isinstance(statement, ast.ImportFrom):
            home = ROOT.joinpath(*str(statement.module).split("."))
            for imported in (home.with_suffix(".py"), *(home / f"{name.name}.py" for name in statement.names)):
                if imported.is_file() and imported not in known:
                    _rests_on(imported, known)
    return known


def _cpu_seconds() -> float:
    """Return what this process has used, and what those that it started and waited for have."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
