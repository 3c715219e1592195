"""Preload what a course needs: modules that answers import, and functions whose results they share.

An item names a module, such as ``numpy``, or a function, such as ``course.data:load_images``. The modules are those
that set-up cells import; the functions are listed in the file ``course.toml`` beside the exercises.
"""

import contextlib
import functools
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

_KERAS = {"keras", "tensorflow"}


def load(items: Sequence[str]) -> None:
    """Import modules and call functions, so that later imports and calls take no time.

    A function is called without arguments, and replaced in its module by a version that caches results.
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
            if not hasattr(cached, "cache_info"):
                cached = functools.cache(cached)
                setattr(imported, function, cached)
            cached()


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
