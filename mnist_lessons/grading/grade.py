"""Grade: run a student's answer in its sandbox, and the tests here, where no student's code ever runs.

The tests are those of the master. To them the student's functions look like functions, but a call is a question to
another process and its result a value that came back. Whatever that process does, it can only answer.
"""

import ast
import atexit
import contextlib
import functools
import io
import threading
import time
import traceback
from typing import Any

from mnist_lessons.grading.answers import Answer, UnreadableError, read_answers
from mnist_lessons.grading.sandbox import Limits
from mnist_lessons.grading.source import Exercise, Test
from mnist_lessons.grading.submissions import Submission
from mnist_lessons.grading.zygote import GraderError, Student, StudentError, Zygote, without_extras

Record = dict[str, Any]


def grade_submission(submission: Submission, exercises: list[Exercise], zygote: Zygote) -> Record:
    """Grade all questions of one submission.

    Returns
    -------
    record
        ``student``, ``digest`` of what was graded, ``problem`` with the file, ``score``, ``max_score``, ``seconds`` and
        ``questions``: for each its ``id``, ``title``, ``score``, ``max_score`` and ``tests``, and for each test its
        ``id``, ``points``, ``max_points``, whether it was ``hidden``, and a ``message`` for the student.
    """
    start = time.monotonic()
    problem, answers = submission.problem, {}
    if submission.notebook is not None:
        try:
            answers = read_answers(submission.notebook, exercises)
        except UnreadableError as error:
            problem = str(error)
    questions = []
    for exercise in exercises:
        tests = grade_answer(exercise, answers.get(exercise.id), zygote)
        score = sum(test["points"] for test in tests)
        about = {"id": exercise.id, "title": exercise.title, "chapter": exercise.chapter}
        questions.append({**about, "score": score, "max_score": exercise.points, "tests": tests})
    return {
        "student": submission.student,
        "digest": submission.digest,
        "problem": problem,
        "score": sum(question["score"] for question in questions),
        "max_score": sum(question["max_score"] for question in questions),
        "seconds": round(time.monotonic() - start, 2),
        "questions": questions,
    }


def grade_answer(exercise: Exercise, answer: Answer | None, zygote: Zygote) -> list[Record]:
    """Grade the answer to one question: one record a test, see `grade_submission`."""
    if answer is None or all(cell.strip() in ("", exercise.stub.strip()) for cell in answer.cells):
        return [_record(test, "No answer was found.") for test in exercise.tests]
    required = [(code, True) for code in exercise.setup]
    required += [(code, False) for code in answer.context] + [(code, True) for code in answer.cells]
    names = _set_up(exercise.setup)
    limits = Limits(seconds=exercise.seconds)
    with zygote.student(required, limits=limits, modules=exercise.modules) as student:
        problem = _run(student)
        names |= {} if problem else _fetch(student, exercise.names)
        # The tests of an answer share their names, as in a notebook.
        return [_record(test, problem or _run_test(test, names)) for test in exercise.tests]


def _record(test: Test, message: str | None) -> Record:
    points = test.points if message is None else 0
    return {"id": test.id, "points": points, "max_points": test.points, "hidden": test.hidden, "message": message or ""}


@functools.cache
def _set_up_once(setup: tuple[str, ...]) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "tests"}
    with without_extras():
        for code in setup:
            exec(compile(code, "setup", "exec"), names)
    return names


def _set_up(setup: tuple[str, ...]) -> dict[str, Any]:
    """Return the names a test can use: those of the set-up cells, which come from the master."""
    return dict(_set_up_once(setup))


def _run(student: Student) -> str | None:
    """Run the answer; return what went wrong, None if nothing did."""
    try:
        student.run()
    except Exception as error:  # any error of the student's code
        return f"The answer stopped with {_describe(error)}"
    return None


def _fetch(student: Student, names: list[str]) -> dict[str, Any]:
    """Return what the answer defines; what is missing stays undefined, for the tests to stumble upon."""
    found = {}
    for name in names:
        with contextlib.suppress(Exception):
            found[name] = student.fetch(name)
    return found


def _run_test(test: Test, names: dict[str, Any]) -> str | None:
    """Run one test; return why it failed, None if it passed."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(_compile(test.code), names)
    except AssertionError as error:
        said = str(error).strip().partition("\n")[0][:500] or "an assertion does not hold"
        place = "" if test.hidden else _line(error, test.code)
        return f"Expected: {said}{place}"
    except Exception as error:  # an error in the student's code, or a value the test cannot work with
        return f"The test stopped with {_describe(error)}"
    return None


@functools.cache
def _compile(code: str) -> Any:
    return compile(ast.parse(code), "test", "exec")


def _describe(error: Exception) -> str:
    if isinstance(error, StudentError):
        return str(error)
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:500]}"


def _line(error: Exception, code: str) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "test"]
    return f" ({code.splitlines()[lines[0] - 1].strip()})" if lines and lines[0] else ""


@functools.cache
def _own_zygote(unsafe: bool) -> Zygote:
    zygote = Zygote(unsafe=unsafe)
    atexit.register(zygote.close)
    return zygote


_turn = threading.Lock()  # a cluster's workers may have several threads


def grade_here(submission: Submission, exercises: list[Exercise], *, unsafe: bool) -> Record:
    """Grade in this process, with a zygote that it keeps: what a pool or a cluster runs.

    Raises
    ------
    GraderError
        It failed twice, the second time with a new zygote.
    """
    with _turn:
        try:
            return grade_submission(submission, exercises, _own_zygote(unsafe))
        except GraderError:
            _own_zygote.cache_clear()
            return grade_submission(submission, exercises, _own_zygote(unsafe))
