"""Marks that people give: a journal of each marker, and what follows from all of them.

The folder ``marking`` in a folder of grades has one file for each marker, ``NAME.jsonl``. Each line is a mark, or takes
the marker's last one back. Nothing in it is ever changed, so that whatever ends the program, all marks are there.

A mark belongs to a question and a hash of the answer, and names no student: equal answers, such as those of a group,
are marked once. If something else is handed in, or the words of the rubric are others, the answer has to be marked
again. If only the points of a criterion change, its marks follow.
"""

import contextlib
import fcntl
import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from coursegrader import journal
from coursegrader.exercises import Exercise
from coursegrader.files import make_folder
from coursegrader.grade import Record
from coursegrader.rubrics import Rubric

FOLDER = "marking"
MAX_COMMENT = 5_000  # characters
_MARKER = re.compile(r"[^\W_](?:[\w -]{0,38}\w)?")

State = Literal["unmarked", "marked", "differs"]
Key = tuple[str, str]  # of an answer: the question, and the hash of what was handed in


@dataclass(frozen=True)
class Mark:
    """A mark that a person gave to an answer.

    Attributes
    ----------
    question, answer : str
        The exercise's id, and the hash of the answer.
    criteria, met : tuple of str
        The criteria of the rubric, and those of them that the answer meets.
    adjustment : float
        Points added to those of the criteria.
    comment : str
        For the student.
    settles : bool
        Whether it settles what other markers differ on.
    marker, time : str
        Who gave it and when; set by the journal.
    """

    question: str
    answer: str
    criteria: tuple[str, ...]
    met: tuple[str, ...] = ()
    adjustment: float = 0
    comment: str = ""
    settles: bool = False
    marker: str = ""
    time: str = ""

    def fits(self, rubric: Rubric) -> bool:
        """Return whether it was given by the words that the rubric has now."""
        return set(self.criteria) == {criterion.text for criterion in rubric.criteria}

    def points(self, rubric: Rubric) -> float:
        """Return the score, between 0 and the points of the rubric."""
        total = sum(criterion.points for criterion in rubric.criteria if criterion.text in self.met)
        score = min(max(total + self.adjustment, 0), rubric.points)
        return int(score) if score == int(score) else score


@dataclass(frozen=True)
class Item:
    """An answer to be marked: the exercise with its rubric, and what was handed in; not by whom."""

    exercise: Exercise
    rubric: Rubric
    text: str
    figures: tuple[str, ...]
    remark: str

    @property
    def digest(self) -> str:
        """The hash of the answer that marks name."""
        return hashlib.sha256("\0".join([self.text, *self.figures]).encode()).hexdigest()

    @property
    def key(self) -> Key:
        """What a mark of this answer names."""
        return self.exercise.id, self.digest


@dataclass
class Decision:
    """What follows from all marks of an answer: whether there is a score, from which marks, and by which mark."""

    state: State
    marks: list[Mark] = field(default_factory=list)
    final: Mark | None = None


class Journal:
    """The marks of one marker.

    Parameters
    ----------
    folder
        The folder of grades.
    marker
        The marker's name.

    Raises
    ------
    ValueError
        The name cannot be that of a file, or the marker is at work in another process.
    """

    def __init__(self, folder: Path, marker: str) -> None:
        if not _MARKER.fullmatch(marker):
            raise ValueError(f"marker: expected a name of letters, digits, spaces and hyphens, got {marker!r}")
        self.marker = marker
        self._file = folder / FOLDER / f"{marker}.jsonl"
        make_folder(self._file.parent)

    @contextlib.contextmanager
    def opened(self) -> Iterator["Journal"]:
        """Keep the file open to write to it; no other process can."""
        with journal.open_journal(self._file) as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ValueError(f"marker: {self.marker} is marking in another process; end that first") from error
            self._stream = stream
            yield self

    def add(self, mark: Mark) -> None:
        """Add a mark; it is on the disk when this returns."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        journal.add(self._stream, {**asdict(mark), "marker": self.marker, "time": now})

    def undo(self) -> Mark | None:
        """Take the last mark back that is still there, and return it; None if there is none."""
        marks = self.marks()
        if marks:
            journal.add(self._stream, {"undo": True})
        return marks[-1] if marks else None

    def marks(self) -> list[Mark]:
        """Return the marks that were not taken back, in the order in which they were given."""
        return _read_journal(self._file)


def _read_journal(file: Path) -> list[Mark]:
    marks: list[Mark] = []
    for mark in journal.read(file, _read_mark, expected="a mark that `mark` wrote"):
        if mark is None:
            del marks[-1:]
        else:
            marks.append(replace(mark, marker=file.stem))
    return marks


def _read_mark(entry: dict[str, Any]) -> Mark | None:
    """Return the mark in a line of a journal, None if the line takes one back."""
    if "undo" in entry:
        return None
    return Mark(**{**entry, **{key: tuple(entry[key]) for key in ("criteria", "met")}})


def read_marks(folder: Path) -> dict[str, list[Mark]]:
    """Return the marks in a folder of grades by marker, see `Journal.marks`."""
    return {file.stem: _read_journal(file) for file in sorted((folder / FOLDER).glob("*.jsonl"))}


def find_items(records: list[Record], exercises: list[Exercise]) -> list[Item]:
    """Return the answers that people mark, each once, question by question, in the order of their hashes."""
    marked = {exercise.id: exercise for exercise in exercises if exercise.rubric}
    found = [_read_item(question, marked) for record in records for question in record["questions"]]
    items = {item.key: item for item in found if item}
    places = {name: place for place, name in enumerate(marked)}
    return sorted(items.values(), key=lambda item: (places[item.exercise.id], item.digest))


def _read_item(question: Record, marked: dict[str, Exercise]) -> Item | None:
    """Return the answer in a question's record, None if no person marks it, or there is none."""
    exercise = marked.get(question["id"])
    if exercise is None or exercise.rubric is None or "by_hand" not in question:
        return None
    essay = question["by_hand"]
    return Item(exercise, exercise.rubric, question["answer"], tuple(essay["figures"]), essay["remark"])


def latest(marks: list[Mark], item: Item) -> Mark | None:
    """Return the last of a marker's marks of an answer, None if there is none."""
    return next((mark for mark in reversed(marks) if (mark.question, mark.answer) == item.key), None)


def decide(items: list[Item], by_marker: dict[str, list[Mark]]) -> dict[Key, Decision]:
    """Return what follows from all marks, by the key of each answer.

    A mark that settles counts alone. Marks that differ in their score are to be settled.
    """
    found: dict[Key, dict[str, Mark]] = {}
    settled: dict[Key, Mark] = {}
    for marker, marks in by_marker.items():
        for mark in marks:
            key = (mark.question, mark.answer)
            if not mark.settles:
                found.setdefault(key, {})[marker] = mark
            elif key not in settled or settled[key].time <= mark.time:
                settled[key] = mark
    decisions = {}
    for item in items:
        marks = [mark for mark in found.get(item.key, {}).values() if mark.fits(item.rubric)]
        last = settled.get(item.key)
        if last and last.fits(item.rubric):
            decisions[item.key] = Decision("marked", marks, last)
        elif not marks:
            decisions[item.key] = Decision("unmarked")
        elif len({mark.points(item.rubric) for mark in marks}) > 1:
            decisions[item.key] = Decision("differs", marks)
        else:
            decisions[item.key] = Decision("marked", marks, marks[0])
    return decisions


def apply(records: list[Record], exercises: list[Exercise], by_marker: dict[str, list[Mark]]) -> list[Record]:
    """Return the records with what people gave in them; an answer without a mark keeps None, and gets its ``state``."""
    items = find_items(records, exercises)
    decisions = decide(items, by_marker)
    marked = {exercise.id: exercise for exercise in exercises}
    found = []
    for record in records:
        questions = []
        for question in record["questions"]:
            if question["score"] is None:
                item = _read_item(question, marked)
                decision = decisions[item.key] if item else Decision("unmarked")
                if item and decision.final:
                    question = _marked(question, item.rubric, decision)
                else:
                    question = {**question, "state": decision.state}
            questions.append(question)
        score = sum(question["score"] or 0 for question in questions)
        found.append({**record, "questions": questions, "score": score})
    return found


def find_unmarked(records: list[Record]) -> dict[str, str]:
    """Return the students of records, see `apply`, who have an answer without a mark, each with a remark."""
    waiting = {}
    for record in records:
        states = Counter(question["state"] for question in record["questions"] if question["score"] is None)
        if states:
            waiting[record["student"]] = _explain(states)
    return waiting


def _explain(states: Counter[str]) -> str:
    unmarked = f"Not marked yet: {_count(states['unmarked'])}." if states["unmarked"] else ""
    differs = f"Markers differ: {_count(states['differs'])}." if states["differs"] else ""
    return f"{unmarked} {differs}".strip()


def _count(number: int) -> str:
    return f"{number} question{'s' if number > 1 else ''}"


def _marked(question: Record, rubric: Rubric, decision: Decision) -> Record:
    """Return a question's record with a criterion as a test, and the comments of all who gave this mark."""
    assert decision.final
    final = decision.final
    tests: list[Record] = [
        {
            "id": f"{question['id']}-{number}",
            "points": criterion.points if criterion.text in final.met else 0,
            "max_points": criterion.points,
            "hidden": False,
            "criterion": criterion.text,
            "message": "" if criterion.text in final.met else "not met",
        }
        for number, criterion in enumerate(rubric.criteria, start=1)
    ]
    score = final.points(rubric)
    difference = score - sum(test["points"] for test in tests)
    adjusted = f"Adjusted by {difference:+g} points." if difference else ""
    said = [final.comment] if final.settles else list(dict.fromkeys(mark.comment for mark in decision.marks))
    remark = " ".join(filter(None, [question["remark"], adjusted, *said]))
    return {**question, "score": score, "remark": remark, "tests": tests}
