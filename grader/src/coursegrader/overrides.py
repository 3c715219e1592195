"""Points that an instructor gave to an answer in place of those of the tests, each with a reason.

They are kept apart from the records, in a journal beside them: a line is added for each decision, and none is ever
changed or removed. So they survive grading again, and it can be read later who got which points why.
"""

import fcntl
import hashlib
import math
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coursegrader import journal
from coursegrader.grade import Record
from coursegrader.platforms import identity, split_label

JOURNAL = "overrides.jsonl"
MAX_REASON = 2000  # characters


@dataclass(frozen=True)
class Override:
    """A decision about one answer.

    Attributes
    ----------
    student, question : str
        The student's label in the tables, and the id of the question.
    points : float or None
        The points that count; None if those of the tests count again.
    reason : str
        Why, for the student and for later.
    time : str
        When, in UTC.
    answer : str
        A hash of the answer that was graded then, see `fingerprint`.
    """

    student: str
    question: str
    points: float | None
    reason: str
    time: str
    answer: str

    @property
    def key(self) -> tuple[str, str]:
        """Whose answer to which question it is: a student is known by an id if there is one."""
        return identity(self.student), self.question


def fingerprint(question: Record) -> str:
    """Return a hash of the answer to a question that a record holds."""
    return hashlib.sha256(str(question.get("answer", "")).encode(errors="replace")).hexdigest()


def find_record(records: Iterable[Record], student: str) -> Record:
    """Return the record of a student, who is named by label, by id, or by a name that nobody else has.

    Raises
    ------
    ValueError
        There is no such student, or several.
    """
    records = list(records)
    for matches in (
        [record for record in records if record["student"] == student],
        [record for record in records if split_label(record["student"])[1] == student],
        [record for record in records if split_label(record["student"])[0] == student],
    ):
        if len(matches) > 1:
            labels = ", ".join(record["student"] for record in matches)
            raise ValueError(f"--student: expected one student, got {student!r}, which can be {labels}")
        if matches:
            return matches[0]
    raise ValueError(f"--student: expected a student with a record, as in grades.csv, got {student!r}")


def decide(record: Record, question: str, *, points: float | None, reason: str) -> Override:
    """Return a decision about the answer to a question in a record, made now.

    Raises
    ------
    ValueError
        There is no such question, the points are none that it can have, or there is no reason.
    """
    results = {result["id"]: result for result in record["questions"]}
    if question not in results:
        raise ValueError(f"--question: expected one of {', '.join(results)}, got {question!r}")
    most = results[question]["max_score"]
    if points is not None and not (math.isfinite(points) and 0 <= points <= most):
        raise ValueError(f"--points: expected a number from 0 to {most}, got {points:g}")
    reason = reason.strip()
    if not 0 < len(reason) <= MAX_REASON:
        raise ValueError(f"--reason: expected a text of 1 to {MAX_REASON} characters, got {len(reason)}")
    if points is not None and points == int(points):
        points = int(points)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Override(record["student"], question, points, reason, now, fingerprint(results[question]))


def add(folder: Path, override: Override) -> None:
    """Add a decision to the journal in a folder of grades, which only its owner can read."""
    with journal.open_journal(folder / JOURNAL) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # until it is closed
        journal.add(stream, asdict(override))


def read(folder: Path) -> list[Override]:
    """Return all decisions in a folder of grades, the oldest first.

    Raises
    ------
    ValueError
        A line of the journal is none that `add` writes, see `journal.read`.
    """
    return journal.read(folder / JOURNAL, _read_override, expected="a decision that `override` wrote")


def _read_override(entry: dict[str, Any]) -> Override:
    override = Override(**entry)
    texts = (override.student, override.question, override.reason, override.time, override.answer)
    points = override.points
    right = points is None or (isinstance(points, int | float) and math.isfinite(points))
    if not right or not all(isinstance(text, str) for text in texts):
        raise TypeError("expected texts, and a number or None")
    return override


def current(overrides: Iterable[Override]) -> list[Override]:
    """Return the decisions that hold: of several about the same answer the last, unless it removes the others."""
    last = {override.key: override for override in overrides}
    return [override for override in last.values() if override.points is not None]


def apply(records: Iterable[Record], overrides: Iterable[Override]) -> list[Record]:
    """Return records with the points that were decided.

    Returns
    -------
    records
        Each question that was decided about has the key ``override``: the `Override` as a dictionary, with
        ``automatic``, the points without it, None if nobody has marked the answer, and ``stale``, whether another
        answer has been graded since then. The ``problem`` of a record names the questions for which that is so.
    """
    decided = {override.key: override for override in current(overrides)}
    return [_apply_to(record, decided) for record in records]


def _apply_to(record: Record, decided: dict[tuple[str, str], Override]) -> Record:
    student = identity(record["student"])
    questions, stale = [], []
    change: float = 0
    for question in record["questions"]:
        override = decided.get((student, question["id"]))
        if override is None or override.points is None:
            questions.append(question)
            continue
        points = min(override.points, question["max_score"])  # which can have become less
        changed = override.answer != fingerprint(question)
        about = {**asdict(override), "automatic": question["score"], "stale": changed}
        questions.append({**question, "score": points, "override": about})
        change += points - (question["score"] or 0)
        stale += [question["title"]] if changed else []
    if not any("override" in question for question in questions):
        return record
    problem = record["problem"]
    if stale:
        problem = f"{problem} Points set by hand, for an answer that has changed since: {', '.join(stale)}.".strip()
    return {**record, "questions": questions, "score": record["score"] + change, "problem": problem}
