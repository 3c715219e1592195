"""Hostile answers, messages and models get no point, and the question beside them keeps its own."""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coursegrader import exercises, worker
from coursegrader.exercises import Exercise
from coursegrader.grade import Record
from coursegrader.submissions import Submission

pytestmark = pytest.mark.usefixtures("needs_isolation")
SECONDS = 3
EVERY = 24  # of the cases, one in so many is graded each time, and all of them weekly

PARTS = dict(
    re.findall(
        r"(?ms)^# ([A-Z]\w+(?: \w+)?)\n\n```\w+\n(.*?)^```", Path(__file__).with_name("hostile.md").read_text("utf-8")
    )
)
# Sends a model or a message as it stands. What is not a value is a line that a student's process writes itself.
SENDS_MODEL = """
import coursegrader.keras_models as k

def L(kind, **config):
    config = {"name": kind.lower(), **config}
    return {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}

class Fake:
    layers = []
    def get_weights(self):
        try:
            return k.keras.saving.deserialize_keras_object(MODEL).get_weights()
        except BaseException:
            return []

SHAPE = [8, 8, 3] if any(word in CODE for word in ("Rand", "Aug", "Resiz", "Crop")) else [784]
SHAPE = [28, 28] if any(word in CODE for word in ("1D", "RNN", "LSTM", "Time", "Bidir", "Multi")) else SHAPE
INPUT = L("InputLayer", batch_shape=[None, *SHAPE])
MODEL = {"module": "keras", "class_name": "Sequential", "registered_name": None, "config": {
    "name": "s", "layers": [INPUT, *eval(f"[{CODE}]")]}}
k.describe_model = lambda model: MODEL
def f(x): return Fake()
"""
SENDS_VALUE = """
import coursegrader.forkserver as s
s._answer_one = lambda question, notebook: eval(CODE) if question.get("call") else {"value": True}
f = len
"""
SENDS_TEXT = """
import os
def f(x):
    text = CODE.encode()
    os.write(3, len(text).to_bytes(4, "big") + text)
    os._exit(0)
"""


def cases() -> Iterator[Any]:
    """Yield the code of an answer for each case."""
    senders = {"Messages": SENDS_VALUE, "Raw messages": SENDS_TEXT, "Models": SENDS_MODEL}
    for part, text in PARTS.items():
        found = text.split("---\n") if part == "Answers" else text.splitlines()
        for number, case in enumerate(found):
            code = f"CODE = {case!r}\n{senders[part]}" if part in senders else case
            marks = [] if number % EVERY == 0 else [pytest.mark.weekly]
            yield pytest.param(code, id=f"{part}-{number}", marks=marks)


CASES = list(cases())


def test_there_are_many_hostile_answers() -> None:
    assert len(CASES) > 160


def question(name: str, tests: list[str]) -> Exercise:
    made = tuple(exercises.Test(f"a-{name}-{n}", code, 1, n > 1) for n, code in enumerate(tests, start=1))
    setup = ("import keras\nimport numpy as np",)
    return Exercise(f"a-{name}", "a", name, 1, 1, SECONDS, "", setup, f"def {name}(x): return x", made)


ATTACKED = question(
    "f",
    [
        "expected = np.random.default_rng().random((2, 3))\n"
        "SECRET_IN_TEST = 'kept'\n"
        "assert np.array_equal(f(lambda *a, **k: 1), expected)",
        "model = f(1)\nzeros = np.zeros((1, *model.input_shape[1:]), 'float32')\nassert np.sum(model(zeros)) == 12345",
        "import warnings\nwith warnings.catch_warnings(action='error'):\n    assert f('SECRET_IN_TEST') == 'x' * 7",
        "assert f(np.ones((2, 3))) == np.random.default_rng().random()",
    ],
)
BESIDE = question("g", ["assert g(3) == 3", "assert g(4) == 4"])


def grade(code: str) -> Record:
    cells = [
        {"cell_type": "code", "source": text, "metadata": {"nbgrader": {"grade_id": name}}}
        for name, text in (("a-g", "def g(x):\n    return x"), ("a-f", code))
    ]
    notebook = json.dumps({"cells": cells}).encode()
    return worker.grade_here(Submission("eve", notebook), [ATTACKED, BESIDE], unsafe=False)


@functools.cache
def warm() -> None:
    """Import what has to be imported."""
    grade("def f(x): return x")


@pytest.mark.parametrize("code", CASES)
def test_hostile_answer_gets_no_point_and_costs_nothing_else(code: str) -> None:
    warm()
    attacked, beside = grade(code)["questions"]
    assert (attacked["score"], beside["score"]) == (0, 2), attacked
    text = json.dumps(attacked)
    assert not re.search(r"kept|expected = ", text)
