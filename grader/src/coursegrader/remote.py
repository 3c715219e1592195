"""Objects that stay in the student process: of classes of an answer's own, and of libraries.

A test uses one like the object itself, and each use is a request to the student process. Methods, attributes, items,
iteration and calls work; so an estimator can be fitted, a data set iterated over, and a figure asked for its titles.
What comes back is a plain value, or another such object.

An object could be made to agree with whatever it is compared with. So it never sees the right answer: comparing it with
a plain value is an error, and so is combining it with anything but a number. Such a number, as in ``vector * 3``, could
be the right answer, too, as in ``abs(answer() - 3) < 0.1``. So what comes back then has to be an object, and is never
converted to a plain value: its methods and attributes tell what it is. Two objects can be compared and combined.
"""

from collections.abc import Callable, Generator, Iterator
from numbers import Real
from typing import Any, NoReturn

import numpy as np

_SLOTS = ("_ask", "_place", "_name", "_text", "_met")


def _operator(sign: str, *, swapped: bool = False) -> Callable[["Remote", Any], Any]:
    """Return the method for an operator between an object and another one, or a number."""

    def combine(self: "Remote", other: Any) -> Any:
        if not isinstance(other, Remote | Real):
            self._refuse(f"{sign} takes two objects, or an object and a number")
        result = self._ask(sign, other, self) if swapped else self._ask(sign, self, other)
        if isinstance(other, Remote):
            return result._mark() if isinstance(result, Remote) and (self._met or other._met) else result
        if not isinstance(result, Remote):
            self._refuse(f"with a number, which it could repeat, {sign} has to give an object")
        return result._mark()

    return combine


def _comparison(sign: str) -> Callable[["Remote", Any], bool]:
    """Return the method for a comparison of two objects."""

    def compare(self: "Remote", other: Any) -> bool:
        if not isinstance(other, Remote):
            self._refuse("compare float(x), list(x) or what a method returns")
        return self._ask(sign, self, other) is True

    return compare


_equal = _comparison("==")


class Remote:
    """An object in the student process.

    Parameters
    ----------
    ask
        Sends a request: the name of an operation, the object, and further arguments; returns the result.
    place
        Where the student process keeps the object.
    name
        The name of its class, for messages.
    """

    __slots__ = (*_SLOTS, "__weakref__")
    __array_ufunc__ = None  # arrays leave operators to this class

    def __init__(self, ask: Callable[..., Any], place: int, name: str) -> None:
        # `_met` is whether the object may know a number of the test.
        for slot, value in zip(_SLOTS, (ask, place, name, "", False), strict=True):
            object.__setattr__(self, slot, value)

    def _tell(self, text: str) -> "Remote":
        """Say how a test came by the object, where calls are described."""
        object.__setattr__(self, "_text", text)
        return self

    def _mark(self) -> "Remote":
        object.__setattr__(self, "_met", True)
        return self

    def _refuse(self, advice: str) -> NoReturn:
        raise TypeError(f"expected a plain value, got an object of class {self._name}: {advice}")

    def _convert(self, operation: str, *args: Any) -> Any:
        if self._met:
            self._refuse(f"after + or * with a number, ask its methods, not {operation}(x)")
        return self._ask(operation, self, *args)

    def __getattr__(self, name: str) -> Any:
        # Libraries look for special attributes, some of which name memory: they are never the answer's.
        if name.startswith("_"):
            raise AttributeError(f"tests cannot use {name} of an object of an answer")
        return self._ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the object, and return the result."""
        return self._ask("call", self, *args, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self._ask("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ask("set item", self, key, value)

    def __delitem__(self, key: Any) -> None:
        self._ask("delete item", self, key)

    def __iter__(self) -> Iterator[Any]:
        steps = self._ask("iterate", self)
        while found := self._ask("next", steps):
            yield found[0]

    def __next__(self) -> Any:
        for value in self._ask("next", self):
            return value
        raise StopIteration

    def __await__(self) -> Generator[Any, None, Any]:
        yield from ()
        return self._ask("await", self)

    def __instancecheck__(self, thing: Any) -> bool:
        return isinstance(thing, Remote) and self._ask("isinstance", thing, self) is True

    def __len__(self) -> int:
        size = self._convert("len")
        if not isinstance(size, int):
            raise TypeError(f"the length of an object of class {self._name}: expected a whole number")
        return size

    def __bool__(self) -> bool:
        return self._convert("bool") is True

    def __str__(self) -> str:
        return str(self._convert("str"))

    def __float__(self) -> float:
        return self._convert("float")  # type: ignore[no-any-return]  # Python refuses anything else, as below

    def __int__(self) -> int:
        return self._convert("int")  # type: ignore[no-any-return]

    def __index__(self) -> int:
        self._refuse("take int(x)")

    def __round__(self, *digits: int) -> Any:
        return self._convert("round", *digits)

    def __abs__(self) -> Any:
        return self._convert("abs")

    def __neg__(self) -> Any:
        return self._convert("-x")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._convert("np.asarray")
        if not isinstance(array, np.ndarray):
            self._refuse("it has no numbers")
        return array.astype(dtype or array.dtype, copy=bool(copy))

    def __repr__(self) -> str:
        return f"an object of class {self._name}"

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if self is other or other is None:
            return self is other
        return _equal(self, other)

    __lt__, __le__, __gt__, __ge__ = _comparison("<"), _comparison("<="), _comparison(">"), _comparison(">=")
    __add__, __radd__ = _operator("+"), _operator("+", swapped=True)
    __sub__, __rsub__ = _operator("-"), _operator("-", swapped=True)
    __mul__, __rmul__ = _operator("*"), _operator("*", swapped=True)
    __truediv__, __rtruediv__ = _operator("/"), _operator("/", swapped=True)
    __floordiv__, __rfloordiv__ = _operator("//"), _operator("//", swapped=True)
    __mod__, __rmod__ = _operator("%"), _operator("%", swapped=True)
    __pow__, __rpow__ = _operator("**"), _operator("**", swapped=True)
    __matmul__, __rmatmul__ = _operator("@"), _operator("@", swapped=True)
