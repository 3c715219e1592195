"""Statistics of questions and tests: how hard they were, and whether they tell good work from the rest."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from coursegrader.grade import Record
from coursegrader.groups import works
from coursegrader.platforms import split_label


@dataclass(frozen=True)
class Item:
    """A question or a test, and what a class made of it.

    Attributes
    ----------
    id, title : str
        Its id, and the title of the question.
    kind : str
        ``question``, ``test`` or ``hidden test``.
    n : int
        How many pieces of work it was graded in; that of a group is one.
    max_points, mean : float
        The points that there are, and the mean of those that were given.
    difficulty : float
        The mean as a share of the points that there are: the lower, the harder.
    discrimination : float or None
        The correlation of its points with the sum of all others, from -1 to 1; None if either are all equal.
    interval : tuple of float or None
        The 95 % confidence interval of that, by Fisher's z; None for less than four pieces of work.
    """

    id: str
    title: str
    kind: str
    n: int
    max_points: float
    mean: float
    difficulty: float
    discrimination: float | None
    interval: tuple[float, float] | None


def analyze(records: list[Record]) -> list[Item]:
    """Return the statistics of all questions, each followed by its tests; lateness plays no part in them."""
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    about: dict[tuple[str, str], tuple[str, str, float]] = {}
    for record, *_ in works(records).values():
        total = sum(question["score"] for question in record["questions"])
        for key, title, kind, score, most in _scores(record):
            points.setdefault(key, []).append((score, total - score))
            about[key] = (title, kind, most)
    return [_item(key[1], *about[key], np.array(points[key], float)) for key in points]


def _scores(record: Record) -> Iterator[tuple[tuple[str, str], str, str, float, float]]:
    """Yield key, title, kind, points and maximum of each question and test of a record."""
    for question in record["questions"]:
        title = question["title"]
        yield ("question", question["id"]), title, "question", question["score"], question["max_score"]
        for test in question["tests"]:
            kind = "hidden test" if test["hidden"] else "test"
            yield ("test", test["id"]), title, kind, test["points"], test["max_points"]


def _item(name: str, title: str, kind: str, most: float, points: np.ndarray) -> Item:
    """Return the statistics of an item; `points` has a row for each piece of work: its points, and all others."""
    n, mean = len(points), float(points[:, 0].mean())
    discrimination = correlation(points[:, 0], points[:, 1])
    interval = None if discrimination is None else fisher_interval(discrimination, n)
    return Item(name, title, kind, n, most, mean, mean / most if most else math.nan, discrimination, interval)


def correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return Pearson's correlation of two equally long arrays of shape (n,); None if one of them is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.clip(np.corrcoef(first, second)[0, 1], -1, 1))


def fisher_interval(r: float, n: int, *, level: float = 0.95) -> tuple[float, float] | None:
    """Return the confidence interval of a correlation `r` of `n` pairs, by Fisher's z; None if there is none.

    Source: R. A. Fisher, On the "probable error" of a coefficient of correlation, Metron 1 (1921): artanh(r) is nearly
    normal, with a standard deviation of 1 / sqrt(n - 3).
    """
    if n < 4 or abs(r) == 1:
        return None
    reach = NormalDist().inv_cdf((1 + level) / 2) / math.sqrt(n - 3)
    return math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach)


def tabulate(items: list[Item]) -> list[list[Any]]:
    """Return the rows of ``items.csv``, the first being the header."""
    head = ["item", "kind", "question", "n", "max_points", "mean", "difficulty", "discrimination", "low", "high"]
    rows: list[list[Any]] = [head]
    for item in items:
        shares = (item.mean, item.difficulty, item.discrimination, *(item.interval or (None, None)))
        numbers = ["" if value is None else f"{value:.3f}" for value in shares]
        rows.append([item.id, item.kind, item.title, item.n, item.max_points, *numbers])
    return rows


def tabulate_points(records: list[Record], similar: Mapping[str, tuple[float, str]] | None = None) -> list[list[Any]]:
    """Return the rows of ``points.csv``: a student each, with the points of each question and test; a header first.

    Students without a record, who have no questions, get empty cells. `similar` has the share of equal code with the
    most similar other work, and whose that is, see `similarity.similarities`.
    """
    ids: dict[tuple[str, str], None] = {}
    points = []
    for record in records:
        scores = {key: score for key, _, _, score, _ in _scores(record)}
        ids |= dict.fromkeys(scores)
        points.append(scores)
    about = ["group", "handed_in", "due", "late_hours"]
    head = ["student", "id", *about, "raw_score", "penalty", "score", "max_score", *(key[1] for key in ids)]
    rows: list[list[Any]] = [[*head, "similarity", "most_similar", "remark"]]
    for record, scores in zip(records, points, strict=True):
        known = ["" if record.get(key) is None else record[key] for key in about]
        final = [record.get("raw_score", record["score"]), record.get("penalty", "" if record["score"] == "" else 0)]
        final += [record["score"], record["max_score"]]
        each = [scores.get(key, "") for key in ids]
        share, other = (similar or {}).get(record["student"], ("", ""))
        alike = [share, other] if other else ["", ""]
        rows.append([*split_label(record["student"]), *known, *final, *each, *alike, record["problem"]])
    return rows
