"""Class lists as platforms export them, with other people in them."""

import time
from pathlib import Path
from typing import Any

import pytest

from coursegrader.roster import match_people, read_roster

# The grading worksheet in English and in Spanish; Moodle knows the latter's headers only
MOODLE = """Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,Last modified (grade)
Participant 101,Zoë Müller,zoe@example.edu,Submitted,,14.00,Yes,-
Participant 102,Bob O'Neill,bob@example.edu,No submission,,14.00,Yes,-
"""
MOODLE_ES = """Identificador,"Nombre completo",Estado,Calificación,"Calificación máxima","Última modificación"
"Participante 101","Zoë Müller",Enviado,,"14,00",-
"Participante 102","Bob O'Neill",Enviado,"3,00","14,00",-
"""
# Grades > Export: the second row holds the points possible
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Week 1 (9)
    Points Possible,,,,,14
"Müller, Zoë",101,s101,zoe,A,
"O'Neill, Bob",102,s102,bob,A,
"""
GITHUB = (
    '"identifier","github_username","github_id","name"\n"Zoë Müller","zoe","101",""\n"Bob O\'Neill","bob","102",""\n'
)
GRADESCOPE = "Name,SID,Email,Role\nZoë Müller,101,zoe@example.edu,Student\nBob O'Neill,102,bob@example.edu,Student\n"
BLACKBOARD = "Last Name\tFirst Name\tUsername\tStudent ID\nMüller\tZoë\tzoe\t101\nO'Neill\tBob\tbob\t102\n"
BRIGHTSPACE = "OrgDefinedId;Username;Last Name;First Name;Email\n101;zoe;Müller;Zoë;z@x\n102;bob;O'Neill;Bob;b@x\n"
PLAIN = "Matrikel,Wer\n101,Zoë Müller\n102,Bob O'Neill\n"


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "roster.csv"
    file.write_bytes(text.encode(encoding))
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (MOODLE, ["Zoë Müller (101)", "Zoë Müller"]),
        (MOODLE_ES, ["Zoë Müller (101)", "zoë  müller"]),
        (CANVAS, ["müllerzoë (101)", "zoe", "Zoë Müller", "s101"]),
        (GITHUB, ["zoe", "Zoë Müller"]),
        (GRADESCOPE, ["Zoë Müller (101)", "zoe@example.edu"]),
        (GRADESCOPE.replace(",10", ",A010"), ["Zoë Müller (A0101)", "Z. Müller (A0101)", "Zoë Müller"]),
        (BLACKBOARD, ["zoe", "Zoë Müller", "Müller, Zoë"]),
        (BRIGHTSPACE, ["Zoë Müller (39786)", "zoe", "101"]),
        (PLAIN, ["Zoë Müller", "101"]),
    ],
    ids=[
        "Moodle",
        "Moodle in Spanish",
        "Canvas",
        "GitHub",
        "Gradescope",
        "Gradescope, letters",
        "Blackboard",
        "Brightspace",
        "plain",
    ],
)
def test_exports_of_platforms_are_read(tmp_path: Path, text: str, labels: list[str], encoding: str) -> None:
    roster = read_roster(write(tmp_path, text, encoding))
    assert len(roster.people) == 2
    for label in labels:
        (person,) = roster.find(label)
        assert person.row == roster.people[0].row
    assert roster.find("Eve") == roster.find("Eve (7)") == roster.find("Participant") == []


def record(student: str, score: float) -> dict[str, Any]:
    return {"student": student, "score": score, "problem": ""}


def test_absent_and_unknown_people_are_named(tmp_path: Path) -> None:
    roster = read_roster(write(tmp_path, MOODLE))
    records, absent, scores = match_people(roster, [record("zoë müller (101)", 7), record("Eve (205)", 9)], [])
    assert [(r["student"], r["problem"]) for r in records] == [
        ("zoë müller (101)", ""),
        ("Eve (205)", "Not on the roster."),
    ]
    assert absent == {"Bob O'Neill (102)": "Nothing was handed in."}
    assert scores == {1: "7"}
    assert match_people(roster, [], ["Bob O'Neill (102)"])[1] == {"Zoë Müller (101)": "Nothing was handed in."}


def test_people_who_cannot_be_told_apart_get_no_score_by_chance(tmp_path: Path) -> None:
    twins = "Username,Name\na1,Anna Lee\na2,Anna Lee\nbob,Bob\n"
    roster = read_roster(write(tmp_path, twins))
    records, _, scores = match_people(roster, [record("Anna Lee", 1), record("bob", 2), record("Bob", 3)], [])
    assert [record["problem"] for record in records] == [
        "Several people on the roster have this name.",
        "Another row, too, is of Bob on the roster.",
        "Another row, too, is of Bob on the roster.",
    ]
    assert scores == {}


@pytest.mark.parametrize(("text", "place", "written"), [(MOODLE, 4, "2.5"), (MOODLE_ES, 3, "2,5")])
def test_worksheet_of_moodle_keeps_its_headers_and_gets_the_scores(
    tmp_path: Path, text: str, place: int, written: str
) -> None:
    roster = read_roster(write(tmp_path, text))
    filled = roster.filled({2: "2.5"})
    assert filled
    assert filled[0] == roster.table[0]
    assert filled[2][place] == written
    assert [value for n, value in enumerate(filled[2]) if n != place] == [
        value for n, value in enumerate(roster.table[2]) if n != place
    ]
    assert roster.maximum() == 14


def test_people_of_one_name_who_handed_in_nothing_have_a_row_each(tmp_path: Path) -> None:
    roster = read_roster(write(tmp_path, "Name,Email\nBob,bob@example.edu\nBob,b@example.edu\n"))
    assert list(match_people(roster, [], [])[1]) == ["Bob", "Bob (row 3)"]


def test_large_worksheet_is_read_quickly(tmp_path: Path) -> None:
    lines = [f"Participant {number},P {number},,10" for number in range(4000)]
    text = "\n".join(["Identifier,Full name,Grade,Maximum Grade", *lines])
    start = time.process_time()
    roster = read_roster(write(tmp_path, text))
    assert len(match_people(roster, [record(f"P {number} ({number})", 1) for number in range(500)], [])[2]) == 500
    assert time.process_time() - start < 5


def test_other_rosters_are_no_worksheets(tmp_path: Path) -> None:
    for text in (CANVAS, BLACKBOARD, PLAIN):
        roster = read_roster(write(tmp_path, text))
        assert roster.filled({1: "1"}) is None
        assert roster.maximum() is None


@pytest.mark.parametrize("text", ["", "\n", "Name,SID\n", "Name,SID\n,\n"])
def test_roster_without_people_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="found nobody"):
        read_roster(write(tmp_path, text))
