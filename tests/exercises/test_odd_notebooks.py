"""Whole notebooks as students write and save them get full marks for right answers."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_book_exercises import EXERCISES

from coursegrader import grade
from coursegrader.assignment import PLACEHOLDER
from coursegrader.exercises import Exercise
from coursegrader.forkserver import Forkserver
from coursegrader.submissions import Submission

EVERY = 12  # of the notebooks, one in so many is graded each time, and all of them weekly
TEXT = Path(__file__).with_name("odd.md").read_text(encoding="utf-8")
NOTEBOOKS = TEXT.partition("```text\n")[2].rpartition("```")[0].split("=====\n")


def cell(name: str, code: str) -> dict[str, Any]:
    about = {"nbgrader": {"grade_id": name}} if name else {}
    return {"cell_type": "code", "source": code, "metadata": about, "outputs": [], "execution_count": 1}


def make(text: str) -> tuple[Exercise, list[dict[str, Any]]]:
    """Return the exercise that a notebook answers, and its cells with set-up at the top and tests behind the answer."""
    parts = re.split(r"(?m)^---(?: ([\w-]+))?\n", "---\n" + text)[1:]
    name = next(name for name in parts[::2] if name)
    exercise = EXERCISES[name]
    cells = [cell(f"setup-{number}", code) for number, code in enumerate(exercise.setup, start=1)]
    for place, code in zip(parts[::2], parts[1::2], strict=True):
        code = re.sub(r"(?m)^# the solution$", lambda _: exercise.solution, code)
        cells += [cell(place or "", code)] if code.strip() else []
        if place:
            cells += [cell(test.id, PLACEHOLDER if test.hidden else test.code) for test in exercise.tests]
    return exercise, cells


def lines(code: str) -> list[str]:
    return code.splitlines(keepends=True)


# The ways in which programs store a notebook.
FORMS: list[Callable[[list[dict[str, Any]]], bytes]] = [
    lambda cells: json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}).encode(),
    lambda cells: b"\xef\xbb\xbf" + json.dumps({"cells": cells}, ensure_ascii=False).encode(),
    lambda cells: json.dumps({"cells": [{**c, "source": lines(c["source"])} for c in cells]}, indent=1).encode(
        "utf-16"
    ),
    lambda cells: json.dumps({"worksheets": [{"cells": [{**c, "input": c["source"]} for c in cells]}]}).encode(),
    lambda cells: json.dumps({"cells": [{**c, "source": c["source"].replace("\n", "\r\n")} for c in cells]}).encode(),
    lambda cells: json.dumps({"cells": [c for c in cells for _ in range(2)], "nbformat": 5}).encode(),  # copied
    lambda cells: json.dumps({"cells": [{"cell_type": "markdown", "source": "# 🙂", "metadata": {}}, *cells]}).encode(),
]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        pytest.param(n, text, id=f"{n}", marks=[] if n % EVERY == 0 else [pytest.mark.weekly])
        for n, text in enumerate(NOTEBOOKS)
    ],
)
def test_odd_notebook_gets_full_marks(number: int, text: str, forkserver: Forkserver) -> None:
    exercise, cells = make(text)
    notebook = FORMS[number % len(FORMS)](cells)
    (graded,) = grade.grade_submission(Submission("ada", notebook), [exercise], forkserver)["questions"]
    assert [test["message"] for test in graded["tests"]] == [""] * len(exercise.tests), graded


def test_there_are_many_odd_notebooks() -> None:
    assert len(NOTEBOOKS) >= 80
