"""The directives ``{verify-ways}`` and ``{verify-reports}``: ways to verify the book, and what that gave.

Reports are the JSON files of `mnist-lessons verify` in the folder `reports`, as they were written.
"""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

import addresses
from folders import ROOT
from markup import raw_html
from mnist_lessons.reports import summary, table, value
from mnist_lessons.verification import BOOK

FOLDER = ROOT / "reports"
MARKS = {"agrees": "✓", "differs": "✗", "not compared": "–"}

WORST = ("agrees", "not compared", "differs")  # the last is


class ReportError(SphinxError):
    """A file in the folder of reports is none; stops the build."""

    category = "Report error"


def read_reports(folder: Path) -> list[dict[str, Any]]:
    """Return the reports of a folder, by system, processor and Python.

    Raises
    ------
    ReportError
        A file is not what `mnist-lessons verify` writes.
    """
    reports = []
    for file in folder.glob("*.json"):
        try:
            report = json.loads(file.read_text(encoding="utf-8"))
            _ = platform(report), summary(report), [_row(result) for result in report["results"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ReportError(f"{file}: expected a report of mnist-lessons verify; {error!r}") from error
        reports.append(report)
    return sorted(reports, key=lambda report: (platform(report)[::-1], report["date"]))


def platform(report: dict[str, Any]) -> tuple[str, str]:
    """Return Python and machine of a report."""
    machine = report["machine"]
    return f"Python {machine['python']}", f"{machine['system']}, {machine['processor']}, {machine['cores']} cores"


def _row(result: dict[str, Any]) -> tuple[str, str, str]:
    return result["chapter"], result["kind"], result["name"]


def overview(reports: Sequence[dict[str, Any]]) -> str:
    """Return a table of the reports as HTML."""
    rows = []
    for report in reports:
        source = report["book"]["source"]
        took = sum(run["cpu_seconds"] or run["seconds"] for run in report["chapters"])
        cells = [*platform(report), report["date"][:10], source["commit"][:12] or source["swhid"][-12:]]
        peak = max((run["peak_mb"] or 0 for run in report["chapters"]), default=0)
        rows.append([escape(cell) for cell in [*cells, summary(report), f"{took:,.0f}", f"{peak:,}"]])
    return table(
        "Reports of the command verify, one a line",
        ["Python", "Machine", "Date", "Commit of the book", "Outcome", "CPU seconds", "Peak MB"],
        rows,
    )


def by_chapter(reports: Sequence[dict[str, Any]]) -> str:
    """Return a fold for each chapter with a table of claims and numbers by platform, as HTML."""
    titles = {run["name"]: run["title"] for report in reports for run in report["chapters"]}
    keys = list(dict.fromkeys(_row(result) for report in reports for result in report["results"]))
    # A claim may have several parts: the worst of them is shown.
    found = [
        {
            _row(result): result
            for result in sorted(report["results"], key=lambda result: WORST.index(result["verdict"]))
        }
        for report in reports
    ]
    heads = ["Name", "Book", *(f"{python}, {machine}" for python, machine in map(platform, reports))]
    folds = []
    for chapter, title in titles.items():
        # Claims first: they are what the text says.
        own = sorted((key for key in keys if key[0] == chapter), key=lambda key: key[1] == "number")
        rows = [_cells(key, [results.get(key) for results in found]) for key in own]
        differ = sum(results[key]["verdict"] == "differs" for results in found for key in own if key in results)
        said = f"{differ} differ" if differ else "none differs"
        caption = f"{title}: claims and numbers by platform"
        folds.append(
            f"<details><summary>{escape(title)} ({len(own)}, {said})</summary>{table(caption, heads, rows)}</details>"
        )
    return f'<div class="by-platform">{"".join(folds)}</div>'


def _cells(key: tuple[str, str, str], results: Sequence[dict[str, Any] | None]) -> list[str]:
    book = next(result["book"] for result in results if result is not None)
    kind = "" if key[1] == "number" else f" ({key[1]})"
    return [escape(key[2] + kind), escape(value(book)), *map(_cell, results)]


def _cell(result: dict[str, Any] | None) -> str:
    """Return the verdict on one claim or number on one platform, in a mark and in words."""
    if result is None:
        return "not run"
    shown = f"<br>{escape(value(result['here']))}" if "here" in result else ""
    return (
        f'<span class="ml-{result["verdict"].split()[0]}">{MARKS[result["verdict"]]} {result["verdict"]}</span>{shown}'
    )


class Reports(SphinxDirective):
    """``{verify-reports}``."""

    def run(self) -> list[nodes.Node]:
        """Return the tables."""
        for file in FOLDER.glob("*.json"):
            self.env.note_dependency(str(file))
        reports = read_reports(FOLDER)
        if not reports:
            return [nodes.paragraph(text="There is no report yet.")]
        return [raw_html(overview(reports)), raw_html(by_chapter(reports))]


class Ways(SphinxDirective):
    """``{verify-ways}``."""

    def run(self) -> list[nodes.Node]:
        """Return links that open the notebook which verifies, and the command that does it elsewhere."""
        where: addresses.Addresses = self.config.html_context["addresses"]
        return self.parse_text_to_nodes(
            f"- [Verify on Binder]({where.binder(addresses.VERIFY)}): no account is needed.\n"
            f"- [Verify on Colab]({where.colab(addresses.VERIFY)}), with an account of Google.\n"
            f"- On your machine, where the package is installed:\n\n"
            f"  ```bash\n  mnist-lessons verify --book {where.site}{BOOK}\n  ```\n"
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("verify-reports", Reports)
    app.add_directive("verify-ways", Ways)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
