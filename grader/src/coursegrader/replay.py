"""Run the tests of one student again, from the seed in the record, and show what the feedback leaves out.

This happens in a process like a worker's, which has the same variables: the student's code runs in the sandbox, and the
tests run beside it. Whatever is printed came through values that a student controls, so no character of it can move a
cursor or hide another.
"""

import ast
import code
import contextlib
import io
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import traceback
import types
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, TextIO

from coursegrader import preload, sandbox
from coursegrader.answers import Answer, UnreadableError, read_answers
from coursegrader.calls import describe, printable
from coursegrader.exercises import Exercise
from coursegrader.forkserver import Forkserver, GraderError, environment
from coursegrader.grade import TEST_FILE, Observation, Record, RestartError, Run, grade_answer
from coursegrader.sandbox import Limits
from coursegrader.submissions import Submission

AT_THE_PROMPT = 3600  # seconds that a student's process lives for a prompt


class Job(NamedTuple):
    """What to run again.

    Attributes
    ----------
    submission, record
        The submission, and the record of it.
    exercises
        All questions of the assignment.
    questions : list of str
        The ids of those to run.
    prompt : bool
        Whether to open a prompt after them.
    """

    submission: Submission
    record: Record
    exercises: list[Exercise]
    questions: list[str]
    prompt: bool = False


def replay(job: Job, *, unsafe: bool) -> int:
    """Run the tests of a job in a new process that uses this terminal; return its exit code, negative for a signal.

    Parameters
    ----------
    job
        What to run again.
    unsafe
        Run students' code without isolation.
    """
    chosen = [exercise for exercise in job.exercises if exercise.id in job.questions]
    items = dict.fromkeys(item for exercise in chosen for item in exercise.preload)
    channel, theirs = multiprocessing.Pipe()
    options = ["--unsafe"] if unsafe else []
    command = [sys.executable, "-P", "-W", "ignore", "-m", __name__, str(theirs.fileno()), *options, *items]
    variables = environment() | {"TERM": os.environ.get("TERM", "dumb"), "PYTHON_COLORS": "0"}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the prompt
    try:
        sys.stdout.flush()
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=variables)
        theirs.close()
        channel.send(job)
        return process.wait()
    finally:
        channel.close()
        signal.signal(signal.SIGINT, before)


class PlainStream(io.TextIOBase):
    """A stream that passes on text without what a terminal would obey."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, with its lines and tabs."""
        self._stream.write("".join(part if part in "\n\t" else printable(part) for part in text))
        return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
        self._stream.flush()


def serve(channel: Connection, *, unsafe: bool, items: Sequence[str]) -> int:
    """Run one job; return the exit code."""
    sandbox.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    preload.load(items)
    # It is forked before anything is read that students may not see.
    with Forkserver(unsafe=unsafe, items=items) as forkserver:
        job: Job = channel.recv()
        if job.prompt:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            run(job, forkserver)
        except GraderError as error:
            print(f"nothing could be run: {error}", file=sys.stderr)
            return 1
    return 0


def run(job: Job, forkserver: Forkserver) -> None:
    """Run the tests of a job and print what happened."""
    try:
        answers = read_answers(job.submission.notebook or b"", job.exercises)
    except UnreadableError as error:
        print(error)
        answers = {}
    differing = 0
    before = {test["id"]: test for question in job.record["questions"] for test in question["tests"]}
    for exercise in job.exercises:
        if exercise.id in job.questions:
            answer = answers.get(exercise.id)
            seen: list[Observation] = []
            result = grade_answer(exercise, answer, forkserver, seed=job.record["seed"], observe=seen.append)
            print("\n".join(_report(exercise, result, {one.test.id: one for one in seen}, before)))
            differing += sum(_differs(test, before) for test in result["tests"])
            if job.prompt and answer:
                _open_prompt(exercise, answer, forkserver, job.record["seed"])
    many = "test" if differing == 1 else "tests"
    print(f"\n{differing} {many} ended in another way than the record says" if differing else "\nas the record says")


def _differs(test: Record, before: Mapping[str, Record]) -> bool:
    old = before.get(test["id"])
    return old is None or (old["points"], old["message"]) != (test["points"], test["message"])


def _report(
    exercise: Exercise, result: Record, observed: Mapping[str, Observation], before: Mapping[str, Record]
) -> Iterator[str]:
    """Yield the lines about one question."""
    yield f"\n{exercise.id}: {exercise.title}"
    if result["remark"]:
        yield f"  {result['remark']}"
    for number, test in enumerate(result["tests"], start=1):
        kind = "hidden test" if test["hidden"] else "test"
        yield f"  {kind} {number}: {test['points']} of {test['max_points']} points"
        if test["message"]:
            yield f"    {test['message']}"
        seen = observed.get(test["id"])
        if seen:
            yield from (f"    {line}" for line in _details(seen))
        if _differs(test, before):
            old = before.get(test["id"])
            said = f"{old['points']} points, {old['message'] or 'passed'}" if old else "no such test"
            yield f"    the record differs: {said}"


def _details(seen: Observation) -> Iterator[str]:
    """Yield the lines about the calls of a test, and about the line that failed."""
    more = f", the last {len(seen.calls)} of them" if seen.made > len(seen.calls) else ""
    yield f"{seen.made} call{'' if seen.made == 1 else 's'}{more}{':' if seen.calls else ''}"
    yield from (f"  {call}" for call in seen.calls)
    if seen.error:
        yield from explain_failure(seen.error, seen.test.code)


def explain_failure(error: BaseException, test: str) -> Iterator[str]:
    """Yield the statement of a test that failed, and the values of the names in it.

    Parameters
    ----------
    error
        What ended the test.
    test
        The code of the test.
    """
    places = [place for place in traceback.walk_tb(error.__traceback__) if place[0].f_code.co_filename == TEST_FILE]
    if not places:
        return
    frame, line = places[-1]
    found = [node for node in ast.walk(ast.parse(test)) if isinstance(node, ast.stmt) and _contains(node, line)]
    statement = min(found, key=lambda node: (node.end_lineno or node.lineno) - node.lineno)
    head = _head(statement)
    source = ast.get_source_segment(test, statement) if head is statement else test.splitlines()[line - 1]
    yield f"stopped in line {line}: {' '.join((source or '').split())}"
    names = dict.fromkeys(node.id for node in ast.walk(head) if isinstance(node, ast.Name))
    for name in names:
        value = frame.f_locals.get(name, frame.f_globals.get(name))
        if name in {**frame.f_globals, **frame.f_locals} and not callable(value) and not _is_module(value):
            yield f"  {name} = {describe(value)}"


def _contains(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _head(statement: ast.stmt) -> ast.AST:
    """Return what a statement itself evaluates, without the statements in it."""
    if isinstance(statement, ast.With):
        return ast.Tuple([item.context_expr for item in statement.items], ast.Load())
    for part in ("iter", "test", "subject"):
        if hasattr(statement, part) and hasattr(statement, "body"):
            inner: ast.AST = getattr(statement, part)
            return inner
    return statement


def _is_module(value: Any) -> bool:
    return isinstance(value, types.ModuleType)


def _open_prompt(exercise: Exercise, answer: Answer, forkserver: Forkserver, seed: str) -> None:
    """Let the instructor call the student's functions, with the names that the tests have."""
    stopped: dict[str, float] = {}
    while True:
        with contextlib.suppress(RestartError):
            limits = Limits(seconds=AT_THE_PROMPT)
            with forkserver.student(limits=limits, items=exercise.preload, objects=exercise.objects) as student:
                now = time.monotonic()
                ends = {"end": now + AT_THE_PROMPT, "others_end": now + exercise.seconds / 2}
                _talk(Run(student, stopped, **ends, observe=_show), exercise, answer, seed)
            return


def _talk(run: Run, exercise: Exercise, answer: Answer, seed: str) -> None:
    names, problem = run.prepare(exercise, answer, seed)
    if names is None:
        print(f"  {problem}")
        return

    def run_test(number: int) -> None:
        run.test(exercise.tests[number - 1], names, seed)

    names["run_test"] = run_test
    with contextlib.suppress(_InterruptedCallError):
        _Prompt(names).interact(_banner(exercise), exitmsg="")


def _show(seen: Observation) -> None:
    """Show a test that was run at the prompt."""
    print(seen.test.code)
    print(seen.message or "passed")
    print("\n".join(_details(seen)))


def _banner(exercise: Exercise) -> str:
    names = ", ".join(exercise.names)
    last = len(exercise.tests)
    return (
        f"\nA prompt for {exercise.id}. The student's own, called in the sandbox: {names}.\n"
        f"run_test(1) to run_test({last}) run a test with what it drew, and keep its names. Ctrl-D goes on."
    )


class _InterruptedCallError(Exception):
    """Somebody did not wait for a call. Its reply would be taken for that of the next one."""


class _Prompt(code.InteractiveConsole):
    """A prompt that reads from the terminal, while all that is written goes through `PlainStream`."""

    def showtraceback(self) -> None:
        """Write an error without the lines of the grader that led to it."""
        error = sys.exception()
        if isinstance(error, KeyboardInterrupt):
            self.write("interrupted: the student's process ends, and with it the prompt\n")
            raise _InterruptedCallError from None
        self.write(f"{type(error).__name__}: {error}\n")

    def raw_input(self, prompt: str = "") -> str:
        """Return a line that was typed."""
        plain, sys.stdout = sys.stdout, sys.__stdout__ or sys.stdout  # only with its own stream can lines be edited
        try:
            return input(prompt)
        finally:
            sys.stdout = plain


if __name__ == "__main__":
    sys.stdout, sys.stderr = PlainStream(sys.stdout), PlainStream(sys.stderr)
    arguments = [argument for argument in sys.argv[2:] if argument != "--unsafe"]
    done = serve(Connection(int(sys.argv[1])), unsafe="--unsafe" in sys.argv, items=arguments)
    sys.stdout.flush()
    sys.exit(done)
