"""Record the numbers of a run and check its claims, so that prose, build and readers all use the same ones."""

import re
from collections.abc import Mapping, Sequence
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
    _check_name(name)
    _display({"name": name, "value": _plain(value), **_support(interval, seeds)}, glue=True)


def check(
    name: str,
    value: Any,
    *,
    at_least: Any = None,
    at_most: Any = None,
    interval: tuple[float, float] | None = None,
    seeds: Sequence[int] | int | None = None,
    per_seed: Sequence[float] | np.ndarray | None = None,
) -> None:
    """Check a part of a claim that the text makes, and write down by how much it holds.

    In a notebook that the book executes, the sentence that claims this ends with the role ``{claim}`name```,
    and the build writes the check to ``results.json``. A claim may have several parts: checks of one name.

    Parameters
    ----------
    name
        The claim, as lower-case words joined by underscores.
    value
        A truth value, where something either holds or does not, such as that two arrays are equal; or a number, or an
        array of numbers that all have to keep within the bounds. Of an array, the number that is nearest to its bound
        is written down.
    at_least, at_most
        The bounds of a number: constants or other results, for an array one for all or one each. One of them is enough.
    interval
        Lower and upper end of a 95 % interval, in the unit of `value`.
    seeds
        The seeds that `value` rests on, or how many there were; as many as `per_seed` has if that is given.
    per_seed
        What each seed alone gives for `value`. The build warns if a tenth of these or more is out of bounds.

    Raises
    ------
    AssertionError
        The claim does not hold; the message names it, the value and the bounds.
    ValueError
        The name is not of that form, a number is not finite, or it has no bound, or a truth value has one.
    """
    _check_name(name)
    if per_seed is not None and seeds is None:
        seeds = len(per_seed)
    entry: dict[str, Any] = {"claim": name}
    if isinstance(value, bool | np.bool_):
        if at_least is not None or at_most is not None:
            raise ValueError(f"{name}: a truth value has no bounds, got {at_least} and {at_most}")
        entry |= {"value": bool(value), **_support(interval, seeds)}
    else:
        entry |= {**_nearest_to_bound(name, value, at_least, at_most), **_support(interval, seeds)}
        if per_seed is not None:
            entry["per_seed"] = [_plain(number) for number in per_seed]
            entry["failing_seeds"] = sum(not _holds({**entry, "value": number}) for number in entry["per_seed"])
        entry |= _margin(entry)
    if not _holds(entry):
        raise AssertionError(f"the claim {name!r} does not hold: expected {bounds(entry)}, got {entry['value']}")
    _display(entry, glue=False)


def bounds(entry: Mapping[str, Any]) -> str:
    """Return in words what the value of a check has to be.

    Parameters
    ----------
    entry
        What `check` has written down.
    """
    if isinstance(entry["value"], bool):
        return "true"
    words = {"at_least": "at least", "at_most": "at most"}
    return " and ".join(f"{said} {entry[key]:.4g}" for key, said in words.items() if key in entry)


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"name: expected lower-case words joined by underscores, got {name!r}")


def _support(interval: tuple[float, float] | None, seeds: Sequence[int] | int | None) -> dict[str, Any]:
    """Return what a value rests on, in the form of the ledger."""
    result: dict[str, Any] = {}
    if interval is not None:
        result["interval"] = [_plain(end) for end in interval]
    if seeds is not None:
        result["seeds"] = _plain(seeds) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    return result


def _nearest_to_bound(name: str, value: Any, at_least: Any, at_most: Any) -> dict[str, Any]:
    """Return the number that is nearest to a bound of its own, or furthest beyond it, and its bounds."""
    given = {key: bound for key, bound in (("at_least", at_least), ("at_most", at_most)) if bound is not None}
    if not given:
        raise ValueError(f"{name}: expected at_least, at_most or both beside a number, got neither")
    columns = np.broadcast_arrays(*(np.asarray(part, dtype=float) for part in (value, *given.values())))
    if not columns[0].size:
        raise ValueError(f"{name}: expected a number or an array of numbers, got none")
    rows = [
        {key: _plain(number) for key, number in zip(("value", *given), row, strict=True)}
        for row in zip(*(column.flat for column in columns), strict=True)
    ]
    return min(rows, key=_slack)


def _slack(entry: Mapping[str, Any]) -> float:
    """Return how far a value is within its bounds; below zero beyond them."""
    value = entry["value"]
    return float(min(value - entry.get("at_least", -np.inf), entry.get("at_most", np.inf) - value))


def _holds(entry: Mapping[str, Any]) -> bool:
    return bool(entry["value"]) if isinstance(entry["value"], bool) else _slack(entry) >= 0


def _margin(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return how far a value is within its bounds, free of its scale.

    In standard errors where an interval or the numbers of several seeds tell one: a 95 % interval is 3.92 of them wide.
    Otherwise as a share: of half the distance of two bounds, or of the larger one of the value and its only bound.
    """
    numbers = entry.get("per_seed", [])
    if "interval" in entry:
        error = (entry["interval"][1] - entry["interval"][0]) / 3.92
    else:
        error = float(np.std(numbers, ddof=1)) / len(numbers) ** 0.5 if len(numbers) > 1 else 0.0
    if error > 0:
        return {"margin": _slack(entry) / error, "margin_unit": "standard errors"}
    if "at_least" in entry and "at_most" in entry:
        scale = (entry["at_most"] - entry["at_least"]) / 2
    else:
        scale = max(abs(entry[key]) for key in ("value", "at_least", "at_most") if key in entry)
    return {"margin": _slack(entry) / scale if scale > 0 else 0.0, "margin_unit": "share"}


def _plain(value: Any) -> float | int | str:
    """Return a NumPy or Python scalar as a plain one that JSON and format strings take."""
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, int | float | str):
        raise ValueError(f"value: expected a number or a text, got {type(value).__name__}")
    if isinstance(plain, float) and not np.isfinite(plain):
        raise ValueError(f"value: expected a finite number, got {plain}")
    return plain


def _display(entry: dict[str, Any], *, glue: bool) -> None:
    """Write an entry of the ledger into the output of a cell; with `glue`, so that prose can show the value, too."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is None:
        return
    prefix = "application/papermill.record/"
    scrapbook = {"scrapbook": {"name": entry["name"], "mime_prefix": prefix}} if glue else {}
    display({prefix + "text/plain": repr(entry["value"])}, raw=True, metadata={**scrapbook, LEDGER_KEY: entry})
