"""Preload what a course needs: modules that answers import, and functions whose results they share.

An item names a module, such as ``numpy``, or a function, such as ``course.data:load_images``. The modules are those
that set-up cells import; the functions are listed in the file ``course.toml`` beside the exercises.
"""

import contextlib
import functools
import importlib
import importlib.util
import mmap
import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

_KERAS = {"keras", "tensorflow"}


def load(items: Sequence[str], *, own: bool = False) -> None:
    """Import modules and call functions, so that later imports and calls take no time.

    A function is called without arguments, and replaced in its module by one that returns this result; with `own`, a
    copy of it each time, so that nobody sees what somebody else does to it.
    """
    # Functions first, before other modules import them by name.
    for item in sorted(items, key=lambda item: ":" not in item):
        module, _, function = item.partition(":")
        with _without_extras() if module.partition(".")[0] in _KERAS else contextlib.nullcontext():
            imported = importlib.import_module(module)
        if module == "keras":
            _reset_keras(imported)
        if function:
            cached = getattr(imported, function)
            if not isinstance(cached, _Cached):
                cached = _Cached(cached)
                setattr(imported, function, cached)
            cached()
            cached.own = cached.own or own


class _Cached:
    """A function whose results are computed once. With `own`, each call returns a copy of them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.own = False
        self._function = function
        self._cached = functools.cache(function)
        self._copies = functools.cache(self._copier)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result for these arguments."""
        return self._copies(*args, **kwargs)() if self.own else self._cached(*args, **kwargs)

    def _copier(self, *args: Any, **kwargs: Any) -> Callable[[], Any]:
        """Return a function that copies a result. The memory of arrays is shared until they are changed."""
        buffers: list[pickle.PickleBuffer] = []
        try:
            record = pickle.dumps(self._cached(*args, **kwargs), protocol=5, buffer_callback=buffers.append)
        except (pickle.PicklingError, AttributeError, TypeError):  # what cannot be copied is computed again
            return functools.partial(self._function, *args, **kwargs)
        with tempfile.TemporaryFile() as file:
            file.write(b"\0")  # an empty file cannot be mapped
            places = []
            for buffer in (buffer.raw() for buffer in buffers):
                file.write(b"\0" * (-file.tell() % 64))  # aligned as NumPy's own arrays
                places.append(slice(file.tell(), file.tell() + buffer.nbytes))
                file.write(buffer)
            file.flush()
            descriptor = os.dup(file.fileno())  # as long as there are copies to make

        def copy() -> Any:
            memory = memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY))
            return pickle.loads(record, buffers=[memory[place] for place in places])

        return copy


def _reset_keras(keras: ModuleType) -> None:
    """Undo the settings in a person's ``~/.keras/keras.json``, so that answers get the same marks on every machine."""
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")


def locate(items: Sequence[str]) -> list[Path]:
    """Return the folder of each package and the file of each top-level module in `items`, without importing them."""
    found = []
    for name in dict.fromkeys(item.partition(":")[0].partition(".")[0] for item in items):
        spec = importlib.util.find_spec(name)
        if spec is not None:
            found += spec.submodule_search_locations or [spec.origin or ""]
    return [Path(place).resolve() for place in found if Path(place).is_absolute()]


@contextlib.contextmanager
def _without_extras() -> Iterator[None]:
    """Hide packages that Keras imports if installed, but does not need: they take half of its import time."""
    hidden = [name for name in ("pandas", "sklearn") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
