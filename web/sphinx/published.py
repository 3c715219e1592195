"""What the site says of its own making: what `mnist-lessons verify` compares with, and the source of each page.

Both name the state of the sources, which changes with every commit, while pages are only built where their own sources
changed. So they are written after the pages.
"""

import json
import re
from html import escape
from typing import Any

import nbformat

import addresses
import changes
import toc
from execute import page, python_of, read_notebook, recorded
from folders import ROOT, SITE
from mnist_lessons.source import Source, identify, package_swhid
from mnist_lessons.store import write_atomically
from mnist_lessons.verification import BOOK, describe_machine

# Only the data decide what these chapters record, so another run has to give the same.
OF_DATA = {"why-mnist", "data"}
# Times of one machine, calls of one Python, and p-values, of which no difference can be expected to be small.
NEVER = {
    "augmentation": {"pipeline_cost"},
    "evaluate": {"extremes_p", "mcnemar_p"},
    "pipelines": {"generator_slower", "single_ratio"},
    "scoreboard": {"code_p"},
    "train-fast": {"calls_a_step", "compile_steps", "fixed_share", "rest", "share_fused"},
}
PLACE = re.compile(r'(<p class="source">).*?(</p>)', re.DOTALL)


def chapters(executed: dict[str, nbformat.NotebookNode]) -> dict[str, dict[str, Any]]:
    """Return the code of each chapter, with the line where each cell starts, and what the book's run recorded."""
    found = {}
    for name, notebook in executed.items():
        short = page(name)
        if short not in toc.chapters():
            continue
        source, lines = read_notebook(name)
        cells = [
            [line, python_of(cell.source, f"{name}:{line}")]
            for cell, line in zip(source.cells, lines, strict=True)
            if cell.cell_type == "code"
        ]
        title = re.search(r"^# (.+)$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        spent = {key: notebook.metadata.execution[key] for key in ("seconds", "cpu_seconds", "peak_mb")}
        entries = [_entry(short, entry) for entry in recorded(notebook)]
        found[short] = {"title": title[1] if title else short, **spent, "cells": cells, "entries": entries}
    return found


def _entry(chapter: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Return what is compared of an entry, and how if it is a number without an interval."""
    kept = {key: entry[key] for key in ("name", "claim", "value", "interval") if key in entry}
    if entry.get("name") in NEVER.get(chapter, ()):
        return kept | {"compare": "never"}
    return kept | ({"compare": "exactly"} if chapter in OF_DATA and "interval" not in entry else {})


def write_book(executed: dict[str, nbformat.NotebookNode], source: Source) -> None:
    """Write the file that `mnist-lessons verify` compares with, beside the site's pages."""
    book = {
        "version": changes.version(),
        "source": source._asdict(),
        "package": package_swhid(ROOT / "mnist_lessons", [BOOK]),
        "machine": describe_machine(),
        "chapters": chapters(executed),
    }
    write_atomically(SITE / BOOK, json.dumps(book, ensure_ascii=False) + "\n")


def stamp_pages(source: Source) -> None:
    """Write into the foot of each page of the site which state of the sources it shows, and when its own changed."""
    about, days = describe(source), changes.last_changes()
    for file in SITE.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        day = days.get(file.relative_to(SITE).with_suffix("").as_posix())
        said = f"This page last changed on {changes.written(day)}. {about}" if day else about
        stamped = PLACE.sub(lambda found, said=said: found[1] + said + found[2], text)  # type: ignore[misc]
        if stamped != text:
            write_atomically(file, stamped)


def describe(source: Source) -> str:
    """Return the source as HTML, with a link to its commit."""
    said = f"Source <code>{source.swhid}</code>"
    if not source.commit:
        return f"{said}, outside a clone"
    address = escape(addresses.read().commit(source.commit))
    link = f'<a href="{address}">{source.commit[:12]}</a>'
    return f"{said}, commit {link}" + (" with changes that are not committed" if source.changed else "")


def identify_book() -> Source:
    """Return the state of the sources that are here."""
    return identify(ROOT)
