"""Grade a submission: run each answer in a sandboxed process, and the tests here, where no student's code runs.

The tests come from the assignment file. A student's function looks like a function to them, but each call is a request
to the student process, and the result is the value in its reply. That process can do nothing but reply.
"""

import contextlib
import functools
import io
import math
import resource
import secrets
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from coursegrader import preload
from coursegrader.answers import Answer, UnreadableError, find_other_values, read_answers
from coursegrader.draws import drawing_from
from coursegrader.exercises import Exercise, Test
from coursegrader.forkserver import EndedError, Forkserver, Student, StudentError
from coursegrader.sandbox import Limits
from coursegrader.submissions import Submission

Record = dict[str, Any]

MEMORY = 4 << 30  # bytes that tests may use beyond what this process uses: an answer could be made to fill it
GRACE = 1  # seconds that tests may run longer than the student process
READING = 20  # seconds to find the answers in a notebook
MAX_ANSWER = 50_000  # characters of an answer in a record

TOO_LONG = "The code took longer than allowed."
OTHER_VALUES = "The notebook does not have the values that were drawn for you. The answer was graded with yours."


class _OutOfTime(BaseException):
    """A test exceeded the time of its question. No Exception, so that no test catches it as an error of the answer."""


def grade_submission(
    submission: Submission,
    exercises: list[Exercise],
    forkserver: Forkserver,
    *,
    known: Mapping[str, Record] | None = None,
    report: Callable[[str, Record | None], None] = lambda *_: None,
) -> Record:
    """Grade all questions of one submission, with the draws that its seed gives, or else a new seed.

    Parameters
    ----------
    submission, exercises, forkserver
        The submission, the questions, and where to run the answers.
    known
        Results of questions, by id, that an earlier process has reported.
    report
        Called with a question's id when its time begins, without a result, and when it is graded, with its result.
        Before that, called with an empty id when the notebook is read.

    Returns
    -------
    record
        ``student``, ``digest`` of the submission, the ``notebook``'s path in it, ``seed`` of its draws, ``problem``
        with the file, ``score``, ``max_score``, ``seconds`` and ``questions``: for each its ``id``, ``title``,
        ``score``, ``max_score``, the code of the ``answer``, a ``remark`` for the student, and ``tests``: for each its
        ``id``, ``points``, ``max_points``, whether it was ``hidden``, and a ``message`` for the student.
    """
    start = time.monotonic()
    seed = submission.seed or secrets.token_hex(32)
    problem, answers = submission.problem, {}
    others: set[str] = set()
    known = known or {}
    report("", None)
    if submission.notebook is not None and len(known) < len(exercises):
        try:
            with _bounded(start + READING):
                answers = read_answers(submission.notebook, exercises)
                others = find_other_values(submission.notebook, exercises)
        except UnreadableError as error:
            problem = f"{problem} {error}".strip()
        except (_OutOfTime, MemoryError):
            problem = f"{problem} The notebook takes too much time or memory to read.".strip()
    questions = []
    stopped: dict[str, float] = {}
    for exercise in exercises:
        begin = functools.partial(report, exercise.id, None)
        graded = known.get(exercise.id) or grade_answer(
            exercise, answers.get(exercise.id), forkserver, seed=seed, stopped=stopped, begin=begin
        )
        if exercise.id in others and exercise.id not in known:
            graded["remark"] = f"{OTHER_VALUES} {graded['remark']}".strip()
        code = answers[exercise.id].code if exercise.id in answers else ""
        graded = {"answer": code[:MAX_ANSWER], **graded}
        report(exercise.id, graded)
        score = sum(test["points"] for test in graded["tests"])
        about = {"id": exercise.id, "title": exercise.title, "chapter": exercise.chapter}
        questions.append({**about, "score": score, "max_score": exercise.points, **graded})
    return {
        "student": submission.student,
        "digest": submission.digest,
        "notebook": submission.file,
        "seed": seed,
        "problem": problem,
        "score": sum(question["score"] for question in questions),
        "max_score": sum(question["max_score"] for question in questions),
        "seconds": round(time.monotonic() - start, 2),
        "questions": questions,
    }


def grade_answer(
    exercise: Exercise,
    answer: Answer | None,
    forkserver: Forkserver,
    *,
    seed: str = "",
    stopped: dict[str, float] | None = None,
    begin: Callable[[], None] = lambda: None,
) -> Record:
    """Grade the answer to one question; return its remark and one record per test, see `grade_submission`.

    Parameters
    ----------
    exercise, answer, forkserver
        The question, what to run for it, and where.
    seed
        What the tests draw follows from it, and cannot be predicted without it. Empty for a new one.
    stopped
        Collects cells that took too long or ended their process, with the seconds that they had. In the next questions
        they are left out, unless they get more time there.
    begin
        Called when the process has started and the time of the question begins.
    """
    if answer is None:
        return fail(exercise, "No answer was found.")
    stopped = {} if stopped is None else stopped
    seed = seed or secrets.token_hex(32)
    seconds, end = float(exercise.seconds), math.inf
    while True:
        with forkserver.student(limits=Limits(seconds=seconds), items=exercise.preload) as student:
            if math.isinf(end):  # counted from the first start, which may import modules
                end = time.monotonic() + seconds
                begin()
            # Other cells never get the second half of the time.
            run = _Run(student, stopped, end=end, others_end=end - exercise.seconds / 2)
            with contextlib.suppress(_RestartError):
                return run.grade(exercise, answer, seed)
        seconds = max(end - time.monotonic(), 1)


def fail(exercise: Exercise, message: str, remark: str = "") -> Record:
    """Return the result of a question whose tests all fail with the same message."""
    return {"remark": remark, "tests": [_record(test, message) for test in exercise.tests]}


class _RestartError(Exception):
    """A cell that is not part of the answer has to be left out, in a new process."""


class _Run:
    """One run of a notebook up to an answer, in a process of its own.

    Parameters
    ----------
    student
        The process.
    stopped
        See `grade_answer`.
    end, others_end
        When the time of the question is over, and that of cells that are not part of the answer.
    """

    def __init__(self, student: Student, stopped: dict[str, float], *, end: float, others_end: float) -> None:
        self._student = student
        self._stopped = stopped
        self._end = end
        self._others_end = others_end
        self._remarks: list[str] = []

    def grade(self, exercise: Exercise, answer: Answer, seed: str) -> Record:
        """Run the cells and the tests."""
        problem, lost = self._run(answer)
        if lost:
            return fail(exercise, problem, " ".join(self._remarks))
        found = _fetch(self._student, exercise.names, self._end + GRACE)
        incomplete = len(found) < len(exercise.names)
        if problem and not incomplete:
            self._remarks.append(f"{problem}; all that it defines was graded.")
        # The tests of an answer share their names, as in a notebook. A name that is missing must not be that of a
        # set-up cell.
        names = {name: value for name, value in _set_up(exercise, seed).items() if name not in exercise.names} | found
        tests = []
        for test in exercise.tests:
            message = _run_test(test, names, seed, deadline=self._end + GRACE)
            tests.append(_record(test, problem if message and problem and incomplete else message))
        return {"remark": " ".join(self._remarks), "tests": tests}

    def _run(self, answer: Answer) -> tuple[str, bool]:
        """Run the cells; return the first error of set-up or answer, and whether the process is lost."""
        problem = ""
        for cell in answer.cells:
            now = time.monotonic()
            spare = cell.kind in ("other", "below")
            # Each gets half of what is left, so that there is always some for the next.
            until = now + (self._others_end - now) / 2 if spare else self._end
            if spare and until - now < 1.5 * self._stopped.get(cell.code, 0):
                self._remarks = ["A cell before the answer was left out: it takes too long or ends the program."]
                continue
            try:
                with _bounded(until if spare else until + GRACE):
                    self._student.run(cell.code, keep=cell.kind == "below", deadline=until)
            except (_OutOfTime, EndedError) as error:
                self._stopped[cell.code] = until - now if time.monotonic() >= until else math.inf
                if spare:
                    raise _RestartError from error
                return TOO_LONG if isinstance(error, _OutOfTime) else f"The answer stopped with {error}", True
            except Exception as error:  # any error of the student's code
                if not spare:
                    problem = problem or f"The answer stopped with {_describe(error)}"
        with contextlib.suppress(Exception, _OutOfTime), _bounded(self._end + GRACE):
            if self._student.used_shell():
                self._remarks.append("No shell is there when a notebook is graded: lines for one did nothing.")
        return problem, False


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
        # Again and again, since Python ignores what is raised while it deletes an object.
        signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 1e-6), 0.5)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)


def _record(test: Test, message: str | None) -> Record:
    points = test.points if message is None else 0
    return {"id": test.id, "points": points, "max_points": test.points, "hidden": test.hidden, "message": message or ""}


def _set_up(exercise: Exercise, seed: str) -> dict[str, Any]:
    """Return the names that tests can use: those of the set-up cells in the assignment file, made for this answer."""
    names: dict[str, Any] = {"__name__": "tests"}
    preload.load(exercise.preload, own=True)
    with drawing_from(seed, exercise.id):
        for code in exercise.setup:
            exec(_compile(code, "setup"), names)
    return names


def _fetch(student: Student, names: list[str], deadline: float) -> dict[str, Any]:
    """Return what the answer defines; missing names stay undefined, and tests that use them fail."""
    found = {}
    for name in names:
        with contextlib.suppress(Exception, _OutOfTime), _bounded(deadline):
            found[name] = student.fetch(name)
    return found


def _run_test(test: Test, names: dict[str, Any], seed: str, *, deadline: float = math.inf) -> str | None:
    """Run one test; return the reason it failed, None if it passed. Warnings count where the test says so."""
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(action="ignore"),
            drawing_from(seed, test.id),
            _bounded(deadline),
        ):
            exec(_compile(test.code, "test"), names)
    except _OutOfTime:
        return TOO_LONG
    except AssertionError as error:
        said = _first_line(error) or "an assertion does not hold"
        place = "" if test.hidden else _line(error, test.code)
        return f"Expected: {said}{place}"
    except Exception as error:  # an error in the student's code, or a value of the wrong type
        return f"The test stopped with {_describe(error)}"
    return None


@functools.cache
def _compile(code: str, name: str) -> Any:
    return compile(code, name, "exec")


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
