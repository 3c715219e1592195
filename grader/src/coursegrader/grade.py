"""Grade a submission: run each answer in a sandboxed process, and the tests here, where no student's code runs.

The tests come from the assignment file. A student's function looks like a function to them, but each call is a request
to the student process, and the result is the value in its reply. That process can do nothing but reply.
"""

import ast
import asyncio
import contextlib
import functools
import hashlib
import inspect
import io
import json
import math
import resource
import secrets
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from coursegrader import preload
from coursegrader.answers import Answer, UnreadableError, find_other_values, read_answers
from coursegrader.calls import Call, Calls, first_line
from coursegrader.draws import drawing_from
from coursegrader.essays import Essay, read_essays
from coursegrader.exercises import Exercise, Test
from coursegrader.forkserver import EndedError, Forkserver, Student, StudentError
from coursegrader.remote import Remote
from coursegrader.sandbox import Limits
from coursegrader.submissions import Submission

Record = dict[str, Any]

MEMORY = 4 << 30  # bytes that tests may use beyond what this process uses: an answer could be made to fill it
GRACE = 1  # seconds that tests may run longer than the student process
READING = 20  # seconds to find the answers in a notebook
OBSERVED = 8  # calls of a test that an observer is told of
MAX_ANSWER = 50_000  # characters of an answer in a record

NO_ANSWER = "No answer was found."
TEST_FILE = "test"  # the file that a traceback names for the lines of a test
TOO_LONG = "The code took longer than allowed."
OTHER_VALUES = "The notebook does not have the values that were drawn for you. The answer was graded with yours."


class Observation(NamedTuple):
    """What is known of a test after it ran, for who may see all of it.

    Attributes
    ----------
    test : Test
        The test.
    message : str
        Why it failed; empty if it passed.
    error : BaseException or None
        What ended it.
    made, calls : int, list of Call
        How many calls it made to the answer's functions, and the last of them.
    """

    test: Test
    message: str
    error: BaseException | None
    made: int
    calls: list[Call]


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
        ``student``, ``digest`` of the submission, the ``notebook``'s path in it, when it was ``handed_in`` and whether
        the platform calls that ``late``, see `Submission`, ``seed`` of its draws, ``problem`` with the file, ``score``,
        ``max_score``, ``seconds`` and ``questions``: for each its ``id``, ``title``, ``score``, ``max_score``, the
        `fingerprint` of the ``exercise``, the code of the ``answer``, a ``remark`` for the student, and ``tests``: for
        each its ``id``, ``points``, ``max_points``, whether it was ``hidden``, a ``message`` for the student, and the
        last ``call`` of a visible test that failed. One that a person marks has no tests and, if there is an answer, no
        score, and ``by_hand`` with its ``figures``.
    """
    start = time.monotonic()
    seed = submission.seed or secrets.token_hex(32)
    known = known or {}
    report("", None)
    notebook = submission.notebook if len(known) < len(exercises) else None
    read = _read(notebook, exercises, deadline=start + READING)
    questions = []
    stopped: dict[str, float] = {}
    for exercise in exercises:
        graded = known.get(exercise.id)
        if graded is None:
            begin = functools.partial(report, exercise.id, None)
            graded = _grade_question(exercise, read, forkserver, seed=seed, stopped=stopped, begin=begin)
        code = read.answers[exercise.id].code if exercise.id in read.answers else ""
        graded = {"answer": code[:MAX_ANSWER], **graded}
        report(exercise.id, graded)
        score = None if "by_hand" in graded else sum(test["points"] for test in graded["tests"])
        about = {"id": exercise.id, "title": exercise.title, "chapter": exercise.chapter}
        scores = {"score": score, "max_score": exercise.points}
        questions.append({**graded, **about, **scores, "exercise": fingerprint(exercise)})
    return {
        "student": submission.student,
        "digest": submission.digest,
        "notebook": submission.file,
        "handed_in": submission.handed_in,
        "late": submission.late,
        "seed": seed,
        "problem": f"{submission.problem} {read.problem}".strip(),
        "score": sum(question["score"] or 0 for question in questions),
        "max_score": sum(question["max_score"] for question in questions),
        "seconds": round(time.monotonic() - start, 2),
        "questions": questions,
    }


@dataclass
class _Contents:
    """What was found in a notebook: answers and essays by question, and the questions with values of somebody else."""

    answers: dict[str, Answer] = field(default_factory=dict)
    essays: dict[str, Essay] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    problem: str = ""


def _read(notebook: bytes | None, exercises: list[Exercise], *, deadline: float) -> _Contents:
    """Return what is in a notebook, as far as it can be read."""
    read = _Contents()
    if notebook is None:
        return read
    try:
        with _bounded(deadline):
            read.answers = read_answers(notebook, exercises)
            read.essays = read_essays(notebook, exercises)
            read.others = find_other_values(notebook, exercises)
    except UnreadableError as error:
        read.problem = str(error)
    except (_OutOfTime, MemoryError):
        read.problem = "The notebook takes too much time or memory to read."
    return read


def _grade_question(exercise: Exercise, read: _Contents, forkserver: Forkserver, **options: Any) -> Record:
    """Grade the answer to a question, or leave it to a person; return the result with its remark."""
    if exercise.rubric:
        graded = leave_to_person(exercise, read.essays.get(exercise.id))
    else:
        graded = grade_answer(exercise, read.answers.get(exercise.id), forkserver, **options)
    if exercise.id in read.others:
        graded["remark"] = f"{OTHER_VALUES} {graded['remark']}".strip()
    return graded


def fingerprint(exercise: Exercise) -> str:
    """Return a hash of all of an exercise that can change a mark: what students read cannot."""
    tests = [(test.id, test.code, test.points, test.hidden) for test in exercise.tests]
    decides = [exercise.setup, exercise.names, tests, exercise.seconds, exercise.functions, exercise.objects]
    decides += [exercise.rubric.answer] if exercise.rubric else []
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()


def grade_answer(
    exercise: Exercise,
    answer: Answer | None,
    forkserver: Forkserver,
    *,
    seed: str = "",
    stopped: dict[str, float] | None = None,
    begin: Callable[[], None] = lambda: None,
    observe: Callable[[Observation], None] | None = None,
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
    observe
        Called after each test. For an instructor: what it is told reveals hidden tests.
    """
    if answer is None:
        return fail(exercise, NO_ANSWER)
    stopped = {} if stopped is None else stopped
    seed = seed or secrets.token_hex(32)
    seconds, end = float(exercise.seconds), math.inf
    while True:
        limits = Limits(seconds=seconds)
        with forkserver.student(limits=limits, items=exercise.preload, objects=exercise.objects) as student:
            if math.isinf(end):  # counted from the first start, which may import modules
                end = time.monotonic() + seconds
                begin()
            # Other cells never get the second half of the time.
            others_end = end - exercise.seconds / 2
            run = Run(student, stopped, end=end, others_end=others_end, observe=observe)
            with contextlib.suppress(RestartError):
                return run.grade(exercise, answer, seed)
        seconds = max(end - time.monotonic(), 1)


def leave_to_person(exercise: Exercise, essay: Essay | None) -> Record:
    """Return the result of a question that a person marks: no score, unless there is no answer."""
    if essay is None:
        return fail(exercise, NO_ANSWER)
    by_hand = {"figures": list(essay.figures), "remark": essay.remark}
    return {"remark": essay.remark, "tests": [], "answer": essay.text, "by_hand": by_hand}


def grade_draws(
    exercise: Exercise, answer: Answer, forkserver: Forkserver, *, seeds: Sequence[str], seconds: float
) -> Iterator[Record]:
    """Grade an answer once for each seed, in one process, with so many seconds each; see `grade_answer`."""
    limits = Limits(seconds=len(seeds) * seconds)
    with forkserver.student(limits=limits, items=exercise.preload, objects=exercise.objects) as student:
        for seed in seeds:
            end = time.monotonic() + seconds
            yield Run(student, {}, end=end, others_end=end).grade(exercise, answer, seed)


def fail(exercise: Exercise, message: str, remark: str = "") -> Record:
    """Return the result of a question whose tests all fail with the same message."""
    if not exercise.tests:
        remark = f"{message} {remark}".strip()
    return {"remark": remark, "tests": [_record(test, message) for test in exercise.tests]}


class RestartError(Exception):
    """A cell that is not part of the answer has to be left out, in a new process."""


class Run:
    """One run of a notebook up to an answer, in a process of its own.

    Parameters
    ----------
    student
        The process.
    stopped
        See `grade_answer`.
    end, others_end
        When the time of the question is over, and that of cells that are not part of the answer.
    observe
        See `grade_answer`.
    """

    def __init__(
        self,
        student: Student,
        stopped: dict[str, float],
        *,
        end: float,
        others_end: float,
        observe: Callable[[Observation], None] | None = None,
    ) -> None:
        self._student = student
        self._stopped = stopped
        self._end = end
        self._others_end = others_end
        self._observe = observe
        self._calls = Calls(OBSERVED if observe else 1)
        student.watch(self._calls.watch_uses)
        self._remarks: list[str] = []

    def grade(self, exercise: Exercise, answer: Answer, seed: str) -> Record:
        """Run the cells and the tests."""
        names, problem = self.prepare(exercise, answer, seed)
        if names is None:
            return fail(exercise, problem, " ".join(self._remarks))
        incomplete = not set(exercise.names) <= names.keys()
        if problem and not incomplete:
            self._remarks.append(f"{problem}; all that it defines was graded.")
        tests = []
        for test in exercise.tests:
            message = self.test(test, names, seed)
            tests.append(_record(test, problem if message and problem and incomplete else message, self._shown(test)))
        return {"remark": " ".join(self._remarks), "tests": tests}

    def prepare(self, exercise: Exercise, answer: Answer, seed: str) -> tuple[dict[str, Any] | None, str]:
        """Run the cells; return the names that tests can use, None if the process is lost, and the first error.

        The tests of an answer share their names, as in a notebook.
        """
        problem, lost = self._run(answer)
        if lost:
            return None, problem
        fetched = _fetch(self._student, exercise.names, self._end + GRACE)
        found = {name: self._watch(name, value) for name, value in fetched.items()}
        # A name that is missing must not be that of a set-up cell.
        ours = {name: value for name, value in _set_up(exercise, seed).items() if name not in exercise.names}
        return ours | found, problem

    def _watch(self, name: str, value: Any) -> Any:
        """Return what a test gets for a name: its uses are recorded if it is a function or an object."""
        if isinstance(value, Remote):
            return value._tell(name)
        return self._calls.watch(name, value) if isinstance(value, functools.partial) else value

    def test(self, test: Test, names: dict[str, Any], seed: str) -> str | None:
        """Run one test and tell who observes; return the reason it failed, None if it passed."""
        calls = self._calls
        calls.clear()
        calls.watching = self._observe is not None or not test.hidden
        errors: list[BaseException] = []
        message = _run_test(test, names, seed, deadline=self._end + GRACE, examine=errors.append)
        if self._observe:
            error = errors[0] if errors else None
            self._observe(Observation(test, message or "", error, calls.made, list(calls.last)))
        return message

    def _shown(self, test: Test) -> str:
        """Return the last call of the last test as its feedback shows it: not if students may not see the test."""
        return "" if test.hidden or not self._calls.last else str(self._calls.last[-1])

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
                    raise RestartError from error
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
    stopped = False
    in_use = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
    try:
        resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY, hard))
        # Again and again, since Python ignores what is raised while it deletes an object.
        signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 1e-6), 0.5)
        yield
    except (MemoryError, _OutOfTime):
        stopped = True
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)
        if stopped and "keras" in sys.modules:
            # A layer that is stopped within its call could leave to all later ones that they are being trained.
            sys.modules["keras"].utils.clear_session(free_memory=False)


def _record(test: Test, message: str | None, call: str = "") -> Record:
    passed = message is None
    return {
        "id": test.id,
        "points": test.points if passed else 0,
        "max_points": test.points,
        "hidden": test.hidden,
        "message": message or "",
        "call": "" if passed else call,
    }


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


def _run_test(
    test: Test,
    names: dict[str, Any],
    seed: str,
    *,
    deadline: float = math.inf,
    examine: Callable[[BaseException], object] = id,
) -> str | None:
    """Run one test; return the reason it failed, None if it passed. Warnings count where the test says so.

    `examine` is called with what ended a test that failed.
    """
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(action="ignore"),
            drawing_from(seed, test.id),
            _bounded(deadline),
        ):
            found = eval(_compile(test.code, TEST_FILE), names)
            if inspect.iscoroutine(found):
                asyncio.run(found)
    except (_OutOfTime, Exception) as error:
        examine(error)
        return _explain(error, test)
    return None


def _explain(error: BaseException, test: Test) -> str:
    """Return why a test failed, for the student."""
    if isinstance(error, _OutOfTime):
        return TOO_LONG
    if isinstance(error, AssertionError):
        said = first_line(error) or "an assertion does not hold"
        place = "" if test.hidden else _line(error, test.code)
        return f"Expected: {said}{place}"
    return f"The test stopped with {_describe(error)}"  # an error in the student's code, or a value of the wrong type


@functools.cache
def _compile(code: str, name: str) -> Any:
    return compile(code, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def _describe(error: BaseException) -> str:
    said = first_line(error)
    return said if isinstance(error, StudentError) else f"{type(error).__name__}: {said}"


def _line(error: BaseException, code: str) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == TEST_FILE]
    return f" ({code.splitlines()[lines[0] - 1].strip()})" if lines and lines[0] else ""
