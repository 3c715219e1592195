"""What it costs to execute the chapters: every model trained anew, one chapter at a time, on one core."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import toc
from bench import Row

ROOT = Path(__file__).resolve().parents[1]


def rows() -> list[Row]:
    """Return three rows a chapter, and their total."""
    found = []
    for name in toc.chapters():
        found.append(Row(f"{name}: CPU", "CPU s", "ours <= 60", functools.partial(figure, name, "cpu_seconds")))
        found.append(Row(f"{name}: time on one core", "s", "", functools.partial(figure, name, "seconds")))
        found.append(Row(f"{name}: peak memory", "MB", "ours <= 900", functools.partial(figure, name, "peak_mb")))
    return [*found, Row("all chapters, cold", "CPU s", "ours <= 300", total)]


def figure(name: str, what: str) -> dict:
    """Return one figure of a chapter."""
    return {"ours": executed()[name][what], "note": "one core, nothing stored"}


def total() -> dict:
    """Return the CPU seconds of all chapters together."""
    return {"ours": sum(spent["cpu_seconds"] for spent in executed().values())}


@functools.cache
def executed() -> dict[str, dict]:
    """Execute all chapters from an empty store, in reading order."""
    spent = {}
    with tempfile.TemporaryDirectory() as store:
        for name in toc.chapters():
            command = [
                str(ROOT / ".venv/book/bin/python"),
                str(ROOT / "web/sphinx/build.py"),
                "--jobs",
                "1",
                "--execute",
                name,
            ]
            if hasattr(os, "sched_setaffinity"):
                command = [sys.executable, "-c", PINNED, *command]
            subprocess.run(
                command, check=True, env=os.environ | {"MNIST_LESSONS_STORE": store}, stdout=subprocess.DEVNULL
            )
            file = ROOT / "_build" / "executed" / f"{name}.ipynb"
            spent[name] = json.loads(file.read_text())["metadata"]["execution"]
    return spent


PINNED = "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); os.execv(sys.argv[1], sys.argv[1:])"
