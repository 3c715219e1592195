"""Worker processes: each has the tests and a forkserver, and grades one submission after another.

Tests handle values from untrusted code. If a value crashes or blocks a worker, only that question loses its points: a
new worker grades the others. Time and memory limits also need the main thread of a process, and a cluster runs its
tasks in other threads.
"""

import atexit
import contextlib
import gc
import multiprocessing
import os
import pickle
import platform
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection

from coursegrader import preload, sandbox
from coursegrader.exercises import Exercise
from coursegrader.forkserver import Forkserver, GraderError, environment
from coursegrader.grade import GRACE, READING, TOO_LONG, Record, fail, grade_submission
from coursegrader.submissions import Submission

PATIENCE = 120  # seconds allowed for imports, and for what no time limit counts
# Submissions until a worker is replaced: TensorFlow keeps a little memory of many models that were built and freed.
LIFETIME = 250
# Signals that end a process for what it does itself: TensorFlow aborts when one of its checks fails. An illegal
# instruction is the fault of the machine, and what kills a process from outside is not the answer's either.
_CRASHES = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV}


class CrashError(GraderError):
    """A worker process crashed or hung because of what it was given.

    Attributes
    ----------
    question : str
        The id of the question that it was grading; empty if it was reading the notebook.
    hung : bool
        Whether it was still running when the time of the question was over.
    """

    def __init__(self, question: str, *, hung: bool, text: str) -> None:
        super().__init__(text)
        self.question, self.hung = question, hung


class Worker:
    """A worker process, seen from the process that uses it.

    Parameters
    ----------
    unsafe
        Grade without isolation.
    items
        What the exercises preload. Needed at the start: the forkserver must not inherit anything that is read later.

    Attributes
    ----------
    graded : int
        How many submissions it has graded.
    """

    def __init__(self, *, unsafe: bool, items: Sequence[str] = ()) -> None:
        self.unsafe = unsafe
        self.graded = 0  # submissions
        options = ["--unsafe"] if unsafe else []
        self._channel, theirs = multiprocessing.Pipe()
        number = theirs.fileno()
        command = [sys.executable, "-P", "-W", "ignore", "-m", __name__, str(number), *options, *items]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[number], env=environment())
        theirs.close()

    def grade(
        self, submission: Submission, exercises: list[Exercise], known: dict[str, Record] | None = None
    ) -> Record:
        """Grade one submission; after a GraderError, this process cannot be used again.

        Parameters
        ----------
        submission, exercises
            The submission and the questions.
        known
            Results of questions, by id. These are not graded again, and results that come are added.

        Raises
        ------
        CrashError
            The process crashed, or took longer for a question than allowed.
        GraderError
            The process was killed, does not respond, or cannot grade.
        """
        known = {} if known is None else known
        seconds = {"": READING} | {exercise.id: exercise.seconds for exercise in exercises}
        question, end = None, time.monotonic() + PATIENCE
        try:
            self._channel.send((submission, exercises, known))
            while self._channel.poll(max(0, end - time.monotonic())):
                answer = self._channel.recv()
                if isinstance(answer, str):
                    raise GraderError(answer)
                if isinstance(answer, dict):
                    self.graded += 1
                    return answer
                question, result = answer
                end = time.monotonic() + (PATIENCE if result else seconds[question] + GRACE + 1)
                if result:
                    known[question], question = result, None
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            code = self._wait()
            if question is not None and (code > 0 or -code in _CRASHES):
                name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                raise CrashError(question, hung=False, text=f"the process that grades it crashed ({name})") from error
            raise GraderError("the worker process was killed") from error
        self._process.kill()
        if question is None:
            raise GraderError("the worker process does not respond")
        raise CrashError(question, hung=True, text="it took longer than allowed")

    def close(self) -> None:
        """End the process and everything that it started."""
        self._channel.close()
        self._wait()

    def _wait(self) -> int:
        """Wait until the process ends, but not long; return its exit code."""
        try:
            return self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


_idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()


def grade_here(
    submission: Submission, exercises: list[Exercise], *, unsafe: bool, known: Mapping[str, Record] | None = None
) -> Record:
    """Grade on this machine, in an idle worker or a new one. Runs in a thread, or in a worker of a cluster.

    A question that takes too long, or crashes a worker twice, gets no points. The others are graded in a new worker.
    `known` has results to take over, by the question's id.

    Raises
    ------
    GraderError
        Workers were killed or could not grade, twice.
    """
    items = list(dict.fromkeys(item for exercise in exercises for item in exercise.preload))
    known = dict(known or {})
    failed: set[str | None] = set()  # questions at which a worker crashed once; None if it ended in another way
    while True:
        grader = _take(unsafe=unsafe, items=items)
        try:
            record = grader.grade(submission, exercises, known)
        except GraderError as error:
            grader.close()
            question = error.question if isinstance(error, CrashError) else None
            hung = isinstance(error, CrashError) and error.hung
            if not hung and question not in failed:
                failed.add(question)
                continue
            if question is None:
                raise
            reason = TOO_LONG if hung else f"The answer cannot be graded: {error}, twice."
            lost = [exercise for exercise in exercises if question in (exercise.id, "")]
            known = {exercise.id: fail(exercise, reason) for exercise in lost} | known
        else:
            _put_back(grader)
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


def _put_back(grader: Worker) -> None:
    """Keep a worker for the next submission, unless it has graded so many that it is time for a new one."""
    if grader.graded < LIFETIME:
        _idle.put(grader)
    else:
        grader.close()


@atexit.register
def close_idle() -> None:
    """End idle workers."""
    with contextlib.suppress(queue.Empty):
        while True:
            _idle.get_nowait().close()


def serve(channel: Connection, *, unsafe: bool, items: Sequence[str]) -> None:
    """Run a worker: receive submissions until the channel is closed; send results of questions, then the record."""
    sandbox.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command handles Ctrl-C
    os.dup2(2, 1)  # tests may print
    # A cluster may run this on another machine than the command.
    if reason := sandbox.other_system() if unsafe else sandbox.obstacle():
        return _refuse(f"students' code cannot be isolated on {platform.node()}: {reason}", channel)
    gc.disable()  # imports make little garbage, and looking for it takes a quarter of their time
    try:
        preload.load(items)
    except Exception as error:  # a package that is missing, or whatever it does when it is imported
        return _refuse(f"what the set-up cells import cannot be loaded on {platform.node()}: {error!r}", channel)
    gc.freeze()  # what is here stays, and collecting the rest takes no time
    gc.enable()
    with Forkserver(unsafe=unsafe, items=items) as forkserver, contextlib.suppress(EOFError, ConnectionError):
        while True:
            submission, exercises, known = channel.recv()

            def report(question: str, result: Record | None) -> None:
                if result:
                    gc.collect()  # models contain cycles: else those of many answers stay in memory
                channel.send((question, result))

            try:
                channel.send(grade_submission(submission, exercises, forkserver, known=known, report=report))
            except GraderError as error:
                channel.send(str(error))


def _refuse(reason: str, channel: Connection) -> None:
    """Send the reason why nothing can be graded here, and wait until the channel is closed."""
    with contextlib.suppress(EOFError, ConnectionError):
        channel.send(reason)
        while True:
            channel.recv()


if __name__ == "__main__":
    unsafe = "--unsafe" in sys.argv
    items = [argument for argument in sys.argv[2:] if argument != "--unsafe"]
    serve(Connection(int(sys.argv[1])), unsafe=unsafe, items=items)
