"""Statistics of questions and tests, compared with SciPy."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from coursegrader.items import analyze, correlation, fisher_interval, tabulate, tabulate_points


def record(student: str, *points: tuple[int, int], **more: Any) -> dict[str, Any]:
    """Return a record of questions with two tests each, with as many points as given."""
    questions: list[dict[str, Any]] = []
    for number, pair in enumerate(points, start=1):
        tests = [
            {"id": f"q{number}-{n}", "points": score, "max_points": 4, "hidden": n == 2, "message": ""}
            for n, score in enumerate(pair, start=1)
        ]
        about = {"id": f"q{number}", "title": f"Question {number}", "score": sum(pair), "max_score": 8}
        questions.append({**about, "tests": tests})
    score = sum(question["score"] for question in questions)
    return {
        "student": student,
        "score": score,
        "max_score": 8 * len(points),
        "problem": "",
        "questions": questions,
    } | more


def draw_class(seed: int, n: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    ability = rng.normal(size=n)
    return [
        record(f"s{number}", *((int(4 * (rng.normal() < skill)), int(4 * (rng.normal() < skill))) for _ in range(3)))
        for number, skill in enumerate(ability)
    ]


def points_of(record: dict[str, Any], item: str) -> float:
    """Return the points of a question or a test in a record."""
    for question in record["questions"]:
        found = {question["id"]: question["score"]} | {test["id"]: test["points"] for test in question["tests"]}
        if item in found:
            return float(found[item])
    raise KeyError(item)


@pytest.mark.parametrize("seed", range(5))
def test_discrimination_and_its_interval_agree_with_scipy(seed: int) -> None:
    records = draw_class(seed, 30)
    items = analyze(records)
    assert [item.id for item in items[:3]] == ["q1", "q1-1", "q1-2"]
    for item in items:
        own = [points_of(record, item.id) for record in records]
        rest = [record["score"] - score for record, score in zip(records, own, strict=True)]
        expected = stats.pearsonr(own, rest)
        assert item.discrimination == pytest.approx(expected.statistic)
        assert item.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
        assert item.n == 30
        assert item.mean == pytest.approx(np.mean(own))
        assert item.difficulty == pytest.approx(np.mean(own) / item.max_points)


def test_item_that_tells_nobody_apart_has_no_discrimination() -> None:
    records = [record(f"s{n}", (4, 0), (n, 0)) for n in range(4)]
    found = {item.id: item for item in analyze(records)}
    assert found["q1"].discrimination is None
    assert found["q2-1"].discrimination is None, "all others have the same points"
    assert tabulate([found["q1"]])[1] == ["q1", "question", "Question 1", 4, 8, "4.000", "0.500", "", "", ""]


def test_interval_needs_four_pieces_of_work_and_no_perfect_line() -> None:
    assert fisher_interval(0.5, 3) is None
    assert fisher_interval(1.0, 30) is None
    assert correlation(np.arange(5.0), -np.arange(5.0)) == pytest.approx(-1)


def test_work_of_a_group_counts_once() -> None:
    shared = {"notebook": "submission_1/week-1.ipynb", "seed": "1"}
    records = [record("Ada", (4, 0), **shared), record("Bob", (4, 0), **shared), record("Cid", (0, 0))]
    assert {item.n for item in analyze(records)} == {2}


def test_lateness_does_not_make_a_question_harder() -> None:
    records = draw_class(0, 10)
    late = [record | {"raw_score": record["score"], "penalty": record["score"], "score": 0} for record in records]
    assert analyze(late) == analyze(records)


def test_points_have_a_row_for_everybody_and_a_column_for_each_question_and_test() -> None:
    late = {"raw_score": 5, "penalty": 1, "score": 4, "late_hours": 2.5, "due": "D", "handed_in": "H", "group": "g"}
    absent = {"student": "Cid", "score": "", "max_score": 8, "problem": "Nothing was handed in.", "questions": []}
    similar = {"Ada (101)": (0.9, "Bob"), "Bob": (0.0, "")}
    head, *rows = tabulate_points([record("Ada (101)", (4, 1)) | late, record("Bob", (0, 1)), absent], similar)
    assert [dict(zip(head, row, strict=True)) for row in rows] == [
        {
            **{"student": "Ada", "id": "101", "group": "g", "handed_in": "H", "due": "D", "late_hours": 2.5},
            **{"raw_score": 5, "penalty": 1, "score": 4, "max_score": 8, "q1": 5, "q1-1": 4, "q1-2": 1},
            **{"similarity": 0.9, "most_similar": "Bob", "remark": ""},
        },
        {
            **{"student": "Bob", "id": "", "group": "", "handed_in": "", "due": "", "late_hours": ""},
            **{"raw_score": 1, "penalty": 0, "score": 1, "max_score": 8, "q1": 1, "q1-1": 0, "q1-2": 1},
            **{"similarity": "", "most_similar": "", "remark": ""},
        },
        {
            **{"student": "Cid", "id": "", "group": "", "handed_in": "", "due": "", "late_hours": ""},
            **{"raw_score": "", "penalty": "", "score": "", "max_score": 8, "q1": "", "q1-1": "", "q1-2": ""},
            **{"similarity": "", "most_similar": "", "remark": "Nothing was handed in."},
        },
    ]
