"""What the book costs, measured: one file a table, each row a ratio against a named baseline of the same run."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of a table: what is measured, in which unit, and what it has to reach.

    ``measure()`` returns ``{"ours": number}`` and, where there is something to compare with, ``baseline``,
    a number in the same unit; optionally ``seeds`` and ``note``. The ratio is baseline / ours.
    ``goal`` is one comparison, such as ``"ratio >= 20"`` or ``"ours <= 60"``; empty where there is none.
    """

    name: str
    unit: str
    goal: str
    measure: Callable[[], dict]
