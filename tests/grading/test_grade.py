"""Attacks and honest mistakes, each with the mark it must get."""

import dataclasses
import re
from pathlib import Path

import pytest

from mnist_lessons.grading.answers import Answer
from mnist_lessons.grading.grade import grade_answer, grade_submission
from mnist_lessons.grading.submissions import Submission


def read_corpus():
    """Return for each part of corpus.md its answers: name, exercise, points, code."""
    text = (Path(__file__).parent / "corpus.md").read_text()
    found = {}
    for part in re.split(r"(?m)^# (?=Honest|Forged|Endless)", text)[1:]:
        heads = re.finditer(r"(?ms)^## (.+?): ([\w-]+), (\d+) points\n```python\n(.*?)^```", part)
        found[part.split("\n")[0]] = [
            pytest.param(exercise, int(points), code, id=name)
            for name, exercise, points, code in (h.groups() for h in heads)
        ]
    return found


CORPUS = read_corpus()
ARGUMENTS = ("exercise", "points", "code")


def score(exercise, code, zygote, *, seconds=None):
    """Return the points of an answer."""
    if seconds:
        exercise = dataclasses.replace(exercise, seconds=seconds)
    text = re.sub(r"(?m)^# the solution$", lambda _: exercise.solution, code)
    return sum(test["points"] for test in grade_answer(exercise, Answer((text,)), zygote))


def test_the_corpus_is_read_whole():
    text = (Path(__file__).parent / "corpus.md").read_text()
    assert sum(map(len, CORPUS.values())) == text.count("\n## ") > 40
    assert set(CORPUS) == {"Honest", "Forged", "Endless"}


@pytest.mark.parametrize(ARGUMENTS, CORPUS["Honest"])
def test_honest_answers_get_what_they_deserve(exercise, points, code, exercises, zygote):
    assert score(exercises[exercise], code, zygote) == points


@pytest.mark.usefixtures("needs_isolation")
@pytest.mark.parametrize(ARGUMENTS, CORPUS["Forged"])
def test_no_point_can_be_forged(exercise, points, code, exercises, zygote):
    assert score(exercises[exercise], code, zygote) == points
    assert score(exercises["model-merge"], "# the solution", zygote) == 3, "the next answer is graded as ever"


@pytest.mark.parametrize(ARGUMENTS, CORPUS["Endless"])
def test_what_does_not_end_is_ended(exercise, points, code, exercises, zygote):
    assert score(exercises[exercise], code, zygote, seconds=2) == points


def test_every_test_says_why_it_failed(exercises, zygote):
    overflows = "def softmax(s):\n    e = np.exp(s)\n    return e / e.sum(axis=1)[:, None]"
    visible, formula, extreme = grade_answer(exercises["model-softmax"], Answer((overflows,)), zygote)
    assert (visible["message"], formula["message"]) == ("", "")
    assert extreme["message"] == "Expected: large and small scores neither overflow nor vanish"

    (visible, *_) = grade_answer(exercises["model-softmax"], Answer(("def softmax(s):\n    return 1 / 0",)), zygote)
    assert visible["message"] == "The test stopped with ZeroDivisionError: division by zero (line 2 of the answer)"


def test_no_hidden_line_is_in_a_message(exercises, zygote):
    exercise = exercises["model-softmax"]
    hidden = {line.strip() for test in exercise.tests if test.hidden for line in test.code.splitlines()}
    for code in ("def softmax(s):\n    return 0", "def softmax(s):\n    return s", "softmax = 5", "1 / 0"):
        for test in grade_answer(exercise, Answer((code,)), zygote):
            assert not any(line in test["message"] for line in hidden if len(line) > 20)


def test_a_file_that_is_no_notebook_still_gets_a_record(exercises, zygote):
    record = grade_submission(Submission("ada", b"%PDF"), [exercises["model-softmax"]], zygote)
    assert (record["student"], record["score"], record["max_score"]) == ("ada", 0, 4)
    assert record["problem"].startswith("The file is not a notebook")
