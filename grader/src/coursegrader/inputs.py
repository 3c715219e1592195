"""Find small inputs for the functions of an exercise: like those of its tests, but short enough to print.

This runs in a student process that gets no student's code: the solution and the tests are the course's own.
"""

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from coursegrader.draws import drawing_from
from coursegrader.probing import describe, limited

MAX_CALLS = 12  # for each function
MAX_FAILING = 10
MAX_RECORDED = 40  # calls of the tests, for each function
MAX_LENGTH = 200  # characters of a call
MAX_ATOMS = 24  # numbers and words in it
_TRIES = 300
_UNSHOWN = 20  # results that cannot be printed, after which none is expected to be
_SIZES = (1, 2, 2, 2, 3, 3, 4, 5)  # of the axes of small arrays
_SAMPLE = 64  # values that are kept of an array
_SECONDS = 30.0  # of computing, for the tests


def find_calls(names: dict[str, Any], solution: str, tests: list[str], functions: list[str], seed: int) -> str:
    """Return calls of each function that work and calls that fail, as Python expressions in JSON.

    Parameters
    ----------
    names
        What the set-up cells define.
    solution, tests
        The solution, and tests that call its functions.
    functions
        The names of these functions.
    seed
        What is drawn follows from this.

    Returns
    -------
    calls
        A dictionary: for each function two lists.
    """
    generator = random.Random(seed)
    space = dict(names)
    recorded: dict[str, list[Any]] = {name: [] for name in functions}
    with limited(_SECONDS), drawing_from(str(seed), "inputs"):
        exec(compile(solution, "<solution>", "exec"), space)
        watched = space | {name: _recording(space[name], calls) for name, calls in recorded.items()}
        for test in tests:
            with contextlib.suppress(Exception):
                exec(compile(test, "<test>", "exec"), watched)
    return json.dumps({name: _draw_calls(name, calls, space, generator) for name, calls in recorded.items()})


def _recording(function: Callable[..., Any], calls: list[Any]) -> Callable[..., Any]:
    """Return a function that keeps what its arguments look like."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if len(calls) < MAX_RECORDED:
            with contextlib.suppress(ValueError):
                calls.append(([_sketch(arg) for arg in args], {name: _sketch(arg) for name, arg in kwargs.items()}))
        return function(*args, **kwargs)

    return call


class _Array:
    """What is kept of an array: its type, its shape and some of its values."""

    def __init__(self, value: np.ndarray) -> None:
        if value.dtype.kind not in "biuf" or value.size == 0:
            raise ValueError(f"value: expected numbers, got {value.dtype}")
        self.dtype, self.shape = value.dtype, value.shape
        flat = value.reshape(-1)
        places = np.random.default_rng(0).choice(value.size, min(_SAMPLE, value.size), replace=False)
        self.values = flat[np.sort(places)].tolist()
        if not np.isfinite(self.values).all():
            raise ValueError("value: expected an array of finite numbers")


def _sketch(value: Any) -> Any:
    """Return a copy that keeps little of an array; raise ValueError for what cannot be written as an expression."""
    if isinstance(value, np.ndarray):
        return _Array(value) if value.ndim else _sketch(value.item())
    if isinstance(value, np.generic):
        return _sketch(value.item())
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError("value: expected a list that is not empty")
        return type(value)([_sketch(item) for item in value[:50]])
    if isinstance(value, dict) and len(value) <= 8:
        return {key: _sketch(item) for key, item in value.items()}
    if type(value) in (bool, int, str, type(None)) or (type(value) is float and np.isfinite(value)):
        return value
    if callable(value) and getattr(np, getattr(value, "__name__", ""), None) is value:
        return value
    raise ValueError(f"value: expected numbers, words, lists or arrays, got {type(value).__name__}")


def _draw_calls(name: str, recorded: list[Any], space: dict[str, Any], generator: random.Random) -> list[list[str]]:
    """Return calls that work, whose results differ if they can, and calls that fail."""
    working: dict[str, str] = {}
    failing: dict[str, None] = {}
    unshown = 0
    for attempt in range(_TRIES if recorded else 0):
        if len(working) >= MAX_CALLS and (len(failing) >= MAX_FAILING or attempt > _TRIES / 2):
            break
        small = _Small(generator.choice(recorded), generator, spoil=attempt % 3 == 2)
        text = small.write(name)
        if text is None or len(text) > MAX_LENGTH or text in working or text in failing:
            continue
        works, shown = _try(text, space)
        if works is None:
            unshown += 1
            if unshown == _UNSHOWN and not working:
                break
            continue
        if works and not small.spoil and len(working) < MAX_CALLS and list(working.values()).count(shown) < 3:
            working[text] = shown
        elif not works and small.spoil and len(failing) < MAX_FAILING:
            failing[text] = None
    return [list(working), list(failing)]


def _try(text: str, space: dict[str, Any]) -> tuple[bool | None, str]:
    """Return whether a call works, None if nobody can say, and what its result looks like."""
    with limited(), np.errstate(all="raise"):
        try:
            found = describe(eval(text, dict(space)))
        except Exception:
            return False, ""
        return (found is not None) or None, json.dumps(found)
    return None, ""  # it took too long


class _Small:
    """A small call like a recorded one, drawn at random. With `spoil`, one thing about it does not fit."""

    def __init__(self, recorded: Any, generator: random.Random, *, spoil: bool) -> None:
        self.args, self.kwargs = recorded
        self.spoil = spoil
        self._random = generator
        self._atoms = 0
        sizes = sorted(set(_sizes([*self.args, *self.kwargs.values()])))
        drawn = sorted(generator.choice(_SIZES) for _ in sizes)
        self._sizes: dict[int, int] = dict(zip(sizes, drawn, strict=True))
        if generator.random() < 0.3:
            self._sizes |= {size: size for size in sizes if size <= 4}
        # Whole numbers that count or name what is now smaller have to be smaller, too.
        self._below = generator.choice([None, None, *self._sizes.values()])
        self._map_numbers = generator.random() < 0.5
        self._lower_numbers = generator.random() < 0.5

    def write(self, name: str) -> str | None:
        """Return the call as a Python expression, or None if it is too long."""
        parts = [("", arg) for arg in self.args] + [(f"{key}=", arg) for key, arg in self.kwargs.items()]
        spoiled = self._random.randrange(len(parts)) if self.spoil and parts else -1
        texts = [key + self._write(arg, spoil=place == spoiled) for place, (key, arg) in enumerate(parts)]
        return f"{name}({', '.join(texts)})" if self._atoms <= MAX_ATOMS else None

    def _size(self, size: int) -> int:
        return self._sizes.get(size, size)

    def _write(self, value: Any, *, spoil: bool = False) -> str:
        if isinstance(value, _Array):
            return self._write_array(value, spoil=spoil)
        if isinstance(value, list | tuple):
            if len({type(item) for item in value}) == 1 and not isinstance(value, tuple):
                size = self._size(len(value)) - spoil
                start = self._random.randrange(max(len(value) - size, 0) + 1)
                value = value[start : start + size]
            texts = [self._write(item) for item in value]
            if isinstance(value, list):
                return f"[{', '.join(texts)}]"
            return f"({', '.join(texts)}{',' * (len(texts) == 1)})"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key!r}: {self._write(item)}" for key, item in value.items()) + "}"
        if callable(value):
            return f"np.{value.__name__}"
        return self._write_number(value, spoil=spoil)

    def _write_number(self, value: Any, *, spoil: bool) -> str:
        self._atoms += 1
        if type(value) is int:
            if self._map_numbers and value in self._sizes:
                value = self._sizes[value]
            elif self._lower_numbers and value > 9:
                value = self._random.randint(1, 9)
            return repr(self._random.choice([0, -1, value + 7]) if spoil else value)
        if type(value) is float:
            return repr(float(f"{value:.2g}"))
        return repr(value)

    def _write_array(self, array: _Array, *, spoil: bool) -> str:
        shape = [self._size(side) for side in array.shape]
        if spoil and self._random.random() < 0.6:
            place = self._random.randrange(len(shape))
            shape[place] = max(shape[place] + self._random.choice([-1, 1]), 1)
            spoil = False
        count = int(np.prod(shape))
        self._atoms += count
        if self._atoms > MAX_ATOMS:
            return ""
        drawn = [self._random.choice(array.values) for _ in range(count)]
        if array.dtype.kind == "f":
            drawn = [float(f"{value:.2g}") for value in drawn]
        elif array.dtype.kind in "iu":
            if self._below:
                drawn = [value % self._below for value in drawn]
            if spoil:
                drawn[self._random.randrange(count)] = max(drawn) + 7
        listed = np.reshape(np.array(drawn, dtype=object), shape).tolist()
        plain = array.dtype in (np.dtype(float), np.dtype(int), np.dtype(bool))
        return f"np.array({listed!r}{'' if plain else f', dtype={array.dtype.name!r}'})"


def _sizes(values: Any) -> Iterator[int]:
    """Yield the lengths of lists and of the axes of arrays."""
    for value in values:
        if isinstance(value, _Array):
            yield from (side for side in value.shape if side > 1)
        elif isinstance(value, list | tuple):
            if isinstance(value, list) and len(value) > 1:
                yield len(value)
            yield from _sizes(value)
        elif isinstance(value, dict):
            yield from _sizes(value.values())
