"""The process that students' code is forked from, and what each fork does.

The *forkserver* preloads what the course needs (`preload`). Preloading must not start a thread, as the first TensorFlow
operation does: a process forked after that would deadlock.
For each question the forkserver forks a *supervisor*, which enters new namespaces and forks the *student process*. That
is the first process in its namespaces, so everything it started ends with it. The supervisor kills it when its time is
up, or when the worker closes the control socket.
The worker sends a student's code to the student process only. Every later student process inherits a copy of what the
forkserver has read, so it must never read a test, a mark or a submission.
"""

import array
import asyncio
import builtins
import contextlib
import functools
import gc
import itertools
import json
import math
import operator
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from coursegrader import preload, protocol, sandbox
from coursegrader.notebook import Notebook
from coursegrader.remote import Remote
from coursegrader.sandbox import Limits


class StudentError(Exception):
    """A student's code raised an error, ended its process or replied with garbage; the text is for the student."""


class EndedError(StudentError):
    """A student process has ended, or did not answer in time: it cannot be used any more."""


_ENDED = b"."  # the last message of a supervisor
_MAX_WARNINGS = 20  # of one call


class GraderError(Exception):
    """Grading itself failed, for example because a process was killed. It costs no student any points."""


class Forkserver:
    """A running forkserver, seen from the worker. A context manager: everything it started ends with it.

    Parameters
    ----------
    unsafe
        Run students' code without namespaces and filter, with limits only.
    items
        Preload these and fork the forkserver from this process, so that both share them. This process must have the
        variables of `environment`, must not have started a thread, and must not have read anything that students may
        not see. None to start a new process.
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
            # With the state of these generators, a student could predict the inputs of tests. Python reseeds its own
            # after a fork.
            np.random.seed()  # noqa: NPY002
        theirs.close()
        if self._channel.recv(1) != b"+":
            self.close()
            raise GraderError("the forkserver did not start; see its error above")

    def __enter__(self) -> "Forkserver":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the forkserver."""
        self._channel.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    @contextlib.contextmanager
    def student(
        self, *, limits: Limits, items: Sequence[str] = (), objects: bool = False, plain: bool = False
    ) -> Iterator["Student"]:
        """Start a process for a student's code; when the context ends, it and everything it started have ended.

        Parameters
        ----------
        limits
            Limits of the process.
        items
            What the forkserver preloads before it forks, and what the process may read. From the assignment, never
            from a submission.
        objects
            Whether tests can use objects that stay in the process, see `remote`.
        plain
            Accept no models or tables from it: rebuilding one can take long, or crash this process.

        Raises
        ------
        GraderError
            The process could not be started, or its supervisor was killed.
        """
        channel, theirs = socket.socketpair()
        control, their_control = socket.socketpair()
        with channel, control:
            with theirs, their_control:
                request = json.dumps({"limits": asdict(limits), "items": items}).encode()
                self._request(request, [theirs.fileno(), their_control.fileno()])
            try:
                _await_start(channel)
                deadline = time.monotonic() + limits.seconds
                yield Student(channel, deadline=deadline, objects=objects, plain=plain)
            finally:
                control.shutdown(socket.SHUT_WR)
                if control.recv(1) != _ENDED:  # sent after the student process has ended
                    raise GraderError("the supervisor of a student process was killed")

    def _request(self, request: bytes, descriptors: list[int]) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        try:
            self._channel.sendmsg([len(request).to_bytes(4, "big")], ancillary)
            self._channel.sendall(request)
        except OSError as error:
            raise GraderError("the forkserver has ended") from error


def _await_start(channel: socket.socket) -> None:
    """Wait until a student process is ready to run code. A failure before that is not the student's."""
    try:
        protocol.receive(channel, deadline=time.monotonic() + 300)
    except protocol.ClosedError as error:
        raise GraderError("no process could be started for a student's code") from error


def _start(channel: socket.socket, *, unsafe: bool) -> int:
    """Start a forkserver in a new process; return the process id."""
    command = [
        sys.executable,
        "-P",  # never import from the current folder: it may contain submissions
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
    process.returncode = 0  # `close` waits for it by its id
    return process.pid


def _become(channel: socket.socket, *, unsafe: bool) -> NoReturn:
    """Run a forkserver in a process that was just forked; close everything that belongs to the worker."""
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
    """A student process, seen from the worker: run code in it, fetch values, call functions."""

    def __init__(self, channel: socket.socket, *, deadline: float, objects: bool = False, plain: bool = False) -> None:
        self._channel = channel
        self._deadline = deadline
        self._objects = objects
        self._plain = plain
        self._lent: list[Any] = []
        self._taken: weakref.WeakValueDictionary[int, Remote] = weakref.WeakValueDictionary()
        self._use: Callable[..., Any] = self._ask_use

    def run(self, code: str, *, keep: bool = False, deadline: float = math.inf) -> None:
        """Run a cell, until `deadline` at most; raise its error, or an EndedError if the process is lost.

        With `keep`, names that exist keep their values.
        """
        self._ask({"run": code, "keep": keep}, deadline)

    def used_shell(self) -> bool:
        """Tell whether the code asked for a shell."""
        return self._ask({"used_shell": None}) is True

    def fetch(self, name: str) -> Any:
        """Return the value of a name, or a stand-in if it is a function; raise NameError if it is not defined."""
        if not self._objects and self._ask({"is_function": name}):
            return functools.partial(self._call, name)
        return self._ask({"fetch": name})

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._ask({"call": name, "args": args, "kwargs": kwargs})

    def watch(self, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Use objects that are taken from now on through a function that `around` puts around the one that does it."""
        self._use = around(self._ask_use)

    def _ask_use(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        return self._ask({"use": operation, "args": args, "kwargs": kwargs})

    def _take(self, place: int, name: str) -> Remote:
        taken = self._taken.get(place)
        if taken is None:
            taken = self._taken[place] = Remote(self._use, place, name)
        return taken

    def _ask(self, question: dict[str, Any], deadline: float = math.inf) -> Any:
        question["objects"] = self._objects
        deadline = min(deadline, self._deadline)
        answer = self._exchange(question, deadline)
        while isinstance(answer, dict) and "asked" in answer:  # a request about a function or iterator that it was lent
            answer = self._exchange(_serve(answer, self._lent), deadline)
        if not isinstance(answer, dict) or not {"value", "error"} & answer.keys():
            raise StudentError("The code interfered with its answer.")
        return _unpack(answer)

    def _exchange(self, message: dict[str, Any], deadline: float) -> Any:
        try:
            protocol.send(self._channel, message, lent=self._lent, deadline=deadline)
            take = self._take if self._objects else None
            return protocol.receive(self._channel, take=take, deadline=deadline, plain=self._plain)
        except protocol.ClosedError as error:
            out_of_time = time.monotonic() >= deadline
            reason = "took longer than allowed" if out_of_time else "ended its own process or used too much memory"
            raise EndedError(f"The code {reason}.") from error
        except ValueError as error:
            raise StudentError(str(error)) from error


def _serve(asked: dict[str, Any], lent: list[Any]) -> dict[str, Any]:
    """Call a lent function or advance a lent iterator; an error is sent to the student's code, which may handle it."""
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
    """Return the value of a reply after its warnings, or raise its error."""
    for name, text in list(answer.get("warnings", ()))[:_MAX_WARNINGS]:
        warnings.warn(str(text)[:2000], _warning_class(str(name)), stacklevel=1)
    if "value" in answer:
        return answer["value"]
    raise _error_class(str(answer["error"]))(str(answer.get("text", ""))[:2000])


def _error_class(name: str) -> type[Exception]:
    """Return the built-in exception of that name, so that a test can expect a ValueError; else StudentError."""
    found = getattr(builtins, name, None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        return StudentError
    takes_more = issubclass(found, UnicodeError | BaseExceptionGroup)  # more arguments than a text
    ends_loops = issubclass(found, StopIteration | StopAsyncIteration)  # all(map(f, x)) would be true
    return StudentError if takes_more or ends_loops else found


def _warning_class(name: str) -> type[Warning]:
    """Return the built-in warning of that name, so that a test can expect one; else UserWarning."""
    found = getattr(builtins, name, None)
    return found if isinstance(found, type) and issubclass(found, Warning) else UserWarning


def environment() -> dict[str, str]:
    """Return the variables that Python and common libraries need.

    Others may contain secrets or change marks, as a locale and settings of libraries do. What Keras reads from a file,
    `preload` resets.
    """
    kept = ["PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "HOME"]
    # What makes an OpenBLAS compute right on a processor that it does not know.
    kept += [name for name in os.environ if name.startswith("OPENBLAS_")]
    python = {"PYTHONUTF8": "1"}
    # With huge pages there is less to copy for each fork, which makes it three times as fast.
    memory = {"PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    keras = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    matplotlib = {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    ours = {**python, **matplotlib, **keras, **memory, **threads}
    return {name: os.environ[name] for name in kept if name in os.environ} | ours


def serve(channel: socket.socket, *, unsafe: bool) -> None:
    """Run a forkserver: fork a supervisor for each request, until the worker closes the socket."""
    signal.signal(signal.SIGCHLD, _reap)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command handles Ctrl-C
    notebook = Notebook.instance()  # each student process runs cells in its own copy
    notebook.run("pass")  # what IPython does the first time
    sandbox.find_users()  # once: a fork would not keep what it finds
    gc.set_threshold(10_000)  # collections cost a tenth of building a model, and a student process is soon over
    channel.send(b"+")
    while True:
        length, ancillary, _, _ = channel.recvmsg(4, socket.CMSG_SPACE(8))
        if len(length) < 4:
            return
        descriptors = array.array("i")
        descriptors.frombytes(ancillary[0][2])
        request = json.loads(_receive_exactly(channel, int.from_bytes(length, "big")))
        preload.load(request["items"])
        paths = sandbox.readable_paths(tuple(request["items"]))
        gc.freeze()  # otherwise the first garbage collection in a child would copy every page
        if os.fork() == 0:
            _guard(Limits(**request["limits"]), *descriptors, notebook=notebook, paths=paths, unsafe=unsafe)
        for descriptor in descriptors:
            os.close(descriptor)


def _reap(*_: object) -> None:
    """Reap supervisors that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _receive_exactly(channel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = channel.recv(size - len(data))
        if not chunk:
            sys.exit()  # the worker was killed
        data += chunk
    return data


def _guard(
    limits: Limits, channel: int, control: int, *, notebook: Notebook, paths: Sequence[Path], unsafe: bool
) -> NoReturn:
    """Run a supervisor: start the student process, kill it when its time is up or the worker closes `control`.

    It outlives the forkserver, whose failure must not cost a student any points.
    """
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        user = None if unsafe else sandbox.enter_namespaces()
        ours = os.pidfd_open(os.getpid())
        pid = os.fork()
        if pid == 0:
            _be_student(limits, channel, parent=ours, notebook=notebook, paths=paths, unsafe=unsafe, user=user)
        os.close(channel)
        poll = select.poll()
        poll.register(os.pidfd_open(pid), select.POLLIN)
        poll.register(control, select.POLLIN)
        poll.poll((limits.seconds + 0.5) * 1000)
        os.kill(pid, signal.SIGKILL)
        if unsafe:  # without a namespace, its children would survive
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.write(control, _ENDED)
    finally:
        os._exit(0)


def _be_student(
    limits: Limits,
    channel: int,
    *,
    parent: int,
    notebook: Notebook,
    paths: Sequence[Path],
    unsafe: bool,
    user: int | None,
) -> NoReturn:
    try:
        sandbox.die_with_parent(parent)
        os.setsid()  # so that signals to its process group do not reach the supervisor
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.environ["HOME"] = "/tmp"
        kept = os.dup2(channel, 3)
        parent = os.dup2(parent, 4)
        os.closerange(5, os.sysconf("SC_OPEN_MAX"))
        if unsafe:
            os.close(parent)
            sandbox.set_limits(limits)
        else:
            sandbox.confine(limits, user=user, parent=parent, paths=paths)
            sys.path.insert(0, "")  # as in a notebook; the folder is empty, and the student's own
        link = _Link(socket.socket(fileno=kept), notebook)
        protocol.send(link._channel, "ready")
        link.answer()
    finally:
        os._exit(0)


class _Link:
    """The student process's end of the socket: answers the worker, and asks it about lent objects."""

    def __init__(self, channel: socket.socket, notebook: Notebook) -> None:
        self._channel = channel
        self._turn = threading.RLock()
        self._notebook = notebook
        self._kept = _Kept()

    def answer(self) -> dict[str, Any]:
        """Answer requests until a message is the reply to one of our own."""
        while True:
            message: dict[str, Any] = protocol.receive(self._channel, borrow=self._borrow)
            if {"value", "error"} & message.keys():
                return message
            try:
                answer = _answer_one(message, self._notebook, self._kept)
            except BaseException as error:  # SystemExit and KeyboardInterrupt too
                answer = {"error": _name_error(error), "text": _explain(error)}
            try:
                protocol.send(self._channel, answer, kept=self._kept if message["objects"] else None)
            except protocol.ClosedError:
                raise
            except Exception as error:  # the methods of a value may raise anything
                protocol.send(self._channel, {"error": "TypeError", "text": str(error)[:2000]})

    def _ask(self, question: dict[str, Any]) -> Any:
        with self._turn:
            protocol.send(self._channel, question)
            return _unpack(self.answer())

    def _borrow(self, kind: str, place: int) -> Any:
        if kind == "function":
            return lambda *args, **kwargs: self._ask({"asked": place, "args": args, "kwargs": kwargs})
        if kind == "object":
            return self._kept[place]
        return self._iterate(place)

    def _iterate(self, place: int) -> Iterator[Any]:
        while found := self._ask({"asked": place}):
            yield found[0]


class _Kept:
    """The objects of a student process that tests use from outside."""

    def __init__(self) -> None:
        self._things: list[Any] = []
        self._places: dict[int, int] = {}

    def __contains__(self, thing: object) -> bool:
        return id(thing) in self._places

    def __getitem__(self, place: int) -> Any:
        return self._things[place]

    def place(self, thing: object) -> int:
        if thing not in self:
            self._places[id(thing)] = len(self._things)
            self._things.append(thing)
        return self._places[id(thing)]

    def use(self, operation: str, thing: Any, *args: Any, **kwargs: Any) -> Any:
        """Do with an object what a test does with its stand-in."""
        result = _OPERATIONS[operation](thing, *args, **kwargs)
        if operation == "iterate":
            self.place(result)  # or all of it would be sent
        return result


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": operator.call,
    "get": getattr,
    "set": setattr,
    "item": operator.getitem,
    "set item": operator.setitem,
    "delete item": operator.delitem,
    "iterate": iter,
    "next": lambda thing: list(itertools.islice(thing, 1)),
    "await": lambda thing: asyncio.run(_wait(thing)),
    "isinstance": isinstance,
    "len": len,
    "bool": bool,
    "str": str,
    "float": float,
    "int": int,
    "round": round,
    "abs": abs,
    "-x": operator.neg,
    "np.asarray": np.asarray,
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "@": operator.matmul,
}


async def _wait(thing: Awaitable[Any]) -> Any:
    return await thing


def _answer_one(question: dict[str, Any], notebook: Notebook, kept: _Kept) -> dict[str, Any]:
    """Return the reply to a request, with the warnings of a call."""
    if "run" in question:
        notebook.run(question["run"], keep=question["keep"])
        return {"value": None}
    if "used_shell" in question:
        return {"value": notebook.used_shell}
    if "use" in question:
        return _with_warnings(kept.use, question["use"], *question["args"], **question["kwargs"])
    names = notebook.user_ns
    name = question.get("is_function") or question.get("fetch") or question["call"]
    if name not in names:
        raise NameError(f"name '{name}' is not defined")
    value = names[name]
    if "is_function" in question:
        return {"value": callable(value) and not protocol.is_model(value)}
    if "fetch" in question:
        return {"value": value}
    return _with_warnings(value, *question["args"], **question["kwargs"])


def _with_warnings(function: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    with warnings.catch_warnings(record=True, action="default") as caught:
        result = function(*args, **kwargs)
    found = [(type(one.message).__name__, f"{one.message}"[:2000]) for one in caught[:_MAX_WARNINGS]]
    return {"value": result, "warnings": found} if found else {"value": result}


def _name_error(error: BaseException) -> str:
    """Return the name of an error's class, or of the built-in error that a class of its own is derived from."""
    known = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
    return (type(error) if known in (Exception, BaseException) else known).__name__


def _explain(error: BaseException) -> str:
    """Return the message of an error and the line of the answer that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("cell ")]
    place = f" (line {frames[-1].lineno} of the answer)" if frames else ""
    try:
        text = f"{error}"[:2000]
    except Exception:  # from a method of its own
        text = "<exception str() failed>"  # as Python and IPython write
    return f"{text}{place}"


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), unsafe="--unsafe" in sys.argv)
