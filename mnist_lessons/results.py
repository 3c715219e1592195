"""Record the numbers of a run, so that prose, build and readers all use the same ones."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

LEDGER_KEY = "mnist_lessons"


def record(
    name: str,
    value: float | str,
    *,
    interval: tuple[float, float] | None = None,
    seeds: Sequence[int] | int | None = None,
) -> None:
    """Record a number of this run under a name.

    In a notebook that the book executes, prose shows it with the role ``{glue:text}`` (the output is in
    the form of ``myst_nb.glue``), and the build writes it to ``results.json``. Elsewhere nothing is shown.

    Parameters
    ----------
    name
        Lower-case words joined by underscores, unique in the chapter.
    value
        A finite number, or a short text.
    interval
        Lower and upper end of a 95 % interval, in the unit of `value`.
    seeds
        The seeds that `value` rests on, or how many there were.

    Raises
    ------
    ValueError
        The name is not of that form, or a number is not finite.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"name: expected lower-case words joined by underscores, got {name!r}")
    entry: dict[str, Any] = {"name": name, "value": _plain(value)}
    if interval is not None:
        entry["interval"] = [_plain(end) for end in interval]
    if seeds is not None:
        entry["seeds"] = _plain(seeds) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    _display(name, entry)


def _plain(value: Any) -> float | int | str:
    """Return a NumPy or Python scalar as a plain one that JSON and format strings take."""
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, int | float | str):
        raise ValueError(f"value: expected a number or a text, got {type(value).__name__}")
    if isinstance(plain, float) and not np.isfinite(plain):
        raise ValueError(f"value: expected a finite number, got {plain}")
    return plain


def _display(name: str, entry: dict[str, Any]) -> None:
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is None:
        return
    prefix = "application/papermill.record/"
    display(
        {prefix + "text/plain": repr(entry["value"])},
        raw=True,
        metadata={"scrapbook": {"name": name, "mime_prefix": prefix}, LEDGER_KEY: entry},
    )
