"""What a course says of its answers: modules that they import, and functions whose result they share.

An item is the name of a module, such as ``numpy``, or of a function in one, such as ``course.data:load_images``.
Modules are those that set-up cells import. Functions are named in the file ``course.toml`` beside the exercises.
"""

import contextlib
import functools
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_KERAS = {"keras", "tensorflow"}


def load(items: Sequence[str]) -> None:
    """Import modules and call functions, each once: what takes seconds the first time takes nothing after it.

    A function is called without arguments. Its module then holds one that remembers results, so all of an answer's
    own calls return what the first returned.
    """
    for item in sorted(items, key=lambda item: ":" not in item):  # functions first: others may import them by name
        module, _, function = item.partition(":")
        with _without_extras() if module.partition(".")[0] in _KERAS else contextlib.nullcontext():
            imported = importlib.import_module(module)
        if function:
            cached = getattr(imported, function)
            if not hasattr(cached, "cache_info"):
                cached = functools.cache(cached)
                setattr(imported, function, cached)
            cached()


def locate(items: Sequence[str]) -> list[Path]:
    """Return the folder of each package, and the file of each module, that items are in. Nothing is imported."""
    found = []
    for name in dict.fromkeys(item.partition(":")[0].partition(".")[0] for item in items):
        spec = importlib.util.find_spec(name)
        if spec is not None:
            found += spec.submodule_search_locations or [spec.origin or ""]
    return [Path(place).resolve() for place in found if Path(place).is_absolute()]


@contextlib.contextmanager
def _without_extras() -> Iterator[None]:
    """Hide what Keras imports if it is there and does not need: half its import time. Others can import it later."""
    hidden = [name for name in ("pandas", "sklearn") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
