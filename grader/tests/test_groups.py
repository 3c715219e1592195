"""Groups, of which one notebook counts."""

from pathlib import Path
from typing import Any

import pytest

from coursegrader import groups
from coursegrader.roster import read_roster

ROSTER = "Name,SID,Email\nAda Lovelace,101,ada@x.edu\nBob,102,bob@x.edu\nCid,103,cid@x.edu\n"


def record(student: str, score: float, *, handed_in: str = "", seed: str = "", answer: str = "x") -> dict[str, Any]:
    return {
        "student": student, "file": student, "score": score, "max_score": 6, "problem": "", "handed_in": handed_in,
        "notebook": f"{student}.ipynb", "seed": seed or student, "questions": [{"answer": answer}],
    }  # fmt: skip


def write(folder: Path, text: str) -> Path:
    file = folder / "table.csv"
    file.write_text(text, encoding="utf-8")
    return file


def counting(*records: dict[str, Any]) -> tuple[set[float], dict[str, str]]:
    """Return the scores and remarks of a group of all these."""
    found, ungraded = groups.apply(list(records), {}, {record["student"]: "G1" for record in records})
    assert not ungraded
    return {record["score"] for record in found}, {record["student"]: record["problem"] for record in found}


def test_all_members_get_the_mark_of_the_last_notebook() -> None:
    ada = record("Ada (101)", 5, handed_in="2026-01-30T10:00:00")
    bob = record("Bob", 3, handed_in="2026-01-30T11:00:00")
    scores, remarks = counting(ada, bob)
    assert scores == {3}
    assert remarks == {
        "Ada (101)": "Marked for the group G1, with the notebook of Bob; a notebook that differs was handed in, too, "
        "and does not count: it has 5 points.",
        "Bob": "Marked for the group G1.",
    }


def test_unanswered_notebook_does_not_count_however_late() -> None:
    ada = record("Ada", 5, handed_in="2026-01-30T10:00:00")
    bob = record("Bob", 0, handed_in="2026-01-30T11:00:00", answer="")
    assert counting(ada, bob)[0] == {5}


def test_equal_notebooks_have_the_time_of_the_first() -> None:
    ada = record("Ada", 5, handed_in="2026-01-30T10:00:00", seed="same")
    bob = record("Bob", 5, handed_in="2026-02-05T10:00:00", seed="same")
    found, _ = groups.apply([bob, ada], {}, {"Ada": "G1", "Bob": "G1"})
    assert {record["handed_in"] for record in found} == {"2026-01-30T10:00:00"}
    assert [record["problem"] for record in found if record["student"] == "Bob"] == [
        "Marked for the group G1, with the notebook of Ada."
    ]


def test_most_points_count_if_a_time_is_unknown() -> None:
    assert counting(record("Ada", 5), record("Bob", 3, handed_in="2026-01-30T11:00:00"))[0] == {5}


def test_member_who_handed_in_nothing_gets_the_mark_and_a_page() -> None:
    found, ungraded = groups.apply([record("Ada", 5), record("Eve", 1)], {}, {"Ada": "G1", "Bob": "G1", "Cid": "G2"})
    about = {record["student"]: (record["score"], record.get("group"), record["file"][:4]) for record in found}
    assert about == {"Eve": (1, None, "Eve"), "Ada": (5, "G1", "Ada"), "Bob": (5, "G1", "Bob-")}
    assert ungraded == {"Cid": "The group G2 handed in nothing."}


def test_work_is_named_after_a_student_or_a_group_with_its_members() -> None:
    alone = [record("Ada; Bob", 1), record("Eve", 2) | {"notebook": ""}]
    found, _ = groups.apply([record("Ada", 5), *alone], {}, {"Ada": "G1", "Bob": "G1", "Eve": "G2"})
    platforms = [record(student, 3, seed="same") | {"notebook": "submission_1/x.ipynb"} for student in "AB"]
    impostor = record("G1: Ada; Bob", 0)  # whose name is that of a group
    works = groups.works([*found, *platforms, impostor])
    assert {name: len(records) for name, records in works.items()} == {
        **{"Ada; Bob": 1, "Eve": 1, "G1: Ada; Bob": 1},
        **{"group G1: Ada; Bob": 2, "A; B": 2},
    }


def test_group_waits_until_the_work_of_all_members_is_graded() -> None:
    found, ungraded = groups.apply([record("Ada", 5)], {"Bob": "Not graded yet."}, {"Ada": "G1", "Bob": "G1"})
    assert found == []
    assert ungraded == {"Ada": "Work of the group G1: Not graded yet.", "Bob": "Not graded yet."}


def test_members_are_found_by_whatever_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text(ROSTER, encoding="utf-8")
    roster = read_roster(tmp_path / "roster.csv")
    file = write(tmp_path, "Student;Group\nada@x.edu;1\n102;1\nCid;2\nNew Student;2\n")
    found = groups.read_groups(file, ["A. Lovelace (101)", "Bob (102)"], roster=roster)
    assert found == {"A. Lovelace (101)": "1", "Bob (102)": "1", "Cid (103)": "2", "New Student": "2"}
    file = write(tmp_path, "student,group\nBob (103),1\n")
    with pytest.raises(ValueError, match=r"the id, Cid \(103\), got 'Bob \(103\)'"):
        groups.read_groups(file, [], roster=roster)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("group,student\n1,Ada\n2,Ada\n", "row 3: expected a student in one group"),
        ("group,student\n1,\n", "row 2: expected a group and a student"),
        ("group,student\n1,Lee\n", "row 2: expected one student, and 'Lee' can be any of Lee \\(1\\), Lee \\(2\\)"),
        ("group,student\n1,Eve (1)\n", "row 2: expected the name that belongs to the id, Lee \\(1\\), got 'Eve"),
        ("group,member\n1,Ada\n", "'student' is missing"),
        ("group,student,student\n1,Ada,Bob\n", "found 'student'"),
        ("", "'group' is missing"),
    ],
)
def test_table_that_cannot_be_read_is_refused_with_its_row(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        groups.read_groups(write(tmp_path, text), ["Ada", "Lee (1)", "Lee (2)"])
