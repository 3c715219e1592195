import csv
import re
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from coursegrader.report import escape_formulas, make_feedback, make_summary, write_reports


def record(student: Any, score: Any, *, problem: str = "", message: str = "") -> dict[str, Any]:
    tests = [
        {"id": "a-1", "points": score, "max_points": 4, "hidden": False, "message": message},
        {"id": "a-2", "points": 0, "max_points": 2, "hidden": True, "message": "Expected: each row sums to one"},
    ]
    question = {
        "id": "a", "title": "Softmax", "chapter": "model", "score": score, "max_score": 6, "remark": "No shell & <b>",
        "tests": tests,
    }  # fmt: skip
    return {
        "student": student, "file": f"file-{len(student)}", "problem": problem, "score": score, "max_score": 6,
        "seconds": 1, "questions": [question],
    }  # fmt: skip


RECORDS = [
    record("Bob O'Neill (102)", 4),
    record("Ada (101)", 0, problem="No notebook was handed in."),
    record("cid", 2),
]


def rows(file: Path) -> Any:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    write_reports(RECORDS, folder, assignment="week-1", ungraded={"dora": "Not graded yet."})
    return folder


def test_grades_have_the_columns_of_nbgrader(folder: Path) -> None:
    head, *body = rows(folder / "grades.csv")
    assert head == [
        "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email",
        "raw_score", "late_submission_penalty", "score", "max_score",
    ]  # fmt: skip
    found = {row[3]: (row[0], row[7], row[9], row[10]) for row in body}
    assert found == {
        "Ada (101)": ("week-1", "0", "0", "6"),
        "Bob O'Neill (102)": ("week-1", "4", "4", "6"),
        "cid": ("week-1", "2", "2", "6"),
        "dora": ("week-1", "", "", "6"),
    }


def test_canvas_gets_ids_and_points_possible(folder: Path) -> None:
    assert rows(folder / "canvas.csv") == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "week-1"],
        ["    Points Possible", "", "", "", "", "6"],
        ["Ada", "101", "", "", "", "0"],
        ["Bob O'Neill", "102", "", "", "", "4"],
        ["cid", "", "", "cid", "", "2"],
        ["dora", "", "", "dora", "", ""],
    ]


def test_moodle_gets_participants(folder: Path) -> None:
    head, *body = rows(folder / "moodle.csv")
    assert {"Identifier", "Grade", "Last modified (grade)"} <= set(head), "without these Moodle takes no worksheet"
    assert body[:2] == [
        ["Participant 101", "Ada", "0", "6", "-", "No notebook was handed in."],
        ["Participant 102", "Bob O'Neill", "4", "6", "-", ""],
    ]


def test_id_with_letters_is_that_of_the_student_information_system(tmp_path: Path) -> None:
    """Gradescope's SIDs; Canvas takes them from a column of their own, and its own ids are numbers."""
    write_reports([record("Zoë (A0102)", 2)], tmp_path, assignment="x")
    assert rows(tmp_path / "canvas.csv")[2] == ["Zoë", "", "A0102", "", "", "2"]
    assert rows(tmp_path / "moodle.csv")[1][:2] == ["A0102", "Zoë"]


def test_student_id_that_ends_in_a_number_is_not_a_platform_id(tmp_path: Path) -> None:
    write_reports([record("student_01", 2)], tmp_path, assignment="x")
    assert rows(tmp_path / "canvas.csv")[2] == ["student_01", "", "", "student_01", "", "2"]
    assert rows(tmp_path / "moodle.csv")[1][:2] == ["student_01", "student_01"]


FORMULAS = [
    *("=HYPERLINK(1)", "＝1+1", "﹦1+1", "\n=1+1", "\t@x", "\u200b+1+1"),
    *("\ufeff=1", " @x", "-1+1", "\N{MINUS SIGN}1+1", "+cmd|x"),
]


def test_text_of_students_is_escaped_against_spreadsheet_formulas(tmp_path: Path) -> None:
    """In names, in remarks, which can begin with the name of a file, and in a worksheet of Moodle."""
    records = [record(text, 0, problem=f"{text}.ipynb cannot be read.") for text in sorted(FORMULAS)]
    write_reports(records, tmp_path, assignment="x")
    escaped = [f"'{text}" for text in sorted(FORMULAS)]
    assert [row[3] for row in rows(tmp_path / "grades.csv")[1:]] == escaped
    assert [row[0] for row in rows(tmp_path / "canvas.csv")[2:]] == escaped
    remarks = [row[5] for row in rows(tmp_path / "moodle.csv")[1:]]
    assert remarks == [f"{text}.ipynb cannot be read." for text in escaped]
    worksheet = [["Identifier", "Full name", "Grade", "Time"]]
    worksheet += [["Participant 101", text, "-1,5", "-"] for text in sorted(FORMULAS)]
    write_reports(records, tmp_path, assignment="x", worksheet=worksheet)
    assert rows(tmp_path / "moodle.csv")[1:] == [["Participant 101", text, "-1,5", "-"] for text in escaped]


def test_formula_behind_a_separator_of_cells_is_escaped() -> None:
    """Where semicolons separate cells, a spreadsheet splits at them, and reads two quotation marks as nothing."""
    assert escape_formulas("Ada;=1+1,\t@x") == "Ada;'=1+1,\t'@x"
    assert escape_formulas('Ada;"=1+1;') == "Ada;\"'=1+1;"
    for text in ("Ada-Lou O'Neill", "a=b", "only notes.pdf, -x", "-", "+3,5", ""):
        assert escape_formulas(text) == text


def test_worksheet_of_moodle_is_written_as_it_is(tmp_path: Path) -> None:
    worksheet = [["Bezeichner", "Bewertung", "Zuletzt geändert"], ["Teilnehmer/in 101", "4", "-"]]
    write_reports(RECORDS, tmp_path, assignment="x", worksheet=worksheet)
    assert rows(tmp_path / "moodle.csv") == worksheet


def test_feedback_says_what_passed_and_why_the_rest_failed() -> None:
    page = BeautifulSoup(make_feedback(record("<b>Eve</b>", 4), assignment="week-1"), "html.parser")
    assert page.select("strong")[0].text == "4 of 6 points"
    assert page.find("b") is None, "a name is text, not markup"
    cells = [[cell.text for cell in row.find_all("td")] for row in page.find_all("tr")[1:]]
    assert cells == [["test 1", "✓ passed", "4 of 4"], ["further test 2", "✗ Expected: each row sums to one", "0 of 2"]]
    assert "No shell & <b>" in page.get_text()


def test_feedback_escapes_html_of_students() -> None:
    evil = "<script>alert(1)</script>"
    about = record("eve", 0, message=evil)
    about["notebook"] = evil
    question = about["questions"][0]
    question |= {"answer": evil, "override": {"time": "2026-01-30T15:00:00Z", "automatic": 0, "reason": evil}}
    question["tests"][0]["call"] = evil
    page = make_feedback(about, assignment="x")
    assert "<script" not in page
    assert BeautifulSoup(page, "html.parser").get_text().count(evil) == 5


def test_feedback_shows_the_graded_answer_and_its_file() -> None:
    about = record("ada", 0)
    about["notebook"] = "ada/week-3.ipynb"
    about["questions"][0]["answer"] = "x = 1\n" * 2000
    page = BeautifulSoup(make_feedback(about, assignment="x"), "html.parser")
    assert "Graded notebook: ada/week-3.ipynb" in page.get_text()
    shown = page.select("details pre")[0].text
    assert shown.startswith("x = 1\nx = 1")
    assert shown.endswith("… and 2000 more characters")


def test_feedback_shows_the_last_call_of_a_failed_test_and_the_reason_of_an_override() -> None:
    about = record("ada", 2, message="Expected: 4")
    question = about["questions"][0]
    question["tests"][0]["call"] = "f(2) returned 5"
    question["override"] = {"time": "2026-01-30T15:00:00Z", "automatic": 0, "reason": "Right in another way."}
    text = BeautifulSoup(make_feedback(about, assignment="x"), "html.parser").get_text()
    assert "Expected: 4Last call: f(2) returned 5" in text
    assert "Points set by hand on 2026-01-30, instead of 0. Right in another way." in text


def test_summary_lists_everyone_and_describes_its_plots(folder: Path) -> None:
    page = BeautifulSoup((folder / "summary.html").read_text(encoding="utf-8"), "html.parser")
    rows = {row.select("th")[0].text: row.find_all("td")[-1].text for row in page.select("table")[0].select("tbody tr")}
    assert rows == {
        "Ada (101)": "No notebook was handed in.", "Bob O'Neill (102)": "", "cid": "", "dora": "Not graded yet.",
    }  # fmt: skip
    labels = [figure["aria-label"] for figure in page.find_all("figure")]
    assert labels == [
        "Histogram of the points of 3 submissions; the median is 2.",
        "Mean share of the points by question; the hardest is Softmax, with 33%.",
    ]
    assert {link["href"] for link in page.find_all("a")} == {
        path.relative_to(folder).as_posix() for path in (folder / "feedback").iterdir()
    }
    assert not re.search(r"<(script|link|img)|https?://(?!www\.w3\.org|matplotlib|purl)", page.select("body")[0].text)


def test_plots_take_the_colors_of_the_page(folder: Path) -> None:
    """Black on a dark page could not be read, a white box would glare."""
    text = (folder / "summary.html").read_text(encoding="utf-8")
    assert not re.search(r"#000000|#ffffff|fill: (white|black)", text)
    assert "fill: currentColor" in text
    assert "stroke: currentColor" in text


def test_report_of_a_class_without_submissions() -> None:
    assert "No submission was graded." in make_summary([], [], assignment="x")
