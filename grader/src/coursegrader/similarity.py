"""Compare the answers of a class with each other: which are alike, and how rare is what they share.

A piece of code that everybody has says nothing about two of them. So each fingerprint (`coursegrader.fingerprints`)
counts by how rare it is: 1 if no more than two of n answers have it, 0 if all have it, and log(n / d) / log(n / 2) if d
have it. How alike two answers are is what they share of what either has, counted in this way.
"""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coursegrader.exercises import Exercise
from coursegrader.fingerprints import Prints, fingerprint

ENOUGH = 8  # fingerprints, counted by how rare they are, that two people must share for the match to be listed
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
        The code of each student's answer.
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
    """Two people and how alike their answers are.

    Attributes
    ----------
    one, other : str
        The students.
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
    students : list of str
        Who was compared.
    questions : list of Question
        The questions, in order.
    shares : array of float, shape (n, n)
        How alike the answers of each two are, all questions together; 0 where what they share counts for too little.
    worth : array of float, shape (n, n)
        How many fingerprints they share, counted by how rare they are.
    listed : array of float, shape (n, n)
        What matches are sorted by, 0 for those that are not to be listed.
    """

    students: list[str]
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
        one, other = self.students[row], self.students[column]
        questions = {}
        for question in self.questions:
            share, common = question.share(one, other)
            if share >= ALIKE and common > 0:
                questions[question.id] = share
        return Match(one, other, float(self.shares[row, column]), float(self.worth[row, column]), questions)


def compare(records: Sequence[Record], exercises: Sequence[Exercise] = ()) -> Comparison:
    """Return how alike the answers of a class are.

    Parameters
    ----------
    records
        The records of graded submissions, with the code of the answers.
    exercises
        The exercises: what is in their stubs, set-up cells and visible tests does not count.
    """
    students = sorted({record["student"] for record in records})
    given = {exercise.id: _given(exercise) for exercise in exercises}
    questions = [_question(name, records, given.get(name, frozenset())) for name in _ids(records)]
    size = (len(students), len(students))
    worth, remarkable = np.zeros(size, "float32"), np.zeros(size, "float32")
    totals = np.zeros(len(students), "float32")
    for question in questions:
        common = _common(question, students)
        own = np.array([question.count(question.chosen.get(student, ())) for student in students], "float32")
        share = _ratio(common, own)
        remarkable += np.where(share >= ALIKE, common * share, 0)
        worth += common
        totals += own
    shares = np.where(worth >= ENOUGH, _ratio(worth, totals), 0)
    return Comparison(students, questions, shares, worth, np.where(remarkable >= ENOUGH / 2, remarkable, 0))


def similarities(records: Sequence[Record], exercises: Sequence[Exercise] = ()) -> dict[str, tuple[float, str]]:
    """Return for each student the share of equal code with the most similar other student, and who that is.

    The share is 0, and the other is empty, where nobody shares enough rare code to tell; see `compare`.
    """
    found = compare(records, exercises)
    if len(found.students) < 2:
        return dict.fromkeys(found.students, (0.0, ""))
    shares = found.shares.copy()
    np.fill_diagonal(shares, 0)
    closest = shares.argmax(axis=1)
    return {
        student: (round(float(shares[row, column]), 3), found.students[column] if shares[row, column] else "")
        for row, (student, column) in enumerate(zip(found.students, closest, strict=True))
    }


def baseline(words: int) -> Baseline:
    """Return how alike independent answers of a length are, in words of the shorter one."""
    return next(known for known in BASELINES if words <= known.words)


def _ids(records: Sequence[Record]) -> list[str]:
    """Return the ids of the questions in order."""
    return list(dict.fromkeys(question["id"] for record in records for question in record["questions"]))


def _given(exercise: Exercise) -> frozenset[int]:
    """Return all runs of what everybody was given."""
    codes = [exercise.stub, *exercise.setup, *(test.code for test in exercise.tests if not test.hidden)]
    return frozenset(run for code in codes for run in fingerprint(code).runs)


def _question(name: str, records: Sequence[Record], given: frozenset[int]) -> Question:
    codes, title = {}, name
    for record in records:
        for question in record["questions"]:
            if question["id"] == name:
                title = question["title"]
                if isinstance(code := question.get("answer", ""), str) and code.strip():
                    codes[record["student"]] = code
    prints = {student: fingerprint(code) for student, code in codes.items()}
    chosen = {student: found.chosen - given for student, found in prints.items()}
    counts = Counter(number for numbers in chosen.values() for number in numbers)
    rarity = {number: _rarity(count, len(codes)) for number, count in counts.items()}
    return Question(name, title, codes, prints, chosen, counts, rarity)


def _rarity(count: int, answers: int) -> float:
    """Return how much a fingerprint counts that so many of the answers have."""
    answers = max(answers, FEW)  # among three, what all have can be rare nevertheless
    return min(1.0, math.log(answers / count) / math.log(answers / 2))


def _common(question: Question, students: list[str]) -> "np.ndarray[Any, Any]":
    """Return how much the fingerprints count that each two students share, shape (n, n)."""
    several = sorted(number for number, count in question.counts.items() if count > 1)
    columns = {number: place for place, number in enumerate(several)}
    places = [
        np.array([columns[number] for number in question.chosen.get(student, ()) if number in columns], int)
        for student in students
    ]
    roots = np.sqrt(np.array([question.rarity[number] for number in columns], "float32"))
    common = np.zeros((len(students), len(students)), "float32")
    for start in range(0, len(columns), _CHUNK):
        part = roots[start : start + _CHUNK]
        table = np.zeros((len(students), len(part)), "float32")
        for row, found in enumerate(places):
            here = found[(found >= start) & (found < start + len(part))] - start
            table[row, here] = part[here]
        common += table @ table.T
    return common


def _ratio(common: "np.ndarray[Any, Any]", own: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Return what is common as a share of what either has, shape (n, n)."""
    either = own[:, np.newaxis] + own - common
    return np.where(either > 0, np.minimum(common / np.where(either > 0, either, 1), 1), 0)
