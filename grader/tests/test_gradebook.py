import csv
import json
import shutil
from pathlib import Path

import pytest

from coursegrader import cli
from coursegrader.gradebook import Gradebook

SOURCE = str(Path(__file__).parent / "course")


@pytest.fixture(scope="module")
def graded(isolation: bool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graded class: Ada handed in the solution, Bob the release."""
    course = tmp_path_factory.mktemp("course")
    command = ["assignment", "build", "week-1", "--exercises", "predict-top", "--source", SOURCE]
    assert cli.main([*command, "--out", str(course / "week-1")]) == 0
    for student, kind in {"Ada": "source", "Bob": "release"}.items():
        folder = course / "in" / student
        folder.mkdir(parents=True)
        (folder / "week 1.ipynb").write_bytes((course / f"week-1/{kind}/week-1/week-1.ipynb").read_bytes())
    command = ["grade", str(course / "in"), "--assignment", str(course / "week-1"), "--out", str(course / "out")]
    assert cli.main([*command, *([] if isolation else ["--unsafe"])]) == 0
    return course


@pytest.fixture
def grades(graded: Path, tmp_path: Path) -> Path:
    """The folder of grades in a copy of `graded`."""
    shutil.copytree(graded, tmp_path, dirs_exist_ok=True)
    about = tmp_path / "out" / "grading.json"
    about.write_text(about.read_text(encoding="utf-8").replace(str(graded), str(tmp_path)), encoding="utf-8")
    return tmp_path / "out"


def test_record_has_the_answer_that_was_graded_and_its_file(grades: Path) -> None:
    ada, bob = Gradebook.open(grades).records()
    assert ada["notebook"] == "Ada/week 1.ipynb"
    assert ada["questions"][0]["answer"].count("def ") == 1
    assert bob["questions"][0]["answer"] == ""


def test_tables_are_written_again_without_assignment_or_submissions_on_the_command_line(grades: Path) -> None:
    tables = {file.name: file.read_bytes() for file in grades.glob("*.csv")}
    assert len(tables) == 5
    for name in tables:
        (grades / name).unlink()
    assert cli.main(["tables", str(grades)]) == 0
    assert {file.name: file.read_bytes() for file in grades.glob("*.csv")} == tables


def test_roster_given_later_is_remembered(grades: Path, tmp_path: Path) -> None:
    (tmp_path / "class.csv").write_text("name\nAda\nBob\nCy\n", encoding="utf-8")
    assert cli.main(["tables", str(grades), "--roster", str(tmp_path / "class.csv")]) == 0
    assert cli.main(["tables", str(grades)]) == 0
    assert "Cy" in (grades / "grades.csv").read_text(encoding="utf-8")


def test_same_id_under_another_name_replaces_the_earlier_record(grades: Path) -> None:
    book = Gradebook.open(grades)
    record = book.records()[0]
    for name in ("Ada L (7)", "Ada Lovelace (7)"):
        renamed = {**record, "student": name, "file": name}
        (grades / "records" / f"{name}.json").write_text(json.dumps(renamed), encoding="utf-8")
    book.finish(["Ada Lovelace (7)"], failed=[])
    assert sorted(record["student"] for record in book.records()) == ["Ada", "Ada Lovelace (7)", "Bob"]
    assert len(list((grades / "earlier" / "records").glob("Ada L (7)*"))) == 1


def table(file: Path) -> dict[str, dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return {row["student_id" if "student_id" in row else "student"]: row for row in csv.DictReader(stream)}


def test_dates_and_groups_given_later_change_all_tables_and_pages(grades: Path, tmp_path: Path) -> None:
    dates = "who,due,zone,per_day,handed_in\neverybody,2026-01-30,Europe/Berlin,25,\nAda,,,,2026-01-31 12:00\n"
    (tmp_path / "dates.csv").write_text(f"{dates}Bob,2026-02-28,,,\nNobody,2026-02-28,,,\n", encoding="utf-8")
    (tmp_path / "groups.csv").write_text("group,student\nG1,Ada\nG1,Bob\nG1,Cy\n", encoding="utf-8")
    options = ["--dates", str(tmp_path / "dates.csv"), "--groups", str(tmp_path / "groups.csv")]
    assert cli.main(["tables", str(grades), *options]) == 0
    found = table(grades / "grades.csv")
    marks = {name: (row["raw_score"], row["late_submission_penalty"], row["score"]) for name, row in found.items()}
    assert marks == {"Ada": ("3", "0.75", "2.25"), "Bob": ("3", "0", "3"), "Cy": ("3", "0.75", "2.25")}
    assert found["Ada"]["timestamp"] == "2026-01-31T12:00:00"
    assert found["Ada"]["duedate"] == "2026-01-30T23:59:59+01:00"
    late = "Late by 12 h: 0.75 points less (25 % of the maximum)."
    points = table(grades / "points.csv")
    assert points["Cy"]["remark"] == f"Marked for the group G1, with the notebook of Ada. {late}"
    assert [points["Cy"][key] for key in ("group", "late_hours", "predict-top")] == ["G1", "12", "3"]
    assert f"Cy,2.25,3,-,{points['Cy']['remark']!r}".replace("'", '"') in (grades / "moodle.csv").read_text("utf-8")
    assert "Cy,,,Cy,,2.25" in (grades / "canvas.csv").read_text("utf-8")
    (page,) = (grades / "feedback").glob("Cy-*.html")
    assert "<p>3 points, less 0.75 for lateness.</p>" in page.read_text("utf-8")
    summary = (grades / "summary.html").read_text("utf-8")
    assert summary.count('<td class="number">0.75</td>') == 2
    assert cli.main(["tables", str(grades)]) == 0
    assert table(grades / "grades.csv") == found, "both tables are remembered"


def test_row_of_dates_for_nobody_is_named(grades: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "who,due,zone\neverybody,2026-01-30,UTC\nAdda,2026-02-28,\n"
    (tmp_path / "dates.csv").write_text(rows, encoding="utf-8")
    assert cli.main(["tables", str(grades), "--dates", str(tmp_path / "dates.csv")]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "dates.csv" in line]
    assert "'Adda'" in line


def test_same_notebook_handed_in_again_gets_its_new_time_and_is_not_graded_again(
    isolation: bool, grades: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (before, _) = Gradebook.open(grades).records()
    folder = tmp_path / "in" / "Ada" / "week-1"
    folder.mkdir()
    (tmp_path / "in" / "Ada" / "week 1.ipynb").rename(folder / "week-1.ipynb")
    (folder / "timestamp.txt").write_text("2026-01-31 11:00:00 UTC", encoding="utf-8")
    command = ["grade", str(tmp_path / "in"), "--assignment", str(tmp_path / "week-1"), "--out", str(grades)]
    assert cli.main([*command, *([] if isolation else ["--unsafe"])]) == 0
    (after, _) = Gradebook.open(grades).records()
    new = {"handed_in": "2026-01-31T11:00:00+00:00", "notebook": "Ada/week-1/week-1.ipynb"}
    assert after == before | new
    assert "again" not in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "", "[]", "{}"])
def test_folder_that_was_not_graded_into_is_refused(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "grading.json").write_text(content, encoding="utf-8")
    assert cli.main(["tables", str(tmp_path)]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert "grading.json" in error
