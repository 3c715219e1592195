"""Processes that grade: each has the tests, a zygote of its own, and takes one submission after another.

They are apart from the process that asked because tests are at work on what strangers sent: should one of these
processes be ended by it, or get stuck, then one submission is concerned, and is tried again. Limits of time and memory
are those of a process's main thread, too, and a cluster's worker runs its tasks in other threads.
"""

import atexit
import contextlib
import os
import pickle
import platform
import queue
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import BinaryIO

from mnist_lessons.grading import preload, sandbox
from mnist_lessons.grading.grade import Record, grade_submission
from mnist_lessons.grading.source import Exercise
from mnist_lessons.grading.submissions import Submission
from mnist_lessons.grading.zygote import GraderError, Zygote, environment

PATIENCE = 120  # seconds for imports, beyond what questions may take


class Grader:
    """A process that grades, seen from the one that asks.

    Parameters
    ----------
    unsafe
        Grade without isolation.
    items
        What the exercises preload. It must be said now: what a grader reads later, its zygote must not have.
    """

    def __init__(self, *, unsafe: bool, items: Sequence[str] = ()) -> None:
        self.unsafe = unsafe
        options = ["--unsafe"] if unsafe else []
        command = [sys.executable, "-P", "-W", "ignore", "-m", __name__, *options, *items]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment())

    def grade(self, submission: Submission, exercises: list[Exercise]) -> Record:
        """Grade one submission; a GraderError says that this process can be used no more."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            pickle.dump((submission, exercises), self._process.stdin)
            self._process.stdin.flush()
            poll = select.poll()
            poll.register(self._process.stdout, select.POLLIN)
            if not poll.poll(1000 * (PATIENCE + sum(5 + exercise.seconds for exercise in exercises))):
                raise GraderError("the process that grades is stuck")
            answer = pickle.load(self._process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise GraderError("the process that grades was ended") from error
        if isinstance(answer, str):
            raise GraderError(answer)
        return answer

    def close(self) -> None:
        """End the process, and all that it started."""
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(OSError):  # what it did not take any more
            self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_idle: queue.SimpleQueue[Grader] = queue.SimpleQueue()


def grade_here(submission: Submission, exercises: list[Exercise], *, unsafe: bool) -> Record:
    """Grade on this machine: what each of several threads, or a cluster's worker, runs.

    Raises
    ------
    GraderError
        It failed twice, the second time with everything new.
    """
    items = list(dict.fromkeys(item for exercise in exercises for item in exercise.preload))
    for last in (False, True):
        grader = _take(unsafe=unsafe, items=items)
        try:
            record = grader.grade(submission, exercises)
        except GraderError:
            grader.close()
            if last:
                raise
        else:
            _idle.put(grader)
            break
    return record


def _take(*, unsafe: bool, items: Sequence[str] = ()) -> Grader:
    """Return a grader that has nothing to do, a new one if there is none."""
    try:
        grader = _idle.get_nowait()
    except queue.Empty:
        return Grader(unsafe=unsafe, items=items)
    if grader.unsafe == unsafe:
        return grader
    grader.close()
    return _take(unsafe=unsafe, items=items)


@atexit.register
def close_idle() -> None:
    """End the graders that have nothing to do."""
    with contextlib.suppress(queue.Empty):
        while True:
            _idle.get_nowait().close()


def serve(*, unsafe: bool, items: Sequence[str]) -> None:
    """Be a grader: take submissions from stdin until it ends, and give records to stdout."""
    sandbox.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints is no answer
    # A cluster's worker may be elsewhere than the command.
    if not unsafe and (obstacle := sandbox.obstacle()):
        return _refuse(f"students' code cannot be isolated on {platform.node()}: {obstacle}", answers)
    try:
        preload.load(items)
    except Exception as error:  # a package that is missing, or whatever it does when it is imported
        return _refuse(f"what the set-up cells import cannot be loaded on {platform.node()}: {error!r}", answers)
    with Zygote(unsafe=unsafe, items=items) as zygote, contextlib.suppress(EOFError):
        while True:
            submission, exercises = pickle.load(sys.stdin.buffer)
            try:
                answer: Record | str = grade_submission(submission, exercises, zygote)
            except GraderError as error:
                answer = str(error)
            pickle.dump(answer, answers)
            answers.flush()


def _refuse(reason: str, answers: BinaryIO) -> None:
    """Give the reason for which nothing can be graded here, and wait to be ended."""
    pickle.dump(reason, answers)
    answers.flush()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    unsafe = "--unsafe" in sys.argv
    serve(unsafe=unsafe, items=[argument for argument in sys.argv[1:] if argument != "--unsafe"])
