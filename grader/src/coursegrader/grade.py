"""Grade a submission: run each answer in a sandboxed process, and the tests here, where no student's code runs.

The tests come from the assignment file. A student's function looks like a function to them, but each call is a request
to the student process, and the result is the value in its reply. That process can do nothing but reply.
"""

import ast
import contextlib
import functools
import io
import math
import resource
import signal
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coursegrader import preload
from coursegrader.answers import Answer, UnreadableError, read_answers
from coursegrader.exercises import Exercise, Test
from coursegrader.forkserver import Forkserver, Student, StudentError
from coursegrader.sandbox import Limits
from coursegrader.submissions import Submission

Record = dict[str, Any]

MEMORY = 4 << 30  # bytes that tests may use beyond what this process uses: an answer could be made to fill it
GRACE = 1  # seconds that tests may run longer than the student process

_TOO_LONG = "The code took longer than allowed."


class _OutOfTime(BaseException):
    """A test exceeded the time of its question. No Exception, so that no test catches it as an error of the answer."""


def grade_submission(submission: Submission, exercises: list[Exercise], forkserver: Forkserver) -> Record:
    """Grade all questions of one submission.

    Returns
    -------
    record
        ``student``, ``digest`` of the submission, ``problem`` with the file, ``score``, ``max_score``, ``seconds`` and
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
        tests = grade_answer(exercise, answers.get(exercise.id), forkserver)
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


def grade_answer(exercise: Exercise, answer: Answer | None, forkserver: Forkserver) -> list[Record]:
    """Grade the answer to one question; return one record per test, see `grade_submission`."""
    if answer is None or all(cell.strip() in ("", exercise.stub.strip()) for cell in answer.cells):
        return [_record(test, "No answer was found.") for test in exercise.tests]
    required = [(code, True) for code in exercise.setup]
    required += [(code, False) for code in answer.context] + [(code, True) for code in answer.cells]
    names = _set_up(exercise)
    limits = Limits(seconds=exercise.seconds)
    with forkserver.student(limits=limits, items=exercise.preload) as student:
        deadline = time.monotonic() + limits.seconds + GRACE
        problem = _run(student, required, deadline)
        if not problem:
            names |= _fetch(student, exercise.names, deadline)
        # The tests of an answer share their names, as in a notebook.
        return [_record(test, problem or _run_test(test, names, deadline=deadline)) for test in exercise.tests]


@contextlib.contextmanager
def _bounded(deadline: float) -> Iterator[None]:
    """Raise _OutOfTime after `deadline` (of `time.monotonic`), and MemoryError beyond `MEMORY`.

    Answers decide how much work a test does: a loop up to a returned number, a table of a returned array. Works only
    in the main thread, where Python handles signals.
    """

    def stop(*_: object) -> None:
        raise _OutOfTime

    if math.isinf(deadline):
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
    try:
        resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY, hard))
        signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 1e-6))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)


def _record(test: Test, message: str | None) -> Record:
    points = test.points if message is None else 0
    return {"id": test.id, "points": points, "max_points": test.points, "hidden": test.hidden, "message": message or ""}


@functools.cache
def _set_up_once(setup: tuple[str, ...], items: tuple[str, ...]) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "tests"}
    preload.load(items)
    for code in setup:
        exec(compile(code, "setup", "exec"), names)
    return names


def _set_up(exercise: Exercise) -> dict[str, Any]:
    """Return the names that tests can use: those of the set-up cells in the assignment file."""
    return dict(_set_up_once(exercise.setup, tuple(exercise.preload)))


def _run(student: Student, code: list[tuple[str, bool]], deadline: float) -> str | None:
    """Run the answer; return the error message, None if it succeeded."""
    try:
        with _bounded(deadline):
            student.run(code)
    except _OutOfTime:
        return _TOO_LONG
    except Exception as error:  # any error of the student's code
        return f"The answer stopped with {_describe(error)}"
    return None


def _fetch(student: Student, names: list[str], deadline: float) -> dict[str, Any]:
    """Return what the answer defines; missing names stay undefined, and tests that use them fail."""
    found = {}
    for name in names:
        with contextlib.suppress(Exception, _OutOfTime), _bounded(deadline):
            found[name] = student.fetch(name)
    return found


def _run_test(test: Test, names: dict[str, Any], *, deadline: float = math.inf) -> str | None:
    """Run one test; return the reason it failed, None if it passed."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), _bounded(deadline):
            exec(_compile(test.code), names)
    except _OutOfTime:
        return _TOO_LONG
    except AssertionError as error:
        said = _first_line(error) or "an assertion does not hold"
        place = "" if test.hidden else _line(error, test.code)
        return f"Expected: {said}{place}"
    except Exception as error:  # an error in the student's code, or a value of the wrong type
        return f"The test stopped with {_describe(error)}"
    return None


@functools.cache
def _compile(code: str) -> Any:
    return compile(ast.parse(code), "test", "exec")


def _describe(error: Exception) -> str:
    said = _first_line(error)
    return said if isinstance(error, StudentError) else f"{type(error).__name__}: {said}"


def _first_line(error: Exception) -> str:
    """Return the first line of an error, without characters that cannot be encoded: students control these texts."""
    line = str(error).strip().partition("\n")[0][:500]
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)


def _line(error: Exception, code: str) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "test"]
    return f" ({code.splitlines()[lines[0] - 1].strip()})" if lines and lines[0] else ""
