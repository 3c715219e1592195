import errno
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from coursegrader import cli, files, sandbox
from coursegrader.assignment import build_assignment, make_notebook
from coursegrader.exercises import Exercise, load

SOURCE = os.path.join(os.path.dirname(__file__), "course")


def test_exercises_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["assignment", "list", "--source", SOURCE]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert any(line.split()[:3] == ["model-softmax", "4", "points"] for line in lines)


def test_assignment_is_built_from_exercises_and_chapters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["assignment", "build", "week-1", "--exercises", "predict-top", "data", "--source", SOURCE]
    assert cli.main([*chosen, "--out", str(tmp_path)]) == 0
    name, exercises = load(tmp_path / "assignment.json")
    assert name == "week-1"
    assert [exercise.id for exercise in exercises] == ["predict-top", "data-rescale", "data-leak"]
    notebook = json.loads((tmp_path / "release" / "week-1" / "week-1.ipynb").read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    assert str(tmp_path / "release") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["assignment", "build", "x", "--exercises", "y", "--out", "o", "--source", SOURCE], "y is neither"),
        (["assignment", "build", "a b", "--exercises", "data", "--out", "o", "--source", SOURCE], "name: expected"),
        (["assignment", "list", "--source", "nowhere"], "--source: expected a folder"),
    ],
)  # fmt: skip
def test_error_is_one_line_with_exit_code_1(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("coursegrader: ")
    assert message in error


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"name": "x", "exercises": [{"id": 1}]}'])
def test_grade_refuses_a_file_that_is_no_assignment(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "assignment.json").write_text(content, encoding="utf-8")
    assert cli.main(["grade", "x", "--assignment", str(tmp_path), "--out", "o", "--unsafe"]) == 1
    assert "expected the file that `assignment build` wrote" in capsys.readouterr().err


def test_course_can_set_program_name_and_default_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["assignment", "list"], program="lessons", source=SOURCE) == 0
    assert "model-softmax" in capsys.readouterr().out
    arguments = ["assignment", "build", "x", "--exercises", "y", "--out", str(tmp_path)]
    assert cli.main(arguments, program="lessons", source=SOURCE) == 1
    assert capsys.readouterr().err.startswith("lessons: --exercises: y is neither")


@pytest.mark.parametrize("arguments", [[], ["grade"], ["grade", "x"], ["assignment"], ["frobnicate"]])
def test_invalid_command_line_exits_with_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2


def test_zero_workers_are_refused() -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["grade", "x", "--assignment", "y", "--out", "z", "--workers", "0"])
    assert end.value.code == 2


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["grade", "--help"])
    assert end.value.code == 0
    assert "run the same command again" in capsys.readouterr().out


@pytest.fixture
def assignment(isolation: bool, tmp_path: Path) -> list[str]:
    arguments = ["assignment", "build", "week-1", "--exercises", "predict-top", "--source", SOURCE]
    assert cli.main([*arguments, "--out", str(tmp_path / "week-1")]) == 0
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ada.ipynb").write_bytes((tmp_path / "week-1/source/week-1/week-1.ipynb").read_bytes())
    return ["grade", str(tmp_path / "in"), "--assignment", str(tmp_path / "week-1"), "--out", str(tmp_path / "out")]


def test_undecodable_text_in_one_submission_leaves_the_reports_whole(
    assignment: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Texts that no file can hold, in an error and in the name of a student."""
    if sandbox.obstacle():
        assignment = [*assignment, "--unsafe"]
    notebook = json.loads((tmp_path / "in" / "ada.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["metadata"]["nbgrader"]["grade_id"] == "predict-top":
            cell["source"] = "raise ValueError('\\ud800' + chr(0))"
    (tmp_path / "in" / "bob.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    os.mkdir(os.fsencode(tmp_path / "in") + b"/c\xe9sar")
    assert cli.main(assignment) == 0
    text = (tmp_path / "out" / "grades.csv").read_text(encoding="utf-8")
    assert [row.split(",")[3] for row in text.splitlines()[1:]] == ["ada", "bob", "césar"]
    assert len(list((tmp_path / "out" / "feedback").iterdir())) == 3


def test_grading_is_refused_without_isolation(
    assignment: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sandbox, "obstacle", lambda: "namespaces are forbidden; to allow them: sudo sysctl")
    assert cli.main(assignment) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert "cannot be isolated here: namespaces are forbidden; to allow them: sudo sysctl" in error
    assert not (tmp_path / "out").exists()


def test_grading_is_refused_with_and_without_isolation_where_there_is_no_linux(
    assignment: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    for options in ([], ["--unsafe"]):
        assert cli.main([*assignment, *options]) == 1
        (error,) = capsys.readouterr().err.splitlines()
        assert "grading needs Linux" in error


def test_output_folder_that_students_can_read_is_refused(
    assignment: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sandbox, "obstacle", lambda: None)
    inside = os.path.join(sys.prefix, "grades")
    assert cli.main([*assignment[:-1], inside]) == 1
    assert "students' code can read this folder" in capsys.readouterr().err
    assert not os.path.exists(inside)


def test_unsafe_grading_warns_and_gives_the_same_marks(
    assignment: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sandbox, "obstacle", lambda: "namespaces are forbidden")
    assert cli.main([*assignment, "--unsafe"]) == 0
    assert "--unsafe" in capsys.readouterr().err
    assert "week-1,,,ada,,,,3,0,3,3" in (tmp_path / "out" / "grades.csv").read_text(encoding="utf-8")
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0, "marks are nobody else's business"


def test_late_archive_adds_to_the_tables_and_says_what_changed(
    assignment: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if sandbox.obstacle():
        assignment = [*assignment, "--unsafe"]

    def scores() -> dict[str, str]:
        text = (tmp_path / "out" / "grades.csv").read_text(encoding="utf-8")
        return {row.split(",")[3]: row.split(",")[9] for row in text.splitlines()[1:]}

    (tmp_path / "in" / "cid.ipynb").write_text("{}", encoding="utf-8")
    assert cli.main(assignment) == 0
    assert scores() == {"ada": "3", "cid": "0"}
    late = tmp_path / "late"
    for student in ("bob", "cid"):
        (late / student).mkdir(parents=True)
        shutil.copy(tmp_path / "in" / "ada.ipynb", late / student / "week-1.ipynb")
    capsys.readouterr()
    roster = tmp_path / "roster.csv"
    roster.write_text("Username,Name\nada,Ada\nbob,Bob\ndora,Dora\n", encoding="utf-8")
    assert cli.main([assignment[0], str(late), *assignment[2:], "--roster", str(roster)]) == 0
    assert scores() == {"ada": "3", "bob": "3", "cid": "3", "Dora": ""}
    assert "cid: 3 points; an earlier run gave 0" in capsys.readouterr().err
    summary = (tmp_path / "out" / "summary.html").read_text(encoding="utf-8")
    assert summary.count("Not on the roster.") == summary.count("Nothing was handed in.") == 1
    assert {file.name.partition("-")[0] for file in (tmp_path / "out" / "feedback").iterdir()} == {"ada", "bob", "cid"}

    file = tmp_path / "week-1" / "assignment.json"
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert cli.main([assignment[0], str(late), *assignment[2:]]) == 0
    assert scores() == {"ada": "3", "bob": "3", "cid": "3", "Dora": ""}
    summary = (tmp_path / "out" / "summary.html").read_text(encoding="utf-8")
    assert summary.count("Graded earlier, and since then the assignment has changed.") == 1


@pytest.mark.usefixtures("needs_isolation")
def test_record_made_without_isolation_is_never_taken_over(
    assignment: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Such a run can have been told any mark."""
    shutil.copy(tmp_path / "in" / "ada.ipynb", tmp_path / "in" / "bob.ipynb")
    assert cli.main([*assignment, "--unsafe"]) == 0
    for file in (tmp_path / "out" / "records").iterdir():
        file.write_text(file.read_text(encoding="utf-8").replace('"score": 3', '"score": 99'), encoding="utf-8")
    (tmp_path / "in" / "bob.ipynb").unlink()
    capsys.readouterr()
    assert cli.main(assignment) == 0
    error = capsys.readouterr().err
    assert "graded again, because isolation was off: ada" in error
    assert "ada: 3 points; an earlier run gave 99" in error
    text = (tmp_path / "out" / "grades.csv").read_text(encoding="utf-8")
    assert [(row.split(",")[3], row.split(",")[9]) for row in text.splitlines()[1:]] == [("ada", "3"), ("bob", "")]
    summary = (tmp_path / "out" / "summary.html").read_text(encoding="utf-8")
    assert "Graded earlier, which does not count, because isolation was off." in summary


def test_nothing_is_replaced_without_a_copy(assignment: list[str], tmp_path: Path) -> None:
    if sandbox.obstacle():
        assignment = [*assignment, "--unsafe"]
    assert cli.main(assignment) == 0
    out = tmp_path / "out"
    (out / "grades.csv").write_text("corrected by hand", encoding="utf-8")
    (tmp_path / "in" / "ada.ipynb").write_text("{}", encoding="utf-8")
    assert cli.main(assignment) == 0
    kept = sorted(file.relative_to(out / "earlier").as_posix() for file in (out / "earlier").rglob("*.*"))
    time = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d"
    names = ["canvas.T.csv", "dated.T.json", r"feedback/ada-\w+.T.html", "grades.T.csv", "items.T.csv", "moodle.T.csv"]
    names += ["points.T.csv", r"records/ada-\w+.T.json", "summary.T.html"]
    assert len(kept) == len(names)
    assert all(re.fullmatch(name.replace("T", time), file) for name, file in zip(names, kept, strict=True)), kept
    assert (out / "earlier" / kept[3]).read_text(encoding="utf-8") == "corrected by hand"


def test_copies_of_one_second_have_names_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.csv"
    for text in ("1", "1", "2", "3", "3"):
        files.write(file, text, root=tmp_path)
        os.utime(file, (0, 0))
    kept = sorted((tmp_path / "earlier" / "a").iterdir(), key=lambda path: len(path.name))
    assert [path.read_text(encoding="utf-8") for path in kept] == ["1", "2"]
    assert [path.name for path in file.parent.iterdir()] == ["b.csv"]


@pytest.mark.parametrize("size", [10, 3000])
def test_full_disk_leaves_the_old_file_whole_and_no_part_of_a_copy(tmp_path: Path, size: int) -> None:
    """Either the new file does not fit, or already the copy of the old one."""
    file = tmp_path / "a.csv"
    file.write_text("x" * size, encoding="utf-8")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match=r"a\.csv|earlier/a\..*\.csv") as error:
            files.write(file, "y" * 2000, root=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.errno == errno.EFBIG
    assert file.read_text(encoding="utf-8") == "x" * size
    assert [kept.stat().st_size for kept in (tmp_path / "earlier").iterdir()] == [size] * (size < 1000)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.csv"]


@pytest.mark.skipif(os.name != "posix", reason="needs the rights of Unix")
def test_solutions_are_for_their_owner_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "course" / "week-1"
    build = ["assignment", "build", "week-1", "--exercises", "predict-top", "--source", SOURCE, "--out", str(out)]
    before = os.umask(0o022)
    try:
        assert cli.main(build) == 0
        assert capsys.readouterr().err == ""
        private = [
            out,
            out / "assignment.json",
            out / "source",
            out / "source/week-1",
            out / "source/week-1/week-1.ipynb",
        ]
        assert [path.stat().st_mode & 0o077 for path in private] == [0] * 5
        assert (out / "release/week-1/week-1.ipynb").stat().st_mode & 0o777 == 0o644
        for path in private:
            path.chmod(0o755 if path.is_dir() else 0o644)
        assert cli.main(["grade", "nothing", "--assignment", str(out), "--out", str(out / "o"), "--unsafe"]) == 1
        assert f"{out / 'assignment.json'}: other users can open it (mode 644)" in capsys.readouterr().err
        assert cli.main([*build, "--exercises", "data-rescale"]) == 0
    finally:
        os.umask(before)
    error = capsys.readouterr().err
    assert (
        f"{out / 'source'}: other users can open it (mode 755), and it holds solutions; to keep them out: chmod 700"
        in error
    )
    assert f"{out / 'assignment.json'}: until now, other users could open this file" in error
    assert [path.stat().st_mode & 0o077 for path in private if path.is_file()] == [0] * 2
    assert {file.relative_to(out / "earlier").parts[0].split(".")[0] for file in (out / "earlier").rglob("*.*")} == {
        "assignment", "release", "source",
    }  # fmt: skip


LOOK = """
import locale, keras, matplotlib
seen = keras.config.floatx(), matplotlib.rcParams["font.size"], locale.getpreferredencoding(), __debug__
if seen != ("float32", 10, "utf-8", True):
    raise ValueError(seen)
"""


def test_hostile_settings_and_an_ascii_locale_change_no_mark_and_no_name(
    isolation: bool, tmp_path: Path, exercises: dict[str, Exercise]
) -> None:
    exercise = exercises["model-softmax"]
    build_assignment("week-1", [exercise], tmp_path / "week-1")
    notebook = make_notebook("week-1", [exercise], with_answers=True)
    next(cell for cell in notebook.cells if cell.metadata["nbgrader"]["grade_id"] == exercise.id).source += LOOK
    (tmp_path / "in").mkdir()
    nbformat.write(notebook, tmp_path / "in" / "Łukasz é.ipynb")
    for name, text in {
        ".keras/keras.json": '{"floatx": "float64", "image_data_format": "channels_first"}',
        ".config/matplotlib/matplotlibrc": "font.size: 30",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    variables = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        # With these, Python reads and writes ASCII, whatever locales the machine has.
        **{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
        **{"PYTHONOPTIMIZE": "1", "MPLBACKEND": "QtAgg", "KERAS_BACKEND": "torch"},
    }
    command = ["grade", "in", "--assignment", "week-1", "--out", "out", *["--unsafe"] * bool(sandbox.obstacle())]
    code = "import sys; from coursegrader.cli import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", code, *command], cwd=tmp_path, env=variables, check=True)
    assert "week-1,,,Łukasz é,,,,4,0,4,4" in (tmp_path / "out" / "grades.csv").read_text(encoding="utf-8")
