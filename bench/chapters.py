"""What it costs to execute the chapters: every model trained, one chapter at a time, on one core."""

import functools
import json
import os
import subprocess
import sys
import tempfile

import toc
from bench import Figures, Row
from experiments.runner import ROOT, measure

RESTS_ON = [ROOT / "_toc.yml", ROOT / "book", ROOT / "web" / "sphinx"]


def rows() -> list[Row]:
    """Return three rows a chapter, and their total."""
    found = []
    for name in toc.chapters():
        found.append(Row(f"{name}: CPU", "CPU s", "ours <= 60", functools.partial(figure, name, "cpu_seconds")))
        found.append(Row(f"{name}: time on one core", "s", "", functools.partial(figure, name, "seconds")))
        found.append(Row(f"{name}: peak memory", "MB", "ours <= 900", functools.partial(figure, name, "peak_mb")))
    return [*found, Row("all chapters, cold", "CPU s", "ours <= 420", total)]


def figure(name: str, what: str) -> Figures:
    """Return one figure of a chapter."""
    return {"ours": executed()[name][what], "note": "one core, nothing stored"}


def total() -> Figures:
    """Return the CPU seconds of all chapters together."""
    return {"ours": sum(spent["cpu_seconds"] for spent in executed().values())}


@functools.cache
def executed() -> dict[str, dict[str, float]]:
    """Return what each chapter took."""
    result: dict[str, dict[str, float]] = measure(execute_all, files=RESTS_ON).result
    return result


def execute_all() -> dict[str, dict[str, float]]:
    """Execute all chapters from an empty store, in reading order; return what each took."""
    spent = {}
    build = [sys.executable, str(ROOT / "web/sphinx/build.py"), "--jobs", "1", "--execute"]
    with tempfile.TemporaryDirectory() as store:
        for name in toc.chapters():
            environment = os.environ | {"MNIST_LESSONS_STORE": store}
            subprocess.run([*build, name], check=True, env=environment, stdout=subprocess.DEVNULL)
            executed = (ROOT / "_build" / "executed" / f"{name}.ipynb").read_text(encoding="utf-8")
            spent[name] = json.loads(executed)["metadata"]["execution"]
    return spent
