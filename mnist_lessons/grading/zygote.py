"""The process that students' code is forked from, and what each fork does.

The *zygote* imports what the exercises' set-up cells import, and calls what the course wants called once. Neither may
start a thread, as the first TensorFlow operation does: a fork made after one would hang.
For each question it forks a *warden*, which enters namespaces and forks the *student*: the first process in them, so
that its end is the end of everything it started. The warden ends it when time is up or the grader has hung up.
Code of students goes from the grader to the student's process alone: of what the zygote and a warden have read, every
later student inherits a copy. So no test, mark or submission but the one being run is ever in a student's memory.
"""

import array
import builtins
import contextlib
import functools
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, NoReturn

import numpy as np

from mnist_lessons.grading import exchange, preload, sandbox
from mnist_lessons.grading.sandbox import Limits


class StudentError(Exception):
    """A student's code failed, ended its process or gave no proper answer; the text is for the student."""


_ENDED = b"."  # what a warden says last


class GraderError(Exception):
    """Grading itself failed: out of memory, a process that was killed. No student is to blame."""


class Zygote:
    """A running zygote, seen from the grader. A context manager: everything it started ends with it.

    Parameters
    ----------
    unsafe
        Run students' code without namespaces and filter, with limits only.
    items
        Load these (see `preload`) and fork the zygote from this process, so that both have them for the price of one.
        This process must then have read nothing yet that students must not see, have `environment` and have started
        no thread. None to start a new process.
    """

    def __init__(self, *, unsafe: bool = False, items: Sequence[str] | None = None) -> None:
        self._channel, theirs = socket.socketpair()
        if items is None:
            self.pid = _start(theirs, unsafe=unsafe)
        else:
            preload.load(items)
            self.pid = os.fork()
            if self.pid == 0:
                _become(theirs, unsafe=unsafe)
            # Whoever has this process's generators could foretell what tests draw from them. Python's own are
            # seeded anew by every fork.
            np.random.seed()  # noqa: NPY002
        theirs.close()
        if self._channel.recv(1) != b"+":
            self.close()
            raise GraderError("the zygote did not start; its error stands above")

    def __enter__(self) -> "Zygote":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the zygote."""
        self._channel.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    @contextlib.contextmanager
    def student(self, *, limits: Limits, items: Sequence[str] = ()) -> Iterator["Student"]:
        """Start a process for a student's code; it is gone, with all it started, when the context ends.

        Parameters
        ----------
        limits
            What the process may use.
        items
            What the zygote loads before it forks, once, so that no student waits for it, and what the process may
            read. Ours to say, not theirs.

        Raises
        ------
        GraderError
            The process could not be started, or what watches it was killed.
        """
        channel, theirs = socket.socketpair()
        leash, their_leash = socket.socketpair()
        with channel, leash:
            with theirs, their_leash:
                request = json.dumps({"limits": asdict(limits), "items": items}).encode()
                self._request(request, [theirs.fileno(), their_leash.fileno()])
            try:
                _await_start(channel)
                yield Student(channel, deadline=time.monotonic() + limits.seconds)
            finally:
                leash.shutdown(socket.SHUT_WR)
                if leash.recv(1) != _ENDED:  # comes when the student has ended, and everything with it
                    raise GraderError("the process that watches a student's was killed")

    def _request(self, request: bytes, descriptors: list[int]) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        try:
            self._channel.sendmsg([len(request).to_bytes(4, "big")], ancillary)
            self._channel.sendall(request)
        except OSError as error:
            raise GraderError("the zygote has ended") from error


def _await_start(channel: socket.socket) -> None:
    """Wait until a student's process is ready to run the first line of their code: so far, any failure is ours."""
    try:
        exchange.receive(channel, deadline=time.monotonic() + 300)
    except exchange.ClosedError as error:
        raise GraderError("no process could be started for a student's code") from error


def _start(channel: socket.socket, *, unsafe: bool) -> int:
    """Start a zygote in a new process; return its id."""
    command = [
        sys.executable,
        "-P",  # never import from the folder we happen to be in: it may be one of submissions
        "-W",
        "ignore",
        "-m",
        __name__,
        str(channel.fileno()),
        *(["--unsafe"] if unsafe else []),
    ]
    process = subprocess.Popen(
        command,
        pass_fds=[channel.fileno()],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    process.returncode = 0  # it is waited for by its id
    return process.pid


def _become(channel: socket.socket, *, unsafe: bool) -> NoReturn:
    """Be the zygote in a process that was just forked: keep nothing open that is the grader's."""
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.dup2(nowhere, 1)
        kept = os.dup2(channel.fileno(), 3)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        serve(socket.socket(fileno=kept), unsafe=unsafe)
    finally:
        os._exit(0)


class Student:
    """A student's process, seen from the grader: names in it can be fetched and its functions called."""

    def __init__(self, channel: socket.socket, *, deadline: float) -> None:
        self._channel = channel
        self._deadline = deadline
        self._lent: list[Any] = []

    def run(self, code: list[tuple[str, bool]]) -> None:
        """Run cells of code, each with whether it must succeed; a StudentError tells what went wrong."""
        self._ask({"run": code})

    def fetch(self, name: str) -> Any:
        """Return the value of a name, for a function one that calls it; NameError where it is not defined."""
        if self._ask({"is_function": name}):
            return functools.partial(self._call, name)
        return self._ask({"fetch": name})

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._ask({"call": name, "args": args, "kwargs": kwargs})

    def _ask(self, question: dict[str, Any]) -> Any:
        answer = self._exchange(question)
        while isinstance(answer, dict) and "asked" in answer:  # about a function or an iterator that it was given
            answer = self._exchange(_serve(answer, self._lent))
        if not isinstance(answer, dict) or not {"value", "error"} & answer.keys():
            raise StudentError("The code interfered with its answer.")
        return _unpack(answer)

    def _exchange(self, message: dict[str, Any]) -> Any:
        try:
            exchange.send(self._channel, message, lent=self._lent, deadline=self._deadline)
            return exchange.receive(self._channel, deadline=self._deadline)
        except exchange.ClosedError as error:
            out_of_time = time.monotonic() >= self._deadline
            reason = "took longer than allowed" if out_of_time else "ended its own process or used too much memory"
            raise StudentError(f"The code {reason}.") from error
        except ValueError as error:
            raise StudentError(str(error)) from error


def _serve(asked: dict[str, Any], lent: list[Any]) -> dict[str, Any]:
    """Do what a student's code asks of something that a test lent it; an error is for the student's code to handle."""
    try:
        thing = lent[asked["asked"]]
        if "args" in asked:
            return {"value": thing(*asked["args"], **asked["kwargs"])}
        return {"value": [next(thing)]}
    except StopIteration:
        return {"value": []}
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error)[:2000]}


def _unpack(answer: dict[str, Any]) -> Any:
    """Return the value of an answer, or raise its error."""
    if "value" in answer:
        return answer["value"]
    raise _error_class(str(answer["error"]))(str(answer.get("text", ""))[:2000])


def _error_class(name: str) -> type[Exception]:
    """Return Python's own class of that name, so that a test can expect a ValueError; StudentError for any other."""
    found = getattr(builtins, name, None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        return StudentError
    takes_more = issubclass(found, UnicodeError | BaseExceptionGroup)  # than a text
    ends_loops = issubclass(found, StopIteration | StopAsyncIteration)  # all(map(f, x)) would be true
    return StudentError if takes_more or ends_loops else found


def environment() -> dict[str, str]:
    """Return the variables that Python and common libraries need; no other, so that no secret is among them."""
    kept = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV", "HOME")
    # With large pages of memory there is less to copy for each fork, which then takes a third of the time.
    memory = {"PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    keras = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    ours = {"MPLBACKEND": "agg", **keras, **memory, **threads}
    return {name: os.environ[name] for name in kept if name in os.environ} | ours


def serve(channel: socket.socket, *, unsafe: bool) -> None:
    """Be the zygote: fork a warden for each request, until the grader hangs up."""
    signal.signal(signal.SIGCHLD, _reap)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
    channel.send(b"+")
    while True:
        length, ancillary, _, _ = channel.recvmsg(4, socket.CMSG_SPACE(8))
        if len(length) < 4:
            return
        descriptors = array.array("i")
        descriptors.frombytes(ancillary[0][2])
        request = json.loads(_receive_exactly(channel, int.from_bytes(length, "big")))
        preload.load(request["items"])
        gc.freeze()  # else the first collection in a child touches, and so copies, every page
        if os.fork() == 0:
            _guard(Limits(**request["limits"]), *descriptors, items=request["items"], unsafe=unsafe)
        for descriptor in descriptors:
            os.close(descriptor)


def _reap(*_: object) -> None:
    """Let go of wardens that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _receive_exactly(channel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = channel.recv(size - len(data))
        if not chunk:
            sys.exit()  # the grader was killed
        data += chunk
    return data


def _guard(limits: Limits, channel: int, leash: int, *, items: Sequence[str], unsafe: bool) -> NoReturn:
    """Be the warden: start the student, end it when time is up or the grader lets go of the leash.

    It does not end with the zygote: no student is to pay for what happens there.
    """
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        user = None if unsafe or sandbox.enter_namespaces() else sandbox.user_for(os.getpid())
        pid = os.fork()
        if pid == 0:
            _be_student(limits, channel, items=items, unsafe=unsafe, user=user)
        os.close(channel)
        poll = select.poll()
        poll.register(os.pidfd_open(pid), select.POLLIN)
        poll.register(leash, select.POLLIN)
        poll.poll((limits.seconds + 0.5) * 1000)
        os.kill(pid, signal.SIGKILL)
        if unsafe:  # no namespace that ends with its first process
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.write(leash, _ENDED)
    finally:
        os._exit(0)


def _be_student(limits: Limits, channel: int, *, items: Sequence[str], unsafe: bool, user: int | None) -> NoReturn:
    try:
        sandbox.die_with_parent()
        os.setsid()  # a signal to the group of processes would reach the warden too
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.environ["HOME"] = "/tmp"
        kept = os.dup2(channel, 3)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        if unsafe:
            sandbox.set_limits(limits)
        else:
            sandbox.confine(limits, user=user, paths=sandbox.readable_paths(items))
        link = _Link(socket.socket(fileno=kept))
        exchange.send(link._channel, "ready")
        link.answer()
    finally:
        os._exit(0)


class _Link:
    """The student's end: it answers the grader, and asks it about what it was lent."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._turn = threading.RLock()
        # Notebooks have display; here nobody looks.
        self._names: dict[str, Any] = {"__name__": "__main__", "display": lambda *_, **__: None}

    def answer(self) -> dict[str, Any]:
        """Answer questions, until a message is none but the reply to one of ours."""
        while True:
            message = exchange.receive(self._channel, borrow=self._borrow)
            if {"value", "error"} & message.keys():
                return message
            try:
                answer = {"value": _answer_one(message, self._names)}
            except BaseException as error:  # SystemExit and KeyboardInterrupt are answers too
                answer = {"error": type(error).__name__, "text": _explain(error)}
            try:
                exchange.send(self._channel, answer)
            except exchange.ClosedError:
                raise
            except Exception as error:  # what a value does when it is looked at
                exchange.send(self._channel, {"error": "TypeError", "text": str(error)[:2000]})

    def _ask(self, question: dict[str, Any]) -> Any:
        with self._turn:
            exchange.send(self._channel, question)
            return _unpack(self.answer())

    def _borrow(self, kind: str, place: int) -> Any:
        if kind == "function":
            return lambda *args, **kwargs: self._ask({"asked": place, "args": args, "kwargs": kwargs})
        return self._iterate(place)

    def _iterate(self, place: int) -> Iterator[Any]:
        while found := self._ask({"asked": place}):
            yield found[0]


def _answer_one(question: dict[str, Any], names: dict[str, Any]) -> Any:
    if "run" in question:
        for number, (cell, required) in enumerate(question["run"]):
            with contextlib.nullcontext() if required else contextlib.suppress(Exception):
                exec(compile(cell, f"cell {number + 1}", "exec"), names)
        return None
    name = question.get("is_function") or question.get("fetch") or question["call"]
    if name not in names:
        raise NameError(f"name '{name}' is not defined")
    value = names[name]
    if "is_function" in question:
        return callable(value) and not exchange.is_model(value)
    return value(*question["args"], **question["kwargs"]) if "call" in question else value


def _explain(error: BaseException) -> str:
    """Return the message of an error and the student's line it came from."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("cell ")]
    place = f" (line {frames[-1].lineno} of the answer)" if frames else ""
    return f"{error}{place}"[:2000]


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), unsafe="--unsafe" in sys.argv)
