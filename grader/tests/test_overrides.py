import json
import resource
import stat
from pathlib import Path
from typing import Any

import pytest

from coursegrader import overrides


def record(student: str, *, score: int = 1, answer: str = "def f(): ...") -> dict[str, Any]:
    question = {"id": "a-b", "title": "A", "score": score, "max_score": 3, "answer": answer, "tests": []}
    other = {"id": "a-c", "title": "C", "score": 2, "max_score": 2, "answer": "", "tests": []}
    return {"student": student, "problem": "", "score": score + 2, "max_score": 5, "questions": [question, other]}


def decide(folder: Path, about: dict[str, Any], points: float | None, reason: str = "right in another way") -> None:
    overrides.add(folder, overrides.decide(about, "a-b", points=points, reason=reason))


def apply(folder: Path, *records: dict[str, Any]) -> list[dict[str, Any]]:
    return overrides.apply(records, overrides.read(folder))


def test_last_decision_counts_until_it_is_removed(tmp_path: Path) -> None:
    ada, bob = record("Ada (101)"), record("bob")
    assert apply(tmp_path, ada) == [ada]
    decide(tmp_path, ada, 2)
    decide(tmp_path, ada, 2.5, "half a point for the idea")
    found, other = apply(tmp_path, ada, bob)
    assert (found["score"], found["questions"][0]["score"]) == (4.5, 2.5)
    about = found["questions"][0]["override"]
    assert (about["reason"], about["automatic"], about["stale"]) == ("half a point for the idea", 1, False)
    assert other == bob
    decide(tmp_path, ada, None, "a mistake")
    assert apply(tmp_path, ada) == [ada]
    assert [override.points for override in overrides.read(tmp_path)] == [2, 2.5, None]


def test_decision_survives_another_answer_and_another_name_with_a_remark(tmp_path: Path) -> None:
    decide(tmp_path, record("Ada (101)"), 3)
    (found,) = apply(tmp_path, record("Ada Lovelace (101)", score=0, answer="def f(): pass"))
    assert found["score"] == 5
    assert found["problem"] == "Points set by hand, for an answer that has changed since: A."


def test_points_never_exceed_what_the_question_has_become(tmp_path: Path) -> None:
    ada = record("ada")
    decide(tmp_path, ada, 3)
    ada["questions"][0]["max_score"] = 2
    assert apply(tmp_path, ada)[0]["score"] == 4


@pytest.mark.parametrize(
    ("question", "points", "reason", "message"),
    [
        ("x", 1, "why", "--question: expected one of a-b, a-c, got 'x'"),
        ("a-b", 4, "why", "--points: expected a number from 0 to 3, got 4"),
        ("a-b", float("nan"), "why", "--points: expected a number from 0 to 3, got nan"),
        ("a-b", 1, " ", "--reason: expected a text of 1 to 2000 characters, got 0"),
    ],
)
def test_decision_without_a_question_points_or_a_reason_is_refused(
    question: str, points: float, reason: str, message: str
) -> None:
    with pytest.raises(ValueError) as error:
        overrides.decide(record("ada"), question, points=points, reason=reason)
    assert str(error.value) == message


def test_student_is_found_by_label_id_or_a_name_that_is_unique() -> None:
    records = [record(name) for name in ("Ada (101)", "Ada (102)", "Bob (103)", "101 (x7)")]
    for name, label in {"Ada (101)": "Ada (101)", "102": "Ada (102)", "Bob": "Bob (103)", "101": "Ada (101)"}.items():
        assert overrides.find_record(records, name)["student"] == label
    with pytest.raises(ValueError, match=r"got 'Ada', which can be Ada \(101\), Ada \(102\)"):
        overrides.find_record(records, "Ada")
    with pytest.raises(ValueError, match="got 'Eve'"):
        overrides.find_record(records, "Eve")


def test_journal_is_private_and_keeps_every_line(tmp_path: Path) -> None:
    decide(tmp_path, record("ada"), 1)
    file = tmp_path / overrides.JOURNAL
    first = file.read_bytes()
    decide(tmp_path, record("ada"), 2)
    assert file.read_bytes().startswith(first)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_line_cut_short_by_an_interruption_is_the_only_one_that_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / overrides.JOURNAL
    decide(tmp_path, record("ada"), 1)
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:40])
    assert len(overrides.read(tmp_path)) == 1
    decide(tmp_path, record("ada"), 2)
    assert [override.points for override in overrides.read(tmp_path)] == [1, 2]
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().rstrip().replace(b"\n", b"\r\n\r\n"))  # as editors leave it
    decide(tmp_path, record("ada"), 3)
    assert [override.points for override in overrides.read(tmp_path)] == [1, 2, 3]


def test_decision_that_does_not_fit_on_the_disk_leaves_no_part_of_a_line(tmp_path: Path) -> None:
    decide(tmp_path, record("ada"), 1)
    file = tmp_path / overrides.JOURNAL
    before = file.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
    try:
        with pytest.raises(OSError, match=r"overrides\.jsonl"):
            decide(tmp_path, record("ada"), 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_bytes() == before


@pytest.mark.parametrize("change", [{"points": "5"}, {"points": float("inf")}, {"reason": 5}, {"more": 1}])
def test_journal_with_a_malformed_line_is_refused_with_its_number(tmp_path: Path, change: dict[str, Any]) -> None:
    decide(tmp_path, record("ada"), 1)
    file = tmp_path / overrides.JOURNAL
    line = {**json.loads(file.read_text(encoding="utf-8")), **change}
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")
    with pytest.raises(ValueError, match="line 2: expected a decision"):
        overrides.read(tmp_path)
