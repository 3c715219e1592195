"""Compare the answers of a class with each other: which are alike, and how rare is what they share.

A piece of code that everybody has says nothing about two of them. So each fingerprint (`coursegrader.fingerprints`)
counts by how rare it is: 1 if no more than two of n answers have it, 0 if all have it, and log(n / d) / log(n / 2) if d
have it. How alike two answers are is what they share of what either has, counted in this way.
"""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coursegrader.exercises import Exercise
from coursegrader.fingerprints import Prints, fingerprint

ENOUGH = 8  # fingerprints, counted by how rare they are, that two must share for the match to be listed
FEW = 10  # a class that is smaller counts as one of this size where rarity is concerned
ALIKE = 0.4  # share from which an answer is listed
_CHUNK = 4096  # fingerprints that are compared at a time

Record = dict[str, Any]


@dataclass(frozen=True)
class Baseline:
    """How alike independent right answers were that were compared in pairs.

    Attributes
    ----------
    words : int
        The shorter answer of a pair has at most so many words; see `coursegrader.fingerprints`.
    pairs : int
        The number of pairs.
    shares : tuple of float
        The median, the share that 90 and 99 per cent of them do not exceed, and the largest.
    """

    words: int
    pairs: int
    shares: tuple[float, float, float, float]


# 332 right answers to the 83 exercises of the book that this package was made for; a test measures them again.
BASELINES = (
    Baseline(40, 207, (0.0, 0.06, 0.22, 0.5)),
    Baseline(80, 210, (0.04, 0.13, 0.27, 0.38)),
    Baseline(1_000_000, 87, (0.05, 0.12, 0.27, 0.27)),
)


@dataclass(frozen=True)
class Question:
    """The answers to one question.

    Attributes
    ----------
    id, title : str
        Of the question.
    codes : dict of str to str
        The code of each answer, by whose it is.
    prints : dict of str to Prints
        Its fingerprints.
    chosen : dict of str to frozenset of int
        Those fingerprints that are not in what everybody was given.
    counts : Counter of int
        For each of them, the number of answers that contain it.
    rarity : dict of int to float
        How much each of them counts.
    """

    id: str
    title: str
    codes: dict[str, str]
    prints: dict[str, Prints]
    chosen: dict[str, frozenset[int]]
    counts: Counter[int]
    rarity: dict[int, float]

    def count(self, prints: Iterable[int]) -> float:
        """Return how much fingerprints count, by how rare they are."""
        return sum(self.rarity[number] for number in prints)

    def share(self, one: str, other: str) -> tuple[float, float]:
        """Return which share of the code of two answers is in both, and how much that counts."""
        ours, theirs = self.chosen.get(one, frozenset()), self.chosen.get(other, frozenset())
        common, either = self.count(ours & theirs), self.count(ours | theirs)
        return (min(common / either, 1.0) if either else 0.0), common

    @property
    def equal(self) -> int:
        """How many answers the largest group of equal ones has."""
        return max(Counter(self.chosen.values()).values(), default=0)

    @property
    def usual(self) -> float:
        """The share of an answer, at the median, that a tenth of the class or more have."""
        many = max(len(self.chosen) / 10, 3)
        shares = [
            sum(self.counts[number] >= many for number in prints) / len(prints)
            for prints in self.chosen.values()
            if prints
        ]
        return statistics.median(shares) if shares else 0.0


@dataclass(frozen=True)
class Match:
    """Two pieces of work and how alike their answers are.

    Attributes
    ----------
    one, other : str
        Whose they are.
    share : float
        Of the code of all their answers, which share is in both.
    worth : float
        How many fingerprints that is, counted by how rare they are.
    questions : dict of str to float
        The share in each question with something listed, by its id.
    """

    one: str
    other: str
    share: float
    worth: float
    questions: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """A class compared.

    Attributes
    ----------
    works : list of str
        Whose work was compared: students and groups.
    questions : list of Question
        The questions, in order.
    shares : array of float, shape (n, n)
        How alike the answers of each two are, all questions together; 0 where what they share counts for too little.
    worth : array of float, shape (n, n)
        How many fingerprints they share, counted by how rare they are.
    listed : array of float, shape (n, n)
        What matches are sorted by, 0 for those that are not to be listed.
    """

    works: list[str]
    questions: list[Question]
    shares: "np.ndarray[Any, Any]"
    worth: "np.ndarray[Any, Any]"
    listed: "np.ndarray[Any, Any]"

    def matches(self, *, most: int) -> tuple[list[Match], int]:
        """Return the matches to be listed, the most remarkable first, and the number of all of them."""
        rows, columns = np.nonzero(np.triu(self.listed, 1))
        order = np.argsort(-self.listed[rows, columns], kind="stable")[:most]
        return [self._match(int(rows[place]), int(columns[place])) for place in order], len(rows)

    def _match(self, row: int, column: int) -> Match:
        one, other = self.works[row], self.works[column]
        questions = {}
        for question in self.questions:
            share, common = question.share(one, other)
            if share >= ALIKE and common > 0:
                questions[question.id] = share
        return Match(one, other, float(self.shares[row, column]), float(self.worth[row, column]), questions)


def compare(works: Mapping[str, Record], exercises: Sequence[Exercise] = ()) -> Comparison:
    """Return how alike the answers of a class are.

    Parameters
    ----------
    works
        The record of each piece of work, with the code of the answers, by whose it is, see `groups.works`.
    exercises
        The exercises: what is in their stubs, set-up cells and visible tests does not count.
    """
    names = sorted(works)
    given = {exercise.id: _given(exercise) for exercise in exercises}
    questions = [_question(name, works, given.get(name, frozenset())) for name in _ids(works)]
    size = (len(names), len(names))
    worth, remarkable = np.zeros(size, "float32"), np.zeros(size, "float32")
    totals = np.zeros(len(names), "float32")
    for question in questions:
        common = _common(question, names)
        own = np.array([question.count(question.chosen.get(name, ())) for name in names], "float32")
        share = _ratio(common, own)
        remarkable += np.where(share >= ALIKE, common * share, 0)
        worth += common
        totals += own
    shares = np.where(worth >= ENOUGH, _ratio(worth, totals), 0)
    return Comparison(names, questions, shares, worth, np.where(remarkable >= ENOUGH / 2, remarkable, 0))


def similarities(works: Mapping[str, Record], exercises: Sequence[Exercise] = ()) -> dict[str, tuple[float, str]]:
    """Return for each piece of work the share of equal code with the most similar other one, and whose that is.

    The share is 0, and the other is empty, where nobody shares enough rare code to tell; see `compare`.
    """
    found = compare(works, exercises)
    if len(found.works) < 2:
        return dict.fromkeys(found.works, (0.0, ""))
    shares = found.shares.copy()
    np.fill_diagonal(shares, 0)
    closest = shares.argmax(axis=1)
    return {
        name: (round(float(shares[row, column]), 3), found.works[column] if shares[row, column] else "")
        for row, (name, column) in enumerate(zip(found.works, closest, strict=True))
    }


def baseline(words: int) -> Baseline:
    """Return how alike independent answers of a length are, in words of the shorter one."""
    return next(known for known in BASELINES if words <= known.words)


def _ids(works: Mapping[str, Record]) -> list[str]:
    """Return the ids of the questions in order."""
    return list(dict.fromkeys(question["id"] for record in works.values() for question in record["questions"]))


def _given(exercise: Exercise) -> frozenset[int]:
    """Return all runs of what everybody was given."""
    codes = [exercise.stub, *exercise.setup, *(test.code for test in exercise.tests if not test.hidden)]
    return frozenset(run for code in codes for run in fingerprint(code).runs)


def _question(name: str, works: Mapping[str, Record], given: frozenset[int]) -> Question:
    codes, title = {}, name
    for work, record in works.items():
        for question in record["questions"]:
            if question["id"] == name:
                title = question["title"]
                if isinstance(code := question.get("answer", ""), str) and code.strip():
                    codes[work] = code
    prints = {work: fingerprint(code) for work, code in codes.items()}
    chosen = {work: found.chosen - given for work, found in prints.items()}
    counts = Counter(number for numbers in chosen.values() for number in numbers)
    rarity = {number: _rarity(count, len(codes)) for number, count in counts.items()}
    return Question(name, title, codes, prints, chosen, counts, rarity)


def _rarity(count: int, answers: int) -> float:
    """Return how much a fingerprint counts that so many of the answers have."""
    answers = max(answers, FEW)  # among three, what all have can be rare nevertheless
    return min(1.0, math.log(answers / count) / math.log(answers / 2))


def _common(question: Question, works: list[str]) -> "np.ndarray[Any, Any]":
    """Return how much the fingerprints count that each two pieces of work share, shape (n, n)."""
    several = sorted(number for number, count in question.counts.items() if count > 1)
    columns = {number: place for place, number in enumerate(several)}
    places = [
        np.array([columns[number] for number in question.chosen.get(name, ()) if number in columns], int)
        for name in works
    ]
    roots = np.sqrt(np.array([question.rarity[number] for number in columns], "float32"))
    common = np.zeros((len(works), len(works)), "float32")
    for start in range(0, len(columns), _CHUNK):
        part = roots[start : start + _CHUNK]
        table = np.zeros((len(works), len(part)), "float32")
        for row, found in enumerate(places):
            here = found[(found >= start) & (found < start + len(part))] - start
            table[row, here] = part[here]
        common += table @ table.T
    return common


def _ratio(common: "np.ndarray[Any, Any]", own: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Return what is common as a share of what either has, shape (n, n)."""
    either = own[:, np.newaxis] + own - common
    return np.where(either > 0, np.minimum(common / np.where(either > 0, either, 1), 1), 0)
