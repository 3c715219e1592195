import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from coursegrader import submissions
from coursegrader.submissions import find_submissions


def found(*paths: Any, assignment: str = "week-1") -> dict[str, Any]:
    return {s.student: s for s in (read() for read in find_submissions(list(paths), assignment=assignment))}


def fill(folder: Path, files: Any) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


NBGRADER = {"ada/week-1/week-1.ipynb": b"1", "bob/week-1/week-1.ipynb": b"2", "bob/week-1/timestamp.txt": b""}
COLLECTED = {
    "ada_week-1_attempt_2026-11-20-10-00-00_week-1.ipynb": b"old",
    "ada_week-1_attempt_2026-11-21-10-00-00_week-1.ipynb": b"1",
    "b_o_b_week-1_attempt_2026-11-21-10-00-00_week-1.ipynb": b"2",
}
MOODLE = {
    "Ada Lovelace_101_assignsubmission_file_/week-1.ipynb": b"1",
    "Bob O'Neill_102_assignsubmission_file_week-1.ipynb": b"2",
    "Çid_103_assignsubmission_file/notes.txt": b"3",
}
CANVAS = {"lovelaceada_101_9001_week-1.ipynb": b"1", "oneillbob_LATE_102_9002_week-1-2.ipynb": b"2"}


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
@pytest.mark.parametrize(
    ("files", "students"),
    [
        (NBGRADER, {"ada": b"1", "bob": b"2"}),
        (COLLECTED, {"ada": b"1", "b_o_b": b"2"}),
        (MOODLE, {"Ada Lovelace (101)": b"1", "Bob O'Neill (102)": b"2", "Çid (103)": None}),
        (CANVAS, {"lovelaceada (101)": b"1", "oneillbob (102)": b"2"}),
        ({"ada.ipynb": b"1", "bob.ipynb": b"2", "cid.pdf": b"3"}, {"ada": b"1", "bob": b"2", "cid.pdf": None}),
    ],
    ids=["nbgrader", "collected", "Moodle", "Canvas", "flat"],
)
def test_submissions_of_all_students_are_found(tmp_path: Path, files: Any, students: Any, packed: bool) -> None:
    source = fill(tmp_path / "in", files)
    if packed:
        source = tmp_path / "in.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    submissions = found(source)
    assert {student: s.notebook for student, s in submissions.items()} == students
    assert all((s.notebook is None) == bool(s.problem) for s in submissions.values())


def pack(file: Path, files: Any, **options: Any) -> Path:
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file


@pytest.mark.parametrize(
    ("files", "students"),
    [
        (NBGRADER, {"ada", "bob"}),
        (COLLECTED, {"ada", "b_o_b"}),
        (MOODLE, {"Ada Lovelace (101)", "Bob O'Neill (102)", "Çid (103)"}),
        (CANVAS, {"lovelaceada (101)", "oneillbob (102)"}),
        ({"ada.ipynb": b"1", "bob.ipynb": b"2"}, {"ada", "bob"}),
        ({"ada/x.ipynb": b"1", "bob/y.ipynb": b"2"}, {"ada", "bob"}),
        ({"ada/week-1/week-1.ipynb": b"1"}, {"ada"}),
    ],
    ids=["nbgrader", "collected", "Moodle", "Canvas", "flat", "folders", "one student"],
)
def test_folder_around_all_submissions_is_no_student(tmp_path: Path, files: Any, students: Any) -> None:
    """As in an archive of nbgrader's folder submitted: else the whole class were one student."""
    inside = {f"submitted/{name}": content for name, content in files.items()}
    assert set(found(pack(tmp_path / "in.zip", inside))) == students
    fill(tmp_path / "in", inside)
    assert set(found(tmp_path / "in")) == students


@pytest.mark.parametrize(
    "files",
    [
        {"ada/week-1/week-1.ipynb": b"1", "ada/week-2/week-2.ipynb": b"2", "ada/week-3/week-3.ipynb": b"3"},
        {"ada/week-1.ipynb": b"1", "ada/scratch.ipynb": b"2"},
        {"Ada_101_assignsubmission_file_/a.ipynb": b"1", "Ada_101_assignsubmission_file_/b.ipynb": b"2"},
        {"ada/notes.ipynb": b"1"},
    ],
    ids=["all weeks", "two notebooks", "Moodle", "one notebook"],
)
def test_folder_of_the_only_student_is_a_student(tmp_path: Path, files: Any) -> None:
    assert len(found(pack(tmp_path / "in.zip", files))) == 1


@pytest.mark.parametrize(
    "files",
    [
        {"ada/week-1/week-1.ipynb": b"1", "ada/week-2/week-2.ipynb": b"2"},
        {"ada/week-1/solved.ipynb": b"1", "ada/week-10/week-10.ipynb": b"2"},
        {"ada/week-1.ipynb": b"1", "ada/zz.ipynb": b"2"},
        {"ada/week-1 (3).ipynb": b"1", "ada/week-10.ipynb": b"2", "ada/week-2.ipynb": b"2"},
        {"ada/aa.ipynb": b"2", "ada/zz.ipynb": b"1"},
    ],
)
def test_notebook_named_like_the_assignment_is_taken(tmp_path: Path, files: Any) -> None:
    assert found(fill(tmp_path, {**files, "bob/week-1.ipynb": b"2"}))["ada"].notebook == b"1"


def test_endings_added_by_browsers_and_systems_are_notebooks(tmp_path: Path) -> None:
    files = {"ada/W.IPYNB": b"1", "bob/w.ipynb.json": b"1", "cid/w.ipynb.txt": b"1", "dora.ipynb.txt": b"1"}
    assert {s.student: s.notebook for s in found(fill(tmp_path, files)).values()} == dict.fromkeys(
        ["ada", "bob", "cid", "dora"], b"1"
    )
    assert set(found(tmp_path / "dora.ipynb.txt")) == {"dora"}


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_files_of_operating_systems_are_ignored(tmp_path: Path, packed: bool) -> None:
    clutter = {".DS_Store": b"", "__MACOSX/ada/._week-1.ipynb": b"", "ada/._week-1.ipynb": b"0", "Thumbs.db": b""}
    files = {**clutter, "ada/week-1.ipynb": b"1", "bob/week-1.ipynb": b"2"}
    source = pack(tmp_path / "in.zip", files) if packed else fill(tmp_path / "in", files)
    assert {s.student: s.notebook for s in found(source).values()} == {"ada": b"1", "bob": b"2"}


def test_archives_with_backslashes_and_dots_are_read(tmp_path: Path) -> None:
    files = {"ada\\week-1.ipynb": b"1", "./bob/week-1.ipynb": b"2", "/cid/week-1.ipynb": b"3"}
    assert set(found(pack(tmp_path / "in.zip", files))) == {"ada", "bob", "cid"}


def test_student_names_of_any_bytes_are_writable_text(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    with open(folder + b"/week-1.ipynb", "wb") as stream:
        stream.write(b"1")
    (student,) = found(tmp_path)
    assert student == "caf\N{REPLACEMENT CHARACTER}"
    assert found(tmp_path)[student].notebook == b"1"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_archive_entry_affects_one_student(tmp_path: Path, method: Any) -> None:
    text = b" ".join(b"%d" % number for number in range(20_000))
    file = pack(tmp_path / "in.zip", {"ada.ipynb": text, "bob.ipynb": b"2"}, compression=method)
    content = bytearray(file.read_bytes())
    content[100:200] = b"\xff" * 100
    file.write_bytes(content)
    submissions = found(file)
    assert submissions["ada"].problem.startswith("The notebook cannot be read")
    assert submissions["bob"].notebook == b"2"


def test_single_files_and_several_paths(tmp_path: Path) -> None:
    fill(tmp_path, {"a/ada.ipynb": b"1", "bob.ipynb": b"2"})
    assert set(found(tmp_path / "a", tmp_path / "bob.ipynb")) == {"ada", "bob"}


def test_empty_folder_is_a_student_without_submission(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    fill(tmp_path, {"bob/x.ipynb": b"2"})
    assert found(tmp_path)["ada"].problem == "No notebook was handed in."


def test_checkpoints_and_links_are_ignored(tmp_path: Path) -> None:
    secret = fill(tmp_path / "secret", {"x.ipynb": b"not mine"})
    folder = fill(tmp_path / "in", {"ada/x.ipynb": b"1", "ada/.ipynb_checkpoints/z.ipynb": b"0", "bob/y.txt": b""})
    (folder / "bob" / "x.ipynb").symlink_to(secret / "x.ipynb")
    submissions = found(folder)
    assert submissions["ada"].notebook == b"1"
    assert submissions["bob"].notebook is None


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_submission_that_is_too_large_is_not_read(tmp_path: Path, packed: bool) -> None:
    file = tmp_path / "in" / "ada.ipynb"
    file.parent.mkdir()
    with file.open("wb") as stream:
        stream.truncate(200 << 20)
    source = file.parent
    if packed:
        source = tmp_path / "in.zip"
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(file, "ada.ipynb")
    assert found(source)["ada"].problem == "The notebook is larger than 20 MB."


def test_lying_archive_entry_affects_one_student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "in.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ada.ipynb", b"x" * 100)
        archive.writestr("bob.ipynb", b"2")
    file.write_bytes(file.read_bytes().replace(b"x" * 100, b"y" * 100))
    submissions = found(file)
    assert submissions["ada"].problem.startswith("The notebook cannot be read")
    assert submissions["bob"].notebook == b"2"


def test_path_traversal_in_an_archive_is_only_a_name(tmp_path: Path) -> None:
    file = tmp_path / "in.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../ada.ipynb", b"1")
    assert set(found(file)) == {".."}
    assert list(tmp_path.iterdir()) == [file]


def test_digest_depends_on_student_and_content() -> None:
    made = [
        submissions.Submission("ada", b"1"),
        submissions.Submission("ada", b"2"),
        submissions.Submission("bob", b"1"),
        submissions.Submission("ada", None, "1"),
    ]
    assert len({submission.digest for submission in made}) == 4


def test_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_submissions([tmp_path / "nothing"])
    with pytest.raises(ValueError, match="found nothing"):
        find_submissions([tmp_path])
    (tmp_path / "x.zip").write_text("no archive", encoding="utf-8")
    with pytest.raises(ValueError, match="expected a zip archive"):
        find_submissions([tmp_path / "x.zip"])
    (tmp_path / "x.pdf").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="expected a folder, a zip archive or a notebook"):
        find_submissions([tmp_path / "x.pdf"])
