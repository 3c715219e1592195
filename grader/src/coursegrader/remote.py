"""Objects that stay in the student process: of classes of an answer's own, and of libraries.

A test uses one like the object itself, and each use is a request to the student process. Methods, attributes, items,
iteration and calls work; so an estimator can be fitted, a data set iterated over, and a figure asked for its titles.
What comes back is a plain value, or another such object.

An object could be made to agree with whatever it is compared with. So it never sees the right answer: it is equal to no
plain value, has no order, and cannot be added to one. Two such objects can be compared and combined.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any, NoReturn

_SLOTS = ("_ask", "_place", "_name")


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
        for slot, value in zip(_SLOTS, (ask, place, name), strict=True):
            object.__setattr__(self, slot, value)

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

    def __len__(self) -> int:
        size = self._ask("length", self)
        if not isinstance(size, int):
            raise TypeError(f"the length of an object of class {self._name}: expected a whole number")
        return size

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

    def __bool__(self) -> bool:
        return self._ask("truth", self) is True

    def __str__(self) -> str:
        return str(self._ask("text", self))

    def __repr__(self) -> str:
        return f"an object of class {self._name}"

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, Remote):
            return self is other
        return self._ask("==", self, other) is True

    def _combine(self, operation: str, other: Any) -> Any:
        if not isinstance(other, Remote):
            self._refuse()
        return self._ask(operation, self, other)

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError(f"expected a plain value, got an object of class {self._name}")

    def __lt__(self, other: Any) -> Any:
        return self._combine("<", other)

    def __le__(self, other: Any) -> Any:
        return self._combine("<=", other)

    def __add__(self, other: Any) -> Any:
        return self._combine("+", other)

    def __sub__(self, other: Any) -> Any:
        return self._combine("-", other)

    def __mul__(self, other: Any) -> Any:
        return self._combine("*", other)

    def __matmul__(self, other: Any) -> Any:
        return self._combine("@", other)

    def __truediv__(self, other: Any) -> Any:
        return self._combine("/", other)

    __radd__ = __rsub__ = __rmul__ = __rmatmul__ = __rtruediv__ = _refuse
    __float__ = __int__ = __index__ = __array__ = _refuse
