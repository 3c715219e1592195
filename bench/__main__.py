"""Measure the tables of this folder: ``python -m bench [--only TABLE ...] [--again]``.

Each row is written to _build/bench.json as soon as it is measured, so a run that was interrupted goes on where it
stopped: a row is measured again when the code that it measures, or a pinned version, has changed, or with --again.
"""

import argparse
import hashlib
import importlib
import json
import operator
import os
import platform
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path

from bench import Row, _runs

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "_build" / "bench.json"
COMPARISONS = {"<=": operator.le, ">=": operator.ge}


def main() -> None:
    """Measure what is not measured yet, and print every table."""
    tables = sorted(file.stem for file in Path(__file__).parent.glob("*.py") if not file.stem.startswith("_"))
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", nargs="+", metavar="TABLE", choices=tables, default=tables, help=", ".join(tables))
    parser.add_argument("--again", action="store_true", help="measure rows anew that are measured already")
    arguments = parser.parse_args()
    if arguments.again and "training" in arguments.only:
        shutil.rmtree(_runs.RUNS, ignore_errors=True)
    missed = 0
    for table in arguments.only:
        print(
            f"\n{table}\n{'row':<48}{'baseline':>12}{'ours':>12}  {'unit':<16}{'ratio':>8}  {'goal':<16}met", flush=True
        )
        for row in importlib.import_module(f"bench.{table}").rows():
            result = (None if arguments.again else find(table, row)) or measure(table, row)
            print(line(result), flush=True)
            missed += result["met"] is False
    if missed:
        sys.exit(f"bench: {missed} rows miss their goal")


def key() -> str:
    """Hash the code that the rows measure and the versions that it runs on."""
    folders = ("bench", "mnist_lessons", "book", "web/sphinx", "web/widgets")
    suffixes = {".py", ".md", ".js", ".mjs", ".css"}
    files = sorted(f for folder in folders for f in (ROOT / folder).rglob("*") if f.suffix in suffixes)
    digest = hashlib.sha256(sys.version.encode())
    for file in [*files, ROOT / "constraints.txt", ROOT / "web" / "package-lock.json"]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def find(table: str, row: Row) -> dict | None:
    """Return the newest result of a row for this code, or None."""
    return next((r for r in reversed(kept()) if (r["table"], r["row"], r["key"]) == (table, row.name, key())), None)


def kept() -> list[dict]:
    """Return all results on file, oldest first."""
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else []


def measure(table: str, row: Row) -> dict:
    """Measure a row and append it to the results."""
    measured = key()  # before a long measurement, during which somebody may edit
    found = row.measure()
    baseline, ours = found.get("baseline"), found["ours"]
    ratio = None if baseline is None else baseline / ours
    result = {
        "table": table,
        "row": row.name,
        "baseline": baseline,
        "ours": ours,
        "unit": row.unit,
        "ratio": ratio,
        "goal": row.goal,
        "met": met(row.goal, {"ours": ours, "ratio": ratio}),
        "seeds": found.get("seeds"),
        "note": found.get("note"),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in ("keras", "numpy")}},
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "date": time.strftime("%Y-%m-%d"),
        "key": measured,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    part = RESULTS.with_suffix(".part")
    part.write_text(json.dumps([*kept(), result], indent=1) + "\n")
    part.replace(RESULTS)
    return result


def met(goal: str, figures: dict) -> bool | None:
    """Tell whether a goal like "ours <= 60" holds; None where there is no goal."""
    if not goal:
        return None
    quantity, comparison, number = goal.split()
    return COMPARISONS[comparison](figures[quantity], float(number))


def line(result: dict) -> str:
    """Return a result as a line of the printed table."""

    def number(value: float | None, width: int) -> str:
        return "".rjust(width) if value is None else f"{value:>{width}.4g}"

    verdict = {True: "yes", False: "NO", None: ""}[result["met"]]
    return (
        f"{result['row']:<48}{number(result['baseline'], 12)}{number(result['ours'], 12)}  {result['unit']:<16}"
        f"{number(result['ratio'], 8)}  {result['goal']:<16}{verdict}"
    )


if __name__ == "__main__":
    main()
