import zipfile

import pytest

from mnist_lessons.grading import submissions
from mnist_lessons.grading.submissions import find_submissions


def found(*paths):
    return {s.student: s for s in (read() for read in find_submissions(list(paths)))}


def fill(folder, files):
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
        (MOODLE, {"Ada Lovelace_101": b"1", "Bob O'Neill_102": b"2", "Çid_103": None}),
        (CANVAS, {"lovelaceada_101": b"1", "oneillbob_102": b"2"}),
        ({"ada.ipynb": b"1", "bob.ipynb": b"2", "cid.pdf": b"3"}, {"ada": b"1", "bob": b"2", "cid.pdf": None}),
    ],
    ids=["nbgrader", "collected", "Moodle", "Canvas", "flat"],
)
def test_everyone_is_found(tmp_path, files, students, packed):
    source = fill(tmp_path / "in", files)
    if packed:
        source = tmp_path / "in.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    submissions = found(source)
    assert {student: s.notebook for student, s in submissions.items()} == students
    assert all((s.notebook is None) == bool(s.problem) for s in submissions.values())


def test_single_files_and_several_paths(tmp_path):
    fill(tmp_path, {"a/ada.ipynb": b"1", "bob.ipynb": b"2"})
    assert set(found(tmp_path / "a", tmp_path / "bob.ipynb")) == {"ada", "bob"}


def test_an_empty_folder_is_a_student_too(tmp_path):
    (tmp_path / "ada").mkdir()
    fill(tmp_path, {"bob/x.ipynb": b"2"})
    assert found(tmp_path)["ada"].problem == "No notebook was handed in."


def test_checkpoints_and_links_do_not_count(tmp_path):
    secret = fill(tmp_path / "secret", {"x.ipynb": b"not mine"})
    folder = fill(tmp_path / "in", {"ada/x.ipynb": b"1", "ada/.ipynb_checkpoints/z.ipynb": b"0", "bob/y.txt": b""})
    (folder / "bob" / "x.ipynb").symlink_to(secret / "x.ipynb")
    submissions = found(folder)
    assert submissions["ada"].notebook == b"1"
    assert submissions["bob"].notebook is None


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_what_is_too_large_is_not_read(tmp_path, packed):
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


def test_a_damaged_or_lying_archive_entry_is_a_problem_of_one(tmp_path, monkeypatch):
    file = tmp_path / "in.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ada.ipynb", b"x" * 100)
        archive.writestr("bob.ipynb", b"2")
    file.write_bytes(file.read_bytes().replace(b"x" * 100, b"y" * 100))
    submissions = found(file)
    assert submissions["ada"].problem.startswith("The notebook cannot be read")
    assert submissions["bob"].notebook == b"2"


def test_names_that_climb_out_are_only_names(tmp_path):
    file = tmp_path / "in.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../ada.ipynb", b"1")
    assert set(found(file)) == {".."}
    assert list(tmp_path.iterdir()) == [file]


def test_the_digest_knows_student_and_content():
    made = [
        submissions.Submission("ada", b"1"),
        submissions.Submission("ada", b"2"),
        submissions.Submission("bob", b"1"),
        submissions.Submission("ada", None, "1"),
    ]
    assert len({submission.digest for submission in made}) == 4


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        find_submissions([tmp_path / "nothing"])
    with pytest.raises(ValueError, match="found nothing"):
        find_submissions([tmp_path])
    (tmp_path / "x.pdf").write_text("")
    with pytest.raises(ValueError, match="expected a folder, a zip archive or a notebook"):
        find_submissions([tmp_path / "x.pdf"])
