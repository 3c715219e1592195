"""How well two markers agree."""

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from coursegrader.marking import Item, Mark, latest


class Agreement(NamedTuple):
    """How two markers agree on what both have marked.

    Attributes
    ----------
    markers : tuple of str
        The two.
    subject : str
        The id of a question, for its score, or the text of a criterion.
    answers : int
        The number of answers that both have marked.
    same : float
        The share of them in which they agree.
    kappa : float
        Cohen's kappa, see `cohen_kappa`.
    """

    markers: tuple[str, str]
    subject: str
    answers: int
    same: float
    kappa: float


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Return Cohen's kappa: how much of the agreement that chance leaves open two markers reach; NaN if it leaves none.

    Parameters
    ----------
    first, second
        What each of them said of the same answers, in the same order.

    References
    ----------
    J. Cohen (1960): A coefficient of agreement for nominal scales. Educational and Psychological Measurement 20, 37-46.
    """
    if len(first) != len(second) or not first:
        raise ValueError(f"first, second: expected as many values in both, got {len(first)} and {len(second)}")
    count = len(first)
    observed = sum(one == other for one, other in zip(first, second, strict=True)) / count
    ours, theirs = Counter(first), Counter(second)
    by_chance = sum(ours[value] * theirs[value] for value in ours) / count**2
    return (observed - by_chance) / (1 - by_chance) if by_chance < 1 else math.nan


def compare_markers(items: Sequence[Item], by_marker: dict[str, list[Mark]]) -> Iterator[Agreement]:
    """Yield how each two markers agree, for each question and then each of its criteria.

    Marks that settle a difference are no opinion of their own, and do not count.
    """
    questions = list(dict.fromkeys(item.exercise.id for item in items))
    opinions = {marker: [mark for mark in marks if not mark.settles] for marker, marks in by_marker.items()}
    for question in questions:
        asked = [item for item in items if item.exercise.id == question]
        for pair in combinations(sorted(opinions), 2):
            both = []
            for item in asked:
                first, second = (latest(opinions[marker], item) for marker in pair)
                if first and second and first.fits(item.rubric) and second.fits(item.rubric):
                    both.append((first, second))
            if both:
                yield from _compare(asked[0], pair, both)


def _compare(item: Item, pair: tuple[str, str], both: list[tuple[Mark, Mark]]) -> Iterator[Agreement]:
    scores = [(first.points(item.rubric), second.points(item.rubric)) for first, second in both]
    yield _agreement(pair, item.exercise.id, scores)
    for text in (criterion.text for criterion in item.rubric.criteria):
        yield _agreement(pair, text, [(text in first.met, text in second.met) for first, second in both])


def _agreement(pair: tuple[str, str], subject: str, said: Sequence[tuple[Hashable, Hashable]]) -> Agreement:
    first, second = [one for one, _ in said], [other for _, other in said]
    same = sum(one == other for one, other in said) / len(said)
    return Agreement(pair, subject, len(said), same, cohen_kappa(first, second))
