"""Print the tables of this folder: ``python -m bench [--only TABLE ...]``.

What was measured on this machine with the same code is not measured again. Each table is written to
_build/bench/TABLE.json too, with its notes.
"""

import argparse
import importlib
import json
import operator
import sys
import time
from pathlib import Path
from typing import Any

from bench import Row
from experiments.runner import RunError, machine

REPORTS = Path(__file__).resolve().parents[1] / "_build" / "bench"
COMPARISONS = {"<=": operator.le, ">=": operator.ge}


def main() -> None:
    """Print every table and end with an error if a row could not be measured or misses its target."""
    tables = sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py"))
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", nargs="+", metavar="TABLE", choices=tables, default=tables, help=", ".join(tables))
    troubles = []
    for table in parser.parse_args().only:
        heads = f"{'row':<48}{'baseline':>12}{'ours':>12}  {'unit':<16}{'ratio':>8}  {'target':<16}met"
        print(f"\n{table}\n{heads}", flush=True)
        results = []
        for row in importlib.import_module(f"bench.{table}").rows():
            try:
                results.append(report(row))
            except RunError as error:
                troubles.append(f"{row.name}: {error}")
                continue
            print(line(results[-1]), flush=True)
            if results[-1]["met"] is False:
                troubles.append(f"{row.name}: target not met {results[-1].get('missed', '')}".rstrip())
        REPORTS.mkdir(parents=True, exist_ok=True)
        content = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "rows": results}
        (REPORTS / f"{table}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if troubles:
        sys.exit("\n".join(["bench:", *troubles]))


def report(row: Row) -> dict[str, Any]:
    """Measure what a row needs and is not measured yet, and judge it."""
    figures = row.measure()
    ratio = figures["baseline"] / figures["ours"] if "baseline" in figures else None
    met = "missed" not in figures and _holds(row.target, {"ours": figures["ours"], "ratio": ratio})
    return {"row": row.name, "unit": row.unit, "target": row.target, **figures, "ratio": ratio, "met": met}


def _holds(target: str, figures: dict[str, Any]) -> bool | None:
    """Tell whether a comparison like "ours <= 60" holds; None where there is none."""
    if not target:
        return None
    quantity, comparison, number = target.split()
    return bool(COMPARISONS[comparison](figures[quantity], float(number)))


def line(result: dict[str, Any]) -> str:
    """Return a result as a line of the printed table."""

    def number(value: float | None, width: int) -> str:
        return "".rjust(width) if value is None else f"{value:>{width}.4g}"

    verdict = {True: "yes", False: "NO", None: ""}[result["met"]]
    return (
        f"{result['row']:<48}{number(result.get('baseline'), 12)}{number(result['ours'], 12)}  {result['unit']:<16}"
        f"{number(result['ratio'], 8)}  {result['target']:<16}{verdict}"
    )


if __name__ == "__main__":
    main()
