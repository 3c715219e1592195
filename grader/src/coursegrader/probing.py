"""Run a program many times in a student process, and report what it returns and does: as JSON, in numbers and names.

The worker never imports what students wrote, and takes nothing but this report from the process. A student's code can
falsify it, and then has falsified its own questions.
"""

import ast
import contextlib
import json
import random
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

MAX_STEPS = 3000  # statements of a run
MAX_SECONDS, MAX_TOTAL = 1.0, 6.0  # of computing, in a run and in all of them
MAX_SEEN = 300  # values of variables that are reported of a run
MAX_TEXT = 60  # characters of a value that is shown
MAX_ATOMS = 12  # numbers and words in such a value

_FILE = "<answer>"
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


class _StopError(BaseException):
    """A run took too long. No Exception, so that no answer catches it."""


def explore(
    names: dict[str, Any], code: str, changed: list[str], calls: list[str], seed: int, changed_calls: int
) -> str:
    """Run calls of a program, and of changed programs, and return what was observed, as JSON.

    Parameters
    ----------
    names
        What the set-up cells define.
    code, changed
        The program, and variants of it.
    calls
        Calls of its functions, as Python expressions.
    seed
        What NumPy's and Python's own generators start from.
    changed_calls
        How many of the calls the variants get.

    Returns
    -------
    report
        ``runs``: for each call the ``outcome``; ``counts``, how often each line ran; ``seen``, each assignment as line,
        name and value; and ``order``, the places of the calls in the program's syntax tree in the order in which they
        returned. ``changed``: the outcomes of the variants.
    """
    np.empty, np.empty_like = _filling(np.empty), _filling(np.empty_like)  # type: ignore[misc]
    watched, end = _watch(code), time.process_time() + MAX_TOTAL
    runs = [_run(names, watched, call, seed, end, watch=True) for call in calls]
    programs = [_compile(variant) for variant in changed]
    outcomes = [
        [_run(names, program, call, seed, end)["outcome"] if program else None for call in calls[:changed_calls]]
        for program in programs
    ]
    return json.dumps({"runs": runs, "changed": outcomes})


def _filling(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes an array, and fills it with a random number where its content is left to chance."""

    def filled(*args: Any, **kwargs: Any) -> Any:
        array = make(*args, **kwargs)
        if array.dtype.kind in "biuf":
            array.fill(random.randrange(2, 100))
        return array

    return filled


def _compile(code: str) -> Any:
    """Return a program that counts its steps, or None if it is none."""
    try:
        return _watch(code)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _watch(code: str) -> Any:
    """Return a program whose functions tell which line runs, what is assigned, and which call has returned."""
    tree = ast.parse(code)
    for place, node in enumerate(node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        vars(node)["place"] = place
    functions = [node for node in ast.walk(tree) if isinstance(node, _FUNCTION)]
    for function in functions:
        function.body = [_Watcher().visit(statement) for statement in function.body]
    _mark_lines(functions)
    return compile(ast.fix_missing_locations(tree), _FILE, "exec")


class _Watcher(ast.NodeTransformer):
    """Let each call tell when it has returned."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Wrap a call, once."""
        self.generic_visit(node)
        place = vars(node).pop("place", None)
        if place is None:
            return node
        told = ast.Call(ast.Name("_ask_returned", ast.Load()), [ast.Constant(place), node], [])
        return ast.copy_location(told, node)


def _mark_lines(functions: list[Any]) -> None:
    """Let each statement in functions tell that it runs, and what it assigned."""
    inside = {id(node): node for function in functions for node in ast.walk(function)}
    for node in inside.values():
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                setattr(node, name, [part for statement in block for part in _mark(statement)])


def _mark(statement: ast.stmt) -> Iterator[ast.stmt]:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        yield statement  # a docstring stays the first
        return
    yield _tell(statement, "_ask_running")
    yield statement
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign) and statement.value:
        for name in dict.fromkeys(name for target in targets if target for name in _stored(target)):
            yield _tell(statement, "_ask_assigned", ast.Constant(name), ast.Name(name, ast.Load()))


def _tell(statement: ast.stmt, function: str, *more: ast.expr) -> ast.stmt:
    call = ast.Call(ast.Name(function, ast.Load()), [ast.Constant(statement.lineno), *more], [])
    return ast.copy_location(ast.Expr(call), statement)


def _stored(target: ast.expr) -> Iterator[str]:
    """Yield the variables that an assignment changes: ``x`` and ``y`` for ``x[i], y``."""
    if isinstance(target, ast.Subscript):
        yield from _stored(target.value)
    elif isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from _stored(part)
    elif isinstance(target, ast.Name):
        yield target.id


class _Watch:
    """What is observed while a call runs, and not before; with `watch`, more than how often each line runs."""

    def __init__(self, *, watch: bool) -> None:
        self.watch, self.on = watch, False
        self.steps = 0
        self.counts: dict[int, int] = {}
        self.seen: list[Any] = []
        self.order: list[int] = []

    def running(self, line: int) -> None:
        """Count a statement."""
        self.steps += self.on
        if self.steps > MAX_STEPS:
            raise _StopError
        self.counts[line] = self.counts.get(line, 0) + 1

    def assigned(self, line: int, name: str, value: Any) -> None:
        """Keep what was assigned."""
        if self.on and self.watch and len(self.seen) < MAX_SEEN:
            self.seen.append([line, name, describe(value)])

    def returned(self, place: int, value: Any) -> Any:
        """Keep which call returned, and return its value."""
        if self.on and self.watch and len(self.order) < MAX_STEPS:
            self.order.append(place)
        return value


def _run(
    names: dict[str, Any], program: Any, call: str, seed: int, end: float, *, watch: bool = False
) -> dict[str, Any]:
    """Run a program and then a call of it, until `end` of the process's time; return what was observed."""
    found = _Watch(watch=watch)
    space = dict(names)
    space |= {"_ask_running": found.running, "_ask_assigned": found.assigned, "_ask_returned": found.returned}
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    outcome: dict[str, Any] = {"value": None, "error": "stopped", "line": None}
    left = min(MAX_SECONDS, end - time.process_time())
    with limited(max(left, 1e-3)), warnings.catch_warnings(action="ignore"):
        try:
            exec(program, space)
            found.counts.clear()
            found.on = True
            outcome |= {"value": describe(eval(compile(call, "<call>", "eval"), space)), "error": None}
        except _StopError:
            pass
        except BaseException as error:
            if not found.on:  # the program itself fails, and nobody can call its functions
                return {"outcome": outcome, "counts": [], "seen": [], "order": []}
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _FILE]
            outcome |= {"error": type(error).__name__, "line": frames[-1].lineno if frames else None}
    if not watch:
        return {"outcome": outcome}
    return {"outcome": outcome, "counts": list(found.counts.items()), "seen": found.seen, "order": found.order}


@contextlib.contextmanager
def limited(seconds: float = MAX_SECONDS) -> Iterator[None]:
    """Stop what computes too long, even in a library."""

    def stop(*_: object) -> None:
        raise _StopError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.2)
    try:
        yield
    except _StopError:
        pass
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def describe(value: Any) -> dict[str, Any] | None:
    """Return how a value is shown, or None if it is of another kind or too long.

    Returns
    -------
    description
        ``text``, with floats in three significant digits, arrays as lists and sets in order, or None if it is too long;
        ``form``, the text with a letter for each number and word; ``atoms``, these numbers and words; ``exact``, the
        text with all digits; ``array``, the shape and type of an array, or None.
    """
    if isinstance(value, np.ma.MaskedArray):
        return None
    if hasattr(value, "__array__") and not isinstance(value, np.ndarray | np.generic):
        value = np.asarray(value)  # of a tensor
    array = [list(value.shape), value.dtype.name] if isinstance(value, np.ndarray) else None
    atoms: list[Any] = []
    try:
        text = None if array and value.size > MAX_ATOMS else _show(_plain(value), atoms)
    except (ValueError, TypeError):
        text = None
    if text is None or len(text) > MAX_TEXT:
        return {"text": None, "form": "", "atoms": [], "exact": "", "array": array} if array else None
    form, exact = _show(_plain(value), None), repr(_plain(value))
    return {"text": text, "form": form, "atoms": atoms, "exact": exact[:500], "array": array}


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _show(value: Any, atoms: list[Any] | None) -> str:
    """Return the text of a plain value and collect its atoms; or its form, if there is no list to collect them in."""
    kind = type(value)
    if kind in (list, tuple):
        parts = [_show(_plain(item), atoms) for item in value]
        if kind is tuple:
            return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
        return f"[{', '.join(parts)}]"
    if kind in (set, frozenset):
        return f"{{{', '.join(_show(_plain(item), atoms) for item in sorted(value))}}}" if value else "set()"
    if kind is dict:
        items = (f"{_show(_plain(key), atoms)}: {_show(_plain(item), atoms)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    if kind not in (int, float, bool, str, type(None)):
        raise ValueError(f"value: expected numbers, words, lists or dictionaries, got {kind.__name__}")
    return _show_atom(value, atoms)


def _show_atom(value: Any, atoms: list[Any] | None) -> str:
    if atoms is None:
        return type(value).__name__[0]
    if len(atoms) >= MAX_ATOMS:
        raise ValueError(f"value: expected at most {MAX_ATOMS} numbers and words")
    if isinstance(value, float):
        if not np.isfinite(value) or 0 < abs(value) < 1e-6 or abs(value) >= 1e6:
            raise ValueError(f"value: expected a number that can be written down, got {value}")
        value = float(f"{value:.3g}") + 0.0
    if (isinstance(value, int) and abs(value) >= 1e9) or (isinstance(value, str) and not value.isprintable()):
        raise ValueError(f"value: expected a number or a word, got {value!r}")
    atoms.append(value)
    return repr(value)
