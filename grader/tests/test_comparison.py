from typing import Any

from coursegrader.comparison import compare, describe_changes


def record(student: str, *points: int, message: str = "Expected: no", **more: Any) -> dict[str, Any]:
    tests = [
        {"id": f"a-{number}", "points": got, "max_points": 2, "hidden": True, "message": "" if got else message}
        for number, got in enumerate(points, start=1)
    ]
    question = {"id": "a", "title": "A", "score": sum(points), "max_score": 2 * len(tests), "tests": tests}
    scores = {"score": sum(points), "max_score": 2 * len(tests), "questions": [question]}
    return {"student": student, "made_with": {"assignment": "1"}, **scores, **more}


def test_comparison_lists_whose_mark_changes_and_because_of_which_test() -> None:
    repaired: Any = {"made_with": {"assignment": "2"}}
    before = [record("bob", 2, 0), record("ada", 2, 2), record("eve", 0, 2)]
    now = [record("bob", 2, 2, **repaired), record("ada", 2, 2, **repaired), record("eve", 0, 0, 2, **repaired)]
    assert list(describe_changes(compare(before, now))) == [
        "bob: 2 -> 4 of 4 points",
        "  a, test 2: 0 -> 2 points; before: Expected: no; now: passed",
        "eve: 2 (of 4) -> 2 of 6 points",
        "  a, test 2: 2 -> 0 points; before: passed; now: Expected: no",
        "  a, test 3: none -> 2 points; before: there is no such test; now: passed",
        "since the first grading, the assignment has changed (2 students)",
        "a, test 2: 1 gain points, 1 lose some",
        "a, test 3: 1 gain points, 0 lose some",
    ]


def test_other_words_for_the_same_failure_are_no_change() -> None:
    assert compare([record("ada", 0, message="Expected: 3")], [record("ada", 0, message="Expected: 4")]) == []


def test_mark_that_stays_although_a_test_changes_says_so() -> None:
    """As where points were set by hand."""
    (change,) = compare([record("ada", 0, score=1)], [record("ada", 2, score=1)])
    assert next(describe_changes([change])) == "ada: the mark stays, 1 -> 1 of 2 points"


def test_text_of_students_cannot_control_the_terminal() -> None:
    evil = "\x1b]0;x\x07\u202e"
    changes = compare([record(evil, 2)], [record(evil, 0, message=evil)])
    assert all(line.isprintable() for line in describe_changes(changes))
