"""What a test asked an answer and what came back, in short texts that can be shown anywhere.

Values come from tests and from untrusted code. Nothing here calls a method that a student could have written, and every
text has a limit and only printable characters.
"""

import contextlib
import reprlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from coursegrader.protocol import is_model
from coursegrader.remote import Remote

MAX_VALUE = 240  # characters of a value
MAX_NUMBERS = 120  # characters of the numbers of an array
MAX_CALL = 600  # characters of all arguments of a call
_MORE = "\N{HORIZONTAL ELLIPSIS}"
# How a use of an object is written, where it is neither a function of it nor an operator; see `remote`.
_USES = {
    "get": "{0}.{1}", "set": "{0}.{1} = {2}", "item": "{0}[{1}]", "set item": "{0}[{1}] = {2}",
    "delete item": "del {0}[{1}]", "iterate": "iter({0})", "next": "next({0})", "await": "await {0}", "-x": "-{0}",
}  # fmt: skip
_RANGE = range(100, 1_000_000)  # elements of arrays that are described by their range, too


@dataclass
class Call:
    """A call of a function of an answer, and how it ended."""

    text: str
    outcome: str = "did not return"

    def __str__(self) -> str:
        return f"{self.text} {self.outcome}"


class Calls:
    """The last calls that a test made to the functions of an answer.

    Parameters
    ----------
    most
        How many calls to keep.

    Attributes
    ----------
    watching : bool
        Whether calls are recorded, which takes some microseconds each.
    made : int
        The number of calls since the last `clear`.
    last : deque of Call
        The last of them, the oldest first.
    """

    def __init__(self, most: int = 1) -> None:
        self.watching = True
        self.made = 0
        self.last: deque[Call] = deque(maxlen=most)

    def clear(self) -> None:
        """Forget all calls."""
        self.made = 0
        self.last.clear()

    def watch(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, and records its calls."""

        def watched(*args: Any, **kwargs: Any) -> Any:
            if not self.watching:
                return function(*args, **kwargs)
            # At once: a test may change its arguments afterwards.
            call = self._note(Call(describe_call(name, args, kwargs)))
            with _noting_errors(call):
                result = function(*args, **kwargs)
            call.outcome = f"returned {describe(result)}"
            return result

        return watched

    def watch_uses(self, use: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does with objects the same as `use`, see `remote`, and records that.

        Methods that are looked up to be called, and steps of a loop, are recorded only if they fail.
        """

        def watched(operation: str, *args: Any, **kwargs: Any) -> Any:
            if not self.watching:
                return use(operation, *args, **kwargs)
            call = Call(_describe_use(operation, args, kwargs))
            aside = operation in ("get", "iterate", "next")
            try:
                with _noting_errors(call if aside else self._note(call)):
                    result = use(operation, *args, **kwargs)
            except Exception:
                if aside:
                    self._note(call)
                raise
            call.outcome = f"returned {describe(result)}"
            if operation == "get" and not isinstance(result, Remote):
                self._note(call)
            if isinstance(result, Remote) and not result._text:
                result._tell(_shorten(call.text, MAX_VALUE))
            return result

        return watched

    def _note(self, call: Call) -> Call:
        self.made += 1
        self.last.append(call)
        return call


@contextlib.contextmanager
def _noting_errors(call: Call) -> Iterator[None]:
    """Write an error of a call into its outcome."""
    try:
        yield
    except Exception as error:
        kind = type(error)
        what = f"raised {kind.__name__}" if kind.__module__ == "builtins" else "failed"
        call.outcome = f"{what}: {first_line(error)}"
        raise


def describe_call(name: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> str:
    """Return a call as it could stand in code, with its arguments described."""
    described = [describe(value) for value in args]
    described += [f"{key}={describe(value)}" for key, value in kwargs.items()]
    return f"{name}({_shorten(', '.join(described), MAX_CALL)})"


def _describe_use(operation: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return what is done with an object as it could stand in code."""
    if operation == "call":
        return describe_call(describe(args[0]), args[1:], kwargs)
    described = [describe(value) for value in args]
    if operation in ("get", "set"):
        described[1] = printable(args[1])
    if pattern := _USES.get(operation):
        return pattern.format(*described)
    return f"{operation}({', '.join(described)})" if operation[0].isalpha() else f" {operation} ".join(described)


def describe(value: Any, most: int = MAX_VALUE) -> str:
    """Return a value in at most `most` printable characters.

    An array is followed by its type and shape, and a large one by its range, as in
    ``[[0, 0, 7], [5, 4, 1]] (uint8, 2 × 3)``. It never raises an error: no test may fail because of it.
    """
    try:
        text = _join(_pieces(value), most)
    except Exception:  # of a value that a test makes, such as one whose `__array__` fails
        text = _name(value)
    return printable(text)


def printable(text: str) -> str:
    """Return a text without characters that could move a cursor, color a terminal or hide others."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, printable and of at most 500 characters."""
    return printable(str(error).strip().partition("\n")[0][:500])


def _join(pieces: Iterator[str], most: int) -> str:
    """Return the pieces as one text; no more of them are made than it can hold."""
    text = ""
    for piece in pieces:
        text += piece
        if len(text) > most:
            return _shorten(text, most)
    return text


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(_MORE)] + _MORE


def _pieces(value: Any) -> Iterator[str]:
    if isinstance(value, Remote):
        yield value._text or repr(value)
    elif isinstance(value, np.ndarray) or (hasattr(value, "__array__") and not isinstance(value, np.generic)):
        yield _describe_array(np.asarray(value))
    elif isinstance(value, dict):
        yield from _pieces_of_dict(value)
    elif isinstance(value, list | tuple | set | frozenset):
        yield from _pieces_of_items(value)
    elif isinstance(value, str):
        yield repr(str(value[: MAX_VALUE + 1]))
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(int(value)) if value.bit_length() < 800 else f"an integer of {value.bit_length()} bits"
    elif value is None or isinstance(value, bool | float | complex | Fraction | Decimal | np.generic):
        yield str(value)
    else:
        yield _name(value)


def _pieces_of_items(items: list[Any] | tuple[Any, ...] | set[Any] | frozenset[Any]) -> Iterator[str]:
    if isinstance(items, set | frozenset) and not items:
        yield "set()"
        return
    start, end = "[]" if isinstance(items, list) else "()" if isinstance(items, tuple) else "{}"
    yield start
    for number, item in enumerate(items):
        yield ", " if number else ""
        yield from _pieces(item)
    yield ("," if start == "(" and len(items) == 1 else "") + end


def _pieces_of_dict(items: dict[Any, Any]) -> Iterator[str]:
    yield "{"
    for number, (key, item) in enumerate(items.items()):
        yield ", " if number else ""
        yield from _pieces(key)
        yield ": "
        yield from _pieces(item)
    yield "}"


def _describe_array(array: np.ndarray) -> str:
    shape = " \N{MULTIPLICATION SIGN} ".join(map(str, array.shape)) if array.ndim != 1 else f"{len(array)} elements"
    about = f"{array.dtype}, {shape}" if array.ndim else f"{array.dtype}, no axis"
    if array.size in _RANGE and array.dtype.kind in "biuf":
        with np.errstate(all="ignore"):
            about += f", from {_number(array.min())} to {_number(array.max())}"
    return f"{_join(_pieces_of_array(array), MAX_NUMBERS)} ({about})"


def _pieces_of_array(array: np.ndarray) -> Iterator[str]:
    if array.ndim == 0:
        yield _number(array[()])
        return
    yield "["
    for number, part in enumerate(array):
        yield ", " if number else ""
        yield from _pieces_of_array(np.asarray(part))
    yield "]"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else reprlib.repr(str(value)).strip("'")


def _name(value: Any) -> str:
    """Return what a value is, where its content cannot be shown."""
    if isinstance(value, np.random.Generator):
        return "a random generator"
    if is_model(value):
        return f"a model with {len(getattr(value, 'layers', ()))} layers"
    if isinstance(value, Iterator):
        return "an iterator"
    if callable(value):
        return f"the function {getattr(value, '__name__', type(value).__name__)}"
    return f"an object of type {type(value).__name__}"
