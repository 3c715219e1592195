"""`mnist-lessons verify`, on tiny chapters: what agrees, what differs, what cannot be compared, and the report."""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import published
import verified
from mnist_lessons.__main__ import main as command
from mnist_lessons.reports import summary
from mnist_lessons.source import Source
from mnist_lessons.verification import compare, main, widening
from toc import documents_in_toc

ROOT = Path(__file__).resolve().parents[1]
MACHINE = {
    "processor": "P",
    "architecture": "x",
    "cores": 1,
    "memory_gb": 1,
    "system": "S",
    "python": "3.11.0",
    "versions": {},
}
COMMON = "from mnist_lessons.results import check, record\n"


def number(value: float | str, low: float | None = None, high: float | None = None, **more: Any) -> dict[str, Any]:
    return {"name": "n", "value": value, **({} if low is None else {"interval": [low, high]}), **more}


@pytest.mark.parametrize(
    ("book", "here", "verdict"),
    [
        # Half widths 3 and 4 on the sides that face each other: the difference may be 5.
        (number(10, 0, 13), number(14.9, 10.9, 99), "agrees"),
        (number(10, 0, 13), number(15.1, 11.1, 99), "differs"),
        (number(10, 7, 99), number(5.1, 0, 9.1), "agrees"),
        (number(10, 7, 99), number(4.9, 0, 8.9), "differs"),
        (number(10, 7, 13), number(14.2), "agrees"),  # within the square root of two times 3
        (number(10, 7, 13), number(14.3), "differs"),
        (number(10), number(10.9), "agrees"),
        (number(-10), number(-11.1), "differs"),
        (number(0), number(0), "agrees"),
        (number(15, compare="exactly"), number(16), "differs"),
        (number(33.3, compare="exactly"), number(33.3 + 1e-13), "agrees"),
        (number(2.0, compare="never"), number(9.0), "not compared"),
        (number("no"), number("yes"), "differs"),
        (number("no"), number("no"), "agrees"),
    ],
)
def test_numbers_agree_within_the_interval_of_their_difference(book: Any, here: Any, verdict: str) -> None:
    assert compare(book, here, 1.0)["verdict"] == verdict


def test_intervals_are_widened_so_that_one_honest_run_in_twenty_fails() -> None:
    rng = np.random.default_rng(0)
    entries = [number(0.0, -1.96, 1.96)] * 40
    widened = widening({"chapters": {"a": {"entries": entries}}})

    def fails() -> bool:
        old, new = rng.normal(size=(2, len(entries)))
        pairs = zip(old, new, strict=True)
        return any(
            compare(number(a, a - 1.96, a + 1.96), number(b, b - 1.96, b + 1.96), widened)["verdict"] == "differs"
            for a, b in pairs
        )

    assert 0.03 < sum(fails() for _ in range(1000)) / 1000 < 0.07
    assert widening({"chapters": {}}) == 1


def chapter(*cells: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    numbered = [[10 * index, COMMON * (index == 1) + cell] for index, cell in enumerate(cells, 1)]
    return {"title": "T", "seconds": 1.0, "cpu_seconds": 1.0, "peak_mb": 1, "cells": numbered, "entries": entries}


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book of two chapters: one that crashes, and one with a check and an assertion that fail here."""
    entries: list[dict[str, Any]] = [{"name": "late", "value": 1}]
    crashes = chapter("def f():\n    return 1 / 0", "f()", "record('late', 1)", entries=entries)
    entries = [
        {"name": "same", "value": 50.0, "interval": [49.0, 51.0]},
        {"name": "off", "value": 50.0, "interval": [49.0, 51.0]},
        {"claim": "holds", "value": 3.0, "at_least": 1.0},
        {"claim": "fails", "value": 3.0, "at_least": 1.0},
        {"name": "dropped", "value": 1},
    ]
    goes_on = chapter(
        "record('same', 50.5, interval=(49.5, 51.5))\nrecord('off', 60.0, interval=(59.0, 61.0))",
        "check('fails', 0.5, at_least=1)\ncheck('holds', 2.0, at_least=1)",
        "assert False, 'it is no longer so'",
        entries=entries,
    )
    source = Source("swh:1:dir:1", "c0ffee", changed=False)._asdict()
    text = {"version": "1", "source": source, "package": "", "machine": MACHINE}
    file = tmp_path / "verify.json"
    file.write_text(json.dumps({**text, "chapters": {"crashes": crashes, "goes-on": goes_on}}), encoding="utf-8")
    return file


def test_report_names_what_agrees_and_differs_and_goes_on_after_a_failure(
    book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--book", str(book), "--report", str(tmp_path)]) == 1
    report = json.loads((tmp_path / "mnist-lessons-report.json").read_text(encoding="utf-8"))
    assert {result["name"]: result["verdict"] for result in report["results"]} == {
        "late": "not compared",  # the chapter ended before
        "same": "agrees",
        "off": "differs",
        "holds": "agrees",
        "fails": "differs",
        "dropped": "differs",  # this run did not record it
        "goes-on.md, line 30": "differs",
    }
    crashed, ran = report["chapters"]
    assert (crashed["error"], ran["error"]) == ("crashes.md, line 20: ZeroDivisionError: division by zero", "")
    assert ran["peak_mb"] > 10
    assert report["book"]["source"]["commit"] == "c0ffee"
    assert "2 of 6 numbers and claims agree with the book; 4 differ; 1 cannot be compared; crashes failed." in (
        capsys.readouterr().out
    )
    page = (tmp_path / "mnist-lessons-report.html").read_text(encoding="utf-8")
    assert "it is no longer so" in page
    assert not any(mark in page for mark in ("src=", "href=", "@import", "url(")), "it needs no other file"
    assert str(tmp_path) not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "no chapter is called train; expected some of crashes, goes-on"),
        (["--book", "nowhere.json"], "nowhere.json: expected the verify.json"),
    ],
)
def test_what_cannot_be_verified_is_said_without_the_grader(
    book: Path, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "coursegrader", None)
    monkeypatch.setattr(sys, "argv", ["mnist-lessons", "verify", "--book", str(book), *arguments])
    assert command() == 2
    assert message in capsys.readouterr().err


def test_chapters_import_only_what_the_package_requires() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = {re.split(r"[;<>= ]", requirement)[0] for requirement in project["dependencies"]}
    known |= {*sys.stdlib_module_names, "mnist_lessons", "PIL"}
    imported = {
        (name, module)
        for name in documents_in_toc()
        for cell in re.findall(
            r"^```\{code-cell\}(.*?)^```", (ROOT / name).read_text("utf-8"), re.MULTILINE | re.DOTALL
        )
        for module in re.findall(r"^ *(?:import|from) (\w+)", cell, re.MULTILINE)
    }
    assert len(imported) > 50
    assert {(name, module) for name, module in imported if module not in known} == set()


# The site ---------------------------------------------------------------------------------------------------------


def made_report(python: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    run = {"name": "a", "title": "A & B", "seconds": 2, "cpu_seconds": 1, "peak_mb": 5, "error": ""}
    verdicts = [result["verdict"] for result in results]
    counts: dict[str, Any] = {kind: verdicts.count(kind) for kind in ("agrees", "differs", "not compared")}
    source = {"swhid": "swh:1:dir:1", "commit": "c0ffee", "changed": False}
    return {
        "book": {"source": source},
        "date": "2026-01-01",
        "machine": {**MACHINE, "python": python},
        "counts": counts | {"failed": []},
        "chapters": [run],
        "results": results,
    }


def test_site_shows_each_claim_by_platform(tmp_path: Path) -> None:
    claim = {"chapter": "a", "kind": "claim", "name": "faster", "book": True, "here": True, "verdict": "agrees"}
    share = {
        "chapter": "a",
        "kind": "number",
        "name": "share",
        "book": [1.0, 0.5, 1.5],
        "here": 9,
        "verdict": "differs",
    }
    part = {**claim, "here": "expected at least 2", "verdict": "differs"}
    for name, results in {"3.13.0": [share, claim], "3.11.7": [part, claim]}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(made_report(name, results)), encoding="utf-8")
    reports = verified.read_reports(tmp_path)
    assert [report["machine"]["python"] for report in reports] == ["3.11.7", "3.13.0"]
    shown = verified.by_chapter(reports)
    assert shown.index("faster (claim)") < shown.index("share")
    assert "A &amp; B (2, 2 differ)" in shown
    assert shown.count("expected at least 2") == 1, "the part of a claim that differs is shown"
    assert "<td>1 (0.5 to 1.5)</td><td>not run</td><td><span" in shown
    assert summary(reports[1]) in verified.overview(reports)


def test_file_that_is_no_report_stops_the_build_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}", encoding="utf-8")
    with pytest.raises(verified.ReportError, match=r"mine\.json: expected a report"):
        verified.read_reports(tmp_path)


def test_each_page_says_which_source_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "SITE", tmp_path)
    page = tmp_path / "page.html"
    page.write_text('<p>a</p><p class="source">unknown</p>', encoding="utf-8")
    published.stamp_pages(Source("swh:1:dir:1", "c0ffee", changed=True))
    assert "swh:1:dir:1" in (changed := page.read_text(encoding="utf-8"))
    assert "not committed" in changed
    published.stamp_pages(Source("swh:1:dir:2", "c0ffee", changed=False))
    later = page.read_text(encoding="utf-8")
    assert "/commit/c0ffee" in later
    assert not any(old in later for old in ("swh:1:dir:1", "not committed", "unknown"))


def test_numbers_that_are_never_compared_are_recorded() -> None:
    recorded = json.loads((ROOT / "_build" / "html" / "results.json").read_text(encoding="utf-8"))
    names = {(entry["chapter"], entry["name"]) for entry in recorded if "name" in entry}
    assert {(chapter, name) for chapter, never in published.NEVER.items() for name in never} <= names
