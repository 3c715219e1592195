"""Compare two gradings of a class: whose mark changes, and because of which tests."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from coursegrader.calls import printable
from coursegrader.grade import Record
from coursegrader.runner import explain


@dataclass
class Difference:
    """A test that gives another number of points, or says something else.

    Attributes
    ----------
    name : str
        The question's id and the number of the test, as on the feedback page.
    before, now : int or None
        The points; None where there is no such test.
    reason : str
        What the test said before and what it says now.
    """

    name: str
    before: int | None
    now: int | None
    reason: str


@dataclass
class Change:
    """What differs between two records of a student.

    Attributes
    ----------
    student : str
        The student's label.
    before, now : tuple of float
        The points that count, and the points that could be had.
    reason : str
        What differs between what the records were made with.
    tests : list of Difference
        The tests that differ.
    by_hand : list of str
        What counts in place of the tests, by question.
    """

    student: str
    before: tuple[float, float]
    now: tuple[float, float]
    reason: str
    tests: list[Difference]
    by_hand: list[str]


def compare(before: Iterable[Record], now: Iterable[Record]) -> list[Change]:
    """Return what differs for each student of the second grading, by label; nothing for those with equal results.

    Parameters
    ----------
    before, now
        The records of two gradings of the same submissions; the first has all students of the second.
    """
    earlier = {record["student"]: record for record in before}
    changes = (_compare(earlier[record["student"]], record) for record in now)
    found = [change for change in changes if change.before != change.now or change.tests]
    return sorted(found, key=lambda change: change.student)


def _compare(before: Record, now: Record) -> Change:
    points = [(record["score"], record["max_score"]) for record in (before, now)]
    reason = explain(before.get("made_with", {}), now["made_with"])
    by_hand = [_set_by_hand(question) for question in now["questions"] if question.get("override")]
    tests = list(_compare_tests(_tests(before), _tests(now)))
    return Change(now["student"], points[0], points[1], reason, tests, by_hand)


def _set_by_hand(question: Record) -> str:
    """Return what an instructor decided about an answer, and what it has without that."""
    other = question["override"]["automatic"]
    instead = "nobody has marked the answer" if other is None else f"without them, it has {other:g}"
    return f"{question['id']}: {question['score']:g} points set by hand count; {instead}"


def _tests(record: Record) -> dict[str, Record]:
    """Return the tests of all questions, by question and number."""
    return {
        f"{question['id']}, test {number}": test
        for question in record["questions"]
        for number, test in enumerate(question["tests"], start=1)
    }


def _compare_tests(before: dict[str, Record], now: dict[str, Record]) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name), now.get(name)
        if _result(old) != _result(new):
            points = (old["points"] if old else None, new["points"] if new else None)
            yield Difference(name, *points, f"before: {_said(old)}; now: {_said(new)}")


def _result(test: Record | None) -> tuple[float, float, bool] | None:
    """Return what counts of a test: a message may name other numbers each time."""
    return (test["points"], test["max_points"], not test["message"]) if test else None


def _said(test: Record | None) -> str:
    return "there is no such test" if test is None else test["message"] or "passed"


def describe_changes(changes: Iterable[Change]) -> Iterator[str]:
    """Yield lines for a terminal: each student with the tests that differ, then the reasons, and the sums by test."""
    gains, losses, reasons = Counter[str](), Counter[str](), Counter[str]()
    for change in changes:
        (before, most_before), (now, most) = change.before, change.now
        other = "" if most_before == most else f" (of {most_before:g})"
        stays = ": the mark stays," if change.before == change.now else ":"
        yield printable(f"{change.student}{stays} {before:g}{other} -> {now:g} of {most:g} points")
        reasons[change.reason] += 1
        for test in change.tests:
            points = " -> ".join("none" if points is None else f"{points:g}" for points in (test.before, test.now))
            yield printable(f"  {test.name}: {points} points; {test.reason}")
            difference = (test.now or 0) - (test.before or 0)
            gains[test.name] += difference > 0
            losses[test.name] += difference < 0
        yield from (f"  {line}" for line in change.by_hand)
    for reason, count in reasons.items():
        students = "student" if count == 1 else "students"
        yield f"since the first grading, {reason or 'nothing has changed that is known'} ({count} {students})"
    for name in sorted({*gains, *losses}):
        yield f"{name}: {gains[name]} gain points, {losses[name]} lose some"
