import json
from pathlib import Path

import pytest

from coursegrader import cli, sandbox
from coursegrader.gradebook import Gradebook

SOURCE = str(Path(__file__).parent / "course")


@pytest.fixture
def grades(isolation: bool, tmp_path: Path) -> Path:
    """A folder of grades: Ada handed in the solution, Bob the release."""
    command = ["assignment", "build", "week-1", "--exercises", "predict-top", "--source", SOURCE]
    assert cli.main([*command, "--out", str(tmp_path / "week-1")]) == 0
    for student, kind in {"Ada": "source", "Bob": "release"}.items():
        folder = tmp_path / "in" / student
        folder.mkdir(parents=True)
        (folder / "week 1.ipynb").write_bytes((tmp_path / f"week-1/{kind}/week-1/week-1.ipynb").read_bytes())
    command = ["grade", str(tmp_path / "in"), "--assignment", str(tmp_path / "week-1"), "--out", str(tmp_path / "out")]
    assert cli.main([*command, *(["--unsafe"] if sandbox.obstacle() else [])]) == 0
    return tmp_path / "out"


def test_record_has_the_answer_that_was_graded_and_its_file(grades: Path) -> None:
    ada, bob = Gradebook.open(grades).records()
    assert ada["notebook"] == "Ada/week 1.ipynb"
    assert ada["questions"][0]["answer"].count("def ") == 1
    assert bob["questions"][0]["answer"] == ""


def test_tables_are_written_again_without_assignment_or_submissions_on_the_command_line(grades: Path) -> None:
    tables = {file.name: file.read_bytes() for file in grades.glob("*.csv")}
    assert len(tables) == 3
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


@pytest.mark.parametrize("content", [None, "", "[]", "{}"])
def test_folder_that_was_not_graded_into_is_refused(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "grading.json").write_text(content, encoding="utf-8")
    assert cli.main(["tables", str(tmp_path)]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert "grading.json" in error
