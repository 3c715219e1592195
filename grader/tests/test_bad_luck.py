"""Commands whose files are missing, moved, damaged, or at work for another command."""

import json
import shutil
from pathlib import Path

import pytest

from coursegrader import cli, files, overrides
from coursegrader.assignment import build_assignment
from coursegrader.exercises import Exercise
from coursegrader.gradebook import Gradebook

OVERRIDE = ["--student", "Ada", "--question", "predict-top", "--points", "1", "--reason", "why"]


@pytest.fixture
def grades(isolation: bool, tmp_path: Path, exercises: dict[str, Exercise], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of grades with a record of Ada, in a current folder with what was graded."""
    monkeypatch.chdir(tmp_path)
    build_assignment("week-1", [exercises["predict-top"]], tmp_path / "week-1")
    (tmp_path / "in").mkdir()
    shutil.copy(tmp_path / "week-1/release/week-1/week-1.ipynb", tmp_path / "in/Ada.ipynb")
    (tmp_path / "empty").mkdir()
    (tmp_path / "a-file").write_text("x", encoding="utf-8")
    folder = tmp_path / "grades"
    Gradebook(folder).remember(tmp_path / "week-1", [tmp_path / "in"], platform="", unsafe=True)
    write_record(folder, "Ada", points=3)
    Gradebook(folder).finish(["Ada"], failed=[])
    return folder


def write_record(folder: Path, student: str, *, points: int) -> Path:
    question = {"id": "predict-top", "title": "Top", "score": 2, "max_score": points, "remark": "", "tests": []}
    about = {"student": student, "file": student, "digest": "", "problem": "", "score": 2, "max_score": points}
    file = folder / "records" / f"{student}.json"
    files.write(file, json.dumps({**about, "questions": [question]}), root=folder)
    return file


def content(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.name != files.LOCK}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("assignment list --source empty", "--source: expected MyST notebooks with exercises, found none in empty"),
        ("grade in --assignment none --out new", "none: expected a folder that `assignment build` wrote; there is no"),
        ("grade in --assignment a-file --out new", "a-file: expected a folder that `assignment build` wrote; there is"),
        ("grade in --assignment week-1 --out a-file/new", "a-file: expected a folder, and it is a file"),
        ("grade in --assignment week-1 --out in/new", "--out: expected a folder outside the submissions, got in/new"),
        ("grade in --assignment week-1 --out grades --dates none", "none: expected a table (CSV), and it cannot be"),
        ("tables grades --roster none", "none: expected a table (CSV), and it cannot be read: No such file"),
        ("tables grades --groups empty", "empty: expected a table (CSV), and it cannot be read: Is a directory"),
        ("similarity grades --out empty", "empty: Is a directory"),
        ("regrade grades --scheduler 8.8.8.8:8786", "--scheduler: expected an address that begins with tls://"),
    ],
)
def test_argument_that_names_the_wrong_thing_is_named_and_not_remembered(
    grades: Path, command: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(grades)
    assert cli.main([*command.split(), *["--unsafe"] * command.startswith("grade")]) == 1
    assert f"coursegrader: {message}" in capsys.readouterr().err
    assert content(grades) == before


def test_what_was_moved_after_grading_is_named_before_anything_is_written(
    grades: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("class.csv").write_text("name\nAda\n", encoding="utf-8")
    assert cli.main(["tables", "grades", "--roster", "class.csv"]) == 0
    capsys.readouterr()
    for name, lost, command in (
        ("week-1", "the assignment is no longer there", ["override", "grades", *OVERRIDE]),
        ("class.csv", "the table of --roster is gone", ["override", "grades", *OVERRIDE]),
        ("in", "the submissions are no longer there", ["replay", "grades", "--student", "Ada"]),
    ):
        Path(name).rename("elsewhere")
        assert cli.main(command) == 1
        assert f"{Path(name).absolute()}: {lost}" in capsys.readouterr().err
        Path("elsewhere").rename(name)
    assert overrides.read(grades) == []
    shutil.copytree("in", "more")
    Gradebook(grades).remember(Path("week-1"), [Path("more")], platform="", unsafe=True)
    shutil.rmtree("in")
    assert len(Gradebook(grades).submissions()) == 1, "what is still there is read"


def test_second_command_on_a_folder_ends_and_readers_go_on(grades: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(grades)
    with files.locked(grades):
        for command in (
            ["tables", "grades"],
            ["override", "grades", *OVERRIDE],
            ["regrade", "grades"],
            ["feedback", "grades", "--for", "email"],
            ["similarity", "grades"],
            ["grade", "in", "--assignment", "week-1", "--out", "grades", "--unsafe"],
        ):
            assert cli.main(command) == 1
            assert (
                capsys.readouterr()
                .err.splitlines()[-1]
                .endswith("grades: another command is at work on this folder; run this one after it")
            )
        assert content(grades) == before
        assert cli.main(["override", "grades"]) == 0
        assert cli.main(["similarity", "grades", "--out", "page.html"]) == 0
    assert cli.main(["override", "grades", *OVERRIDE]) == 0


def test_student_whose_record_is_damaged_or_has_other_points_is_pointed_out(
    grades: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_record(grades, "Bob", points=5)
    file = write_record(grades, "Cy", points=3)
    file.write_text(file.read_text(encoding="utf-8")[:50], encoding="utf-8")
    (grades / "dated.json").write_text("{", encoding="utf-8")
    assert cli.main(["tables", "grades"]) == 1
    assert "dated.json: expected the times of marks" in capsys.readouterr().err
    (grades / "dated.json").unlink()
    assert cli.main(["tables", "grades"]) == 0
    damaged, differ = capsys.readouterr().err.splitlines()
    assert damaged.endswith("records/Cy.json: this record is damaged, so its student is missing; run `grade` again")
    assert "the records are of assignments with different points (3, 5)" in differ
