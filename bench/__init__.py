"""What the book costs, reported: one file a table, each row beside a baseline of the same session or a target.

A table is a module with a function ``rows()``. What it measures are runs of `experiments.runner.measure`.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

# What makes the site knows its chapters and how to find a browser.
sys.path.append(str(Path(__file__).resolve().parents[1] / "web" / "sphinx"))


class Figures(TypedDict):
    """What a row reports.

    ``ours`` is the figure, ``baseline`` what it is compared with, in the same unit. ``note`` has the rest, such as a
    range over seeds. ``missed`` says why the target is not met although the figure may meet it.
    """

    ours: float
    baseline: NotRequired[float]
    note: NotRequired[str]
    missed: NotRequired[str]


@dataclass(frozen=True)
class Row:
    """One line of a table: what is measured, in which unit, and its target.

    ``target`` is one comparison, such as ``"ours <= 60"`` or ``"ratio >= 20"``, where the ratio is baseline / ours;
    it is empty where there is none.
    """

    name: str
    unit: str
    target: str
    measure: Callable[[], Figures]
