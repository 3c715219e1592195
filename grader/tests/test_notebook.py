"""Notebooks that run from top to bottom in Jupyter, each with the points that it must get."""

import dataclasses
import json
import re
import time
from typing import Any

import pytest
from test_grade import read_corpus

from coursegrader import exercises
from coursegrader.assignment import PLACEHOLDER
from coursegrader.exercises import Exercise
from coursegrader.forkserver import Forkserver
from coursegrader.grade import Record, grade_submission
from coursegrader.submissions import Submission


def exercise(name: str, factor: int, setup: str) -> Exercise:
    """Return a question of two points: a function that multiplies its argument."""
    tests = (
        exercises.Test(f"a-{name}-1", f"shown = {name}(1)\nassert shown == {factor}", 1, False),
        exercises.Test(
            f"a-{name}-2", f"calls.append(1)\nassert calls == [1]\nassert {name}(7) == {7 * factor}", 1, True
        ),
    )
    solution = f"def {name}(x):\n    return {factor} * x\n"
    return Exercise(f"a-{name}", "a", name, 1, 1, 9, "", ("import math\n\ncalls = []", setup), solution, tests)


DOUBLE, TRIPLE = exercise("double", 2, "import json"), exercise("triple", 3, "import statistics")
SETUP = {"setup-1": "import math\n\ncalls = []", "setup-2": "import json", "setup-3": "import statistics"}


def notebook(text: str) -> bytes:
    """Return a notebook of cells that are separated by lines such as ``--- a-double``, the id of the next one.

    Set-up comes at the top and before the second question, tests after each answer. An answer that is missing is added.
    """
    parts = re.split(r"(?m)^---(?: ([\w-]+))?\n", "---\n" + text.strip("\n") + "\n")[1:]
    cells = [(name or "", code.strip("\n")) for name, code in zip(parts[::2], parts[1::2], strict=True)]
    given = {name for name, _ in cells}
    placed = [(name, code) for name, code in SETUP.items() if name not in given]
    last = placed.pop()
    for question in (DOUBLE, TRIPLE):
        placed += [cell for cell in cells if (cell[0] == TRIPLE.id) == (question is TRIPLE)]
        placed += [] if question.id in given else [(question.id, question.solution)]
        placed += [(test.id, PLACEHOLDER if test.hidden else test.code) for test in question.tests]
        placed += [last] if question is DOUBLE else []
    stored = [
        {"cell_type": "code", "source": code, "metadata": {"nbgrader": {"grade_id": name}} if name else {}}
        for name, code in placed
    ]
    return json.dumps({"cells": stored}).encode()


def grade(text: str, forkserver: Forkserver, *, seconds: int = 9) -> Record:
    questions = [dataclasses.replace(question, seconds=seconds) for question in (DOUBLE, TRIPLE)]
    return grade_submission(Submission("ada", notebook(text)), questions, forkserver)


def scores(record: Record) -> list[int]:
    return [question["score"] for question in record["questions"]]


CORPUS = read_corpus("notebooks.md")
ENDS = "\n---\n".join(f"import os\nos._exit({number})" for number in range(300))


def test_there_are_many_honest_notebooks() -> None:
    assert len(CORPUS["Honest"]) >= 40


@pytest.mark.parametrize(("points", "text"), CORPUS["Honest"])
def test_notebook_that_runs_gets_all_points(text: Any, points: Any, forkserver: Forkserver) -> None:
    record = grade(text, forkserver)
    assert [test["message"] for question in record["questions"] for test in question["tests"]] == [""] * 4
    assert scores(record) == points


@pytest.mark.parametrize(
    ("points", "text"), [*CORPUS["Careless or hostile"], pytest.param([2, 2], ENDS, id="ends 300 times")]
)
def test_cell_costs_at_most_its_own_question(text: Any, points: Any, forkserver: Forkserver) -> None:
    grade("", forkserver)  # what has to be imported is
    start = time.monotonic()
    assert scores(grade(text, forkserver, seconds=2)) == points
    assert time.monotonic() - start < 2 * (2 + 2)


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("", ""),
        ("!ls", "No shell is there when a notebook is graded: lines for one did nothing."),
        ("while True:\n    pass", "A cell before the answer was left out: it takes too long or ends the program."),
        (
            "--- a-double\ndef double(x):\n    return 2 * x\n\n1 / 0",
            "The answer stopped with ZeroDivisionError: division by zero (line 4 of the answer); "
            "all that it defines was graded.",
        ),
    ],
)
def test_remark_says_what_did_not_run(text: Any, remark: Any, forkserver: Forkserver) -> None:
    assert grade(text, forkserver, seconds=2)["questions"][0]["remark"] == remark


def test_cell_that_took_too_long_is_left_out_of_the_next_questions(forkserver: Forkserver) -> None:
    start = time.monotonic()
    assert scores(grade("while True:\n    pass", forkserver, seconds=8)) == [2, 2]
    assert time.monotonic() - start < 2 + 2, "a quarter of the time of one question"


def test_set_up_is_made_for_each_submission(forkserver: Forkserver) -> None:
    """The hidden test counts calls in a list of the set-up."""
    assert [scores(grade("", forkserver)) for _ in range(2)] == [[2, 2]] * 2
