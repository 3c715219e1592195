"""Worker processes: each has the tests and a forkserver, and grades one submission after another.

Tests handle values from untrusted code. If a value crashes or blocks a worker, only one submission is affected, and it
is tried again in a new worker. Time and memory limits also need the main thread of a process, and a cluster runs its
tasks in other threads.
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
from typing import Any, BinaryIO

from coursegrader import preload, sandbox
from coursegrader.exercises import Exercise
from coursegrader.forkserver import Forkserver, GraderError, environment
from coursegrader.grade import Record, grade_submission
from coursegrader.submissions import Submission

PATIENCE = 120  # seconds allowed for imports, in addition to the time limits of the questions


class Worker:
    """A worker process, seen from the process that uses it.

    Parameters
    ----------
    unsafe
        Grade without isolation.
    items
        What the exercises preload. Needed at the start: the forkserver must not inherit anything that is read later.
    """

    def __init__(self, *, unsafe: bool, items: Sequence[str] = ()) -> None:
        self.unsafe = unsafe
        options = ["--unsafe"] if unsafe else []
        command = [sys.executable, "-P", "-W", "ignore", "-m", __name__, *options, *items]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment())

    def grade(self, submission: Submission, exercises: list[Exercise]) -> Record:
        """Grade one submission; after a GraderError, this process cannot be used again."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            pickle.dump((submission, exercises), self._process.stdin)
            self._process.stdin.flush()
            poll = select.poll()
            poll.register(self._process.stdout, select.POLLIN)
            if not poll.poll(1000 * (PATIENCE + sum(5 + exercise.seconds for exercise in exercises))):
                raise GraderError("the worker process does not respond")
            answer: dict[str, Any] | str = pickle.load(self._process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise GraderError("the worker process was killed") from error
        if isinstance(answer, str):
            raise GraderError(answer)
        return answer

    def close(self) -> None:
        """End the process and everything that it started."""
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(OSError):  # data that it no longer reads
            self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()


def grade_here(submission: Submission, exercises: list[Exercise], *, unsafe: bool) -> Record:
    """Grade on this machine, in an idle worker or a new one. Runs in a thread, or in a worker of a cluster.

    Raises
    ------
    GraderError
        Grading failed twice, the second time in a new worker.
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


def _take(*, unsafe: bool, items: Sequence[str] = ()) -> Worker:
    """Return an idle worker, or a new one if there is none."""
    try:
        grader = _idle.get_nowait()
    except queue.Empty:
        return Worker(unsafe=unsafe, items=items)
    if grader.unsafe == unsafe:
        return grader
    grader.close()
    return _take(unsafe=unsafe, items=items)


@atexit.register
def close_idle() -> None:
    """End idle workers."""
    with contextlib.suppress(queue.Empty):
        while True:
            _idle.get_nowait().close()


def serve(*, unsafe: bool, items: Sequence[str]) -> None:
    """Run a worker: read submissions from stdin until it ends, and write records to stdout."""
    sandbox.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command handles Ctrl-C
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # tests may print
    # A cluster may run this on another machine than the command.
    if reason := sandbox.other_system() if unsafe else sandbox.obstacle():
        return _refuse(f"students' code cannot be isolated on {platform.node()}: {reason}", answers)
    try:
        preload.load(items)
    except Exception as error:  # a package that is missing, or whatever it does when it is imported
        return _refuse(f"what the set-up cells import cannot be loaded on {platform.node()}: {error!r}", answers)
    with Forkserver(unsafe=unsafe, items=items) as forkserver, contextlib.suppress(EOFError):
        while True:
            submission, exercises = pickle.load(sys.stdin.buffer)
            try:
                answer: Record | str = grade_submission(submission, exercises, forkserver)
            except GraderError as error:
                answer = str(error)
            pickle.dump(answer, answers)
            answers.flush()


def _refuse(reason: str, answers: BinaryIO) -> None:
    """Send the reason why nothing can be graded here, and wait until stdin is closed."""
    pickle.dump(reason, answers)
    answers.flush()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    unsafe = "--unsafe" in sys.argv
    serve(unsafe=unsafe, items=[argument for argument in sys.argv[1:] if argument != "--unsafe"])
