import json
import os
import re
import shutil
import tempfile
import time
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest

from coursegrader import submissions
from coursegrader.assignment import make_notebook
from coursegrader.exercises import Exercise
from coursegrader.platforms import canonical, split_label
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
    "week-1_ada_attempt_2026-11-20-10-00-00_week-1.ipynb": b"old",
    "week-1_ada_attempt_2026-11-21-10-00-00_solved.ipynb": b"1",
    "week-1_ada_attempt_2026-11-21-10-00-00.txt": b"a note",
    "week-1_b_o_b_attempt_2026-11-21-10-00-00_week-1.ipynb": b"2",
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
    assert all(s.problem for s in submissions.values() if s.notebook is None)


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
    assert student == "café"
    assert found(tmp_path)[student].notebook == b"1"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_archive_entry_affects_one_student(tmp_path: Path, method: Any) -> None:
    text = b" ".join(b"%d" % number for number in range(20_000))
    file = pack(tmp_path / "in.zip", {"ada.ipynb": text, "bob.ipynb": b"2"}, compression=method)
    content = bytearray(file.read_bytes())
    content[100:200] = b"\xff" * 100
    file.write_bytes(content)
    submissions = found(file)
    assert submissions["ada"].problem.startswith("ada.ipynb cannot be read")
    assert submissions["bob"].notebook == b"2"


def test_single_files_and_several_paths(tmp_path: Path) -> None:
    fill(tmp_path, {"a/ada.ipynb": b"1", "bob.ipynb": b"2"})
    assert set(found(tmp_path / "a", tmp_path / "bob.ipynb")) == {"ada", "bob"}


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_every_folder_is_a_student_whatever_is_in_it(tmp_path: Path, packed: bool) -> None:
    files = {
        "ada/week-1.ipynb": b"1", "bob/.ipynb_checkpoints/z.ipynb": b"0", "cid/.DS_Store": b"", "dora/a/b/c.txt": b"",
        "__MACOSX/ada/._week-1.ipynb": b"0", ".git/config": b"",
    }  # fmt: skip
    folder = fill(tmp_path / "in", files)
    (folder / "emil").mkdir()
    source = pack(tmp_path / "in.zip", {**files, "emil/": b""}) if packed else folder
    submissions = found(source)
    assert set(submissions) == {"ada", "bob", "cid", "dora", "emil"}
    assert submissions["emil"].problem == submissions["cid"].problem == "No notebook was handed in."
    assert submissions["dora"].problem == "No notebook was handed in, only c.txt."


def test_links_pipes_and_what_cannot_be_read_cost_their_owner_alone(tmp_path: Path) -> None:
    secret = fill(tmp_path / "secret", {"week-1.ipynb": b"not mine"})
    folder = fill(
        tmp_path / "in", {"ada/week-1.ipynb": b"1", "bob/y.txt": b"", "cid/x.ipynb": b"", "emil/x.ipynb": b""}
    )
    (folder / "bob" / "week-1.ipynb").symlink_to(secret / "week-1.ipynb")
    (folder / "bob" / "more").symlink_to(secret)
    (folder / "dora").symlink_to(secret)
    (folder / "cid" / "x.ipynb").unlink()
    os.mkfifo(folder / "cid" / "x.ipynb")
    deep = folder / "emil"
    for _ in range(40):
        deep = deep / "d"
        deep.mkdir()
    (deep / "week-1.ipynb").write_bytes(b"too deep")
    submissions = found(folder)
    assert {s.student: s.notebook for s in submissions.values()} == {
        "ada": b"1", "bob": None, "cid": None, "dora": None, "emil": b"",
    }  # fmt: skip
    assert "week-1.ipynb is no file: a link." in submissions["bob"].problem
    assert "x.ipynb is no file: a pipe or a device." in submissions["cid"].problem
    assert "dora is no file: a link." in submissions["dora"].problem
    assert submissions["emil"].problem == "Folders are nested too deeply to be read."


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become a user who may not read a folder")
def test_folder_that_cannot_be_read_costs_its_owner_alone(tmp_path: Path) -> None:
    folder = fill(tmp_path, {"ada/week-1.ipynb": b"1", "bob/week-1.ipynb": b"2", "cid/a/week-1.ipynb": b"3"})
    for name in ("bob", "cid/a"):
        (folder / name).chmod(0)
    for place in (folder, *folder.parents):
        if Path(tempfile.gettempdir()) in place.parents:
            place.chmod(0o755)
    os.seteuid(65534)
    try:
        submissions = found(folder)
    finally:
        os.seteuid(0)
    assert submissions["ada"].notebook == b"1"
    for student in ("bob", "cid"):
        assert "A folder cannot be read: Permission denied." in submissions[student].problem


@pytest.mark.parametrize("swap", ["link", "linked folder", "pipe", "folder"])
def test_file_swapped_after_listing_is_not_read(tmp_path: Path, swap: str) -> None:
    """Between listing a class and reading a notebook lies the grading of everyone before."""
    secret = fill(tmp_path / "secret", {"week-1.ipynb": b"the solution"})
    notebook = fill(tmp_path / "in", {"ada/week-1.ipynb": b"1", "bob/week-1.ipynb": b"2"}) / "ada" / "week-1.ipynb"
    read = {call.args[0]: call for call in find_submissions([tmp_path / "in"])}  # type: ignore[attr-defined]
    notebook.unlink()
    if swap == "link":
        notebook.symlink_to(secret / "week-1.ipynb")
    elif swap == "linked folder":
        notebook.parent.rmdir()
        notebook.parent.symlink_to(secret)
    elif swap == "pipe":
        os.mkfifo(notebook)
    else:
        notebook.mkdir()
    assert read["ada"]().notebook is None
    assert "week-1.ipynb cannot be read" in read["ada"]().problem
    assert read["bob"]().notebook == b"2"


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_submission_that_is_too_large_is_not_read(tmp_path: Path, packed: bool) -> None:
    file = tmp_path / "in" / "ada.ipynb"
    file.parent.mkdir()
    with file.open("wb") as stream:
        stream.truncate(51 << 20)
    source = file.parent
    if packed:
        source = tmp_path / "in.zip"
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(file, "ada.ipynb")
    assert found(source)["ada"].problem == "ada.ipynb cannot be read: it is larger than 50 MB."


def work(exercise: Exercise, *, answered: bool = True, outputs: int = 0) -> bytes:
    notebook = make_notebook("week-1", [exercise], with_answers=answered)
    notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text="x" * outputs)] if outputs else []
    return json.dumps(notebook).encode()


@pytest.mark.parametrize(
    ("solved", "blank"),
    [
        ("Week-1.ipynb", "scratch.ipynb"),
        ("week-1-solved.ipynb", "week-1.ipynb"),
        ("week-1-1.ipynb", "week-1.ipynb"),
        ("week-1.ipynb", "week-1-1.ipynb"),
        ("Copy of week-1.ipynb", "Untitled.ipynb"),
        ("week_1.ipynb", "zz.ipynb"),
        ("week-1.zip", "week-1.ipynb"),
    ],
)
def test_notebook_with_answers_is_graded_rather_than_a_blank_one(
    tmp_path: Path, exercises: dict[str, Exercise], solved: str, blank: str
) -> None:
    exercise = exercises["model-softmax"]
    full, empty = work(exercise), work(exercise, answered=False)
    content = pack(tmp_path / "x.zip", {"a/week-1.ipynb": full}).read_bytes() if solved.endswith("zip") else full
    folder = fill(tmp_path / "in", {f"ada/{solved}": content, f"ada/{blank}": empty, "bob/week-1.ipynb": empty})
    submissions = {s.student: s for s in (read() for read in find([folder], exercise))}
    assert submissions["ada"].notebook == full
    assert re.fullmatch(
        r"Of several notebooks, .*week.1.*ipynb was graded, not .*ipynb\.", submissions["ada"].problem, re.I
    )
    assert (submissions["bob"].notebook, submissions["bob"].problem) == (empty, "")


def find(paths: list[Path], exercise: Exercise) -> Any:
    return find_submissions(paths, assignment="week-1", exercises=[exercise])


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("week-1 (9).ipynb", "week-1 (10).ipynb"),
        ("week-1.ipynb", "week-1-2.ipynb"),
        ("week-1-old.ipynb", "week-1.ipynb"),
        ("scratch 2.ipynb", "week 1 by ada.ipynb"),
        ("a 99.ipynb", "a 100.ipynb"),
    ],
)
def test_last_of_several_solved_notebooks_is_graded(
    tmp_path: Path, exercises: dict[str, Exercise], first: str, last: str
) -> None:
    exercise = exercises["model-softmax"]
    folder = fill(tmp_path, {f"ada/{first}": work(exercise, outputs=1), f"ada/{last}": work(exercise), "bob/x": b""})
    (submission,) = (s for s in (read() for read in find([folder], exercise)) if s.student == "ada")
    assert submission.notebook == work(exercise)
    assert submission.problem == f"Of several notebooks, {last} was graded, not {first}."


def test_notebook_of_blank_lines_is_looked_into_quickly(tmp_path: Path, exercises: dict[str, Exercise]) -> None:
    exercise = exercises["model-softmax"]
    long = json.loads(work(exercise, answered=False))
    for blank in ("\n", " ", " \n"):
        code = f"x{blank * 300_000}def{blank * 300_000}x"
        long["cells"].append({"cell_type": "code", "metadata": {}, "source": code})
    files = {"ada/1.ipynb": work(exercise), "ada/week-1.ipynb": json.dumps(long).encode()}
    start = time.monotonic()
    (read,) = find([fill(tmp_path, files)], exercise)
    assert read().notebook == work(exercise)
    assert time.monotonic() - start < 5


def test_file_of_canvas_with_the_greater_number_is_later(tmp_path: Path) -> None:
    files = {"ada_101_999_week-1.ipynb": b"1", "ada_101_1000_week-1.ipynb": b"2", "bob_102_998_week-1.ipynb": b"3"}
    files |= {"cid_103_997_week-1.ipynb": b"4", "cid_103_1001_about week-1.ipynb": b"5"}
    submissions = found(fill(tmp_path, files))
    assert (submissions["ada (101)"].notebook, submissions["cid (103)"].notebook) == (b"2", b"4")


def test_answer_in_a_cell_of_its_own_counts_and_scratch_does_not(
    tmp_path: Path, exercises: dict[str, Exercise]
) -> None:
    exercise = exercises["model-softmax"]
    named, scratch = json.loads(work(exercise, answered=False)), json.loads(work(exercise, answered=False))
    named["cells"].append({"cell_type": "code", "metadata": {}, "source": ["def softmax(scores):\n", "    return 1"]})
    scratch["cells"].append({"cell_type": "code", "metadata": {}, "source": "1 + 1"})
    files = {"ada/old.ipynb": json.dumps(named).encode(), "ada/week-1.ipynb": json.dumps(scratch).encode()}
    (read,) = find([fill(tmp_path, files)], exercise)
    assert read().problem == "Of several notebooks, old.ipynb was graded, not week-1.ipynb."


def test_several_archives_give_one_row_and_the_same_in_any_order(
    tmp_path: Path, exercises: dict[str, Exercise]
) -> None:
    """Also when one writes the name in another Unicode form, or it was changed between them."""
    exercise = exercises["model-softmax"]
    full, empty = work(exercise), work(exercise, answered=False)
    file = "{}_101_assignsubmission_file_/week-1.ipynb".format
    early = pack(tmp_path / "early.zip", {file("Zoë Müller"): full, "Bob_102_assignsubmission_file_/x.ipynb": full})
    late = pack(tmp_path / "late.zip", {file(unicodedata.normalize("NFD", "Zoë Müller")): empty})
    married = pack(tmp_path / "late-2.zip", {file("Zoë Meier"): empty})
    for paths in ([early, late], [late, early]):
        submissions = {s.student: s for s in (read() for read in find(paths, exercise))}
        assert set(submissions) == {"Bob (102)", "Zoë Müller (101)"}
        assert submissions["Zoë Müller (101)"].notebook == full
        assert (
            submissions["Zoë Müller (101)"].problem
            == "Of several notebooks, early.zip/week-1.ipynb was graded, not late.zip/week-1.ipynb."
        )
    (bob, zoe) = (read() for read in find([married, early], exercise))
    assert bob.student == "Bob (102)"
    assert (zoe.student, zoe.notebook) == ("Zoë Meier (101)", full)
    assert zoe.problem.endswith("This id also came with another name: Zoë Müller (101).")


def test_later_attempt_of_two_archives_counts_in_any_order(tmp_path: Path, exercises: dict[str, Exercise]) -> None:
    """By its time, where the platform writes one, whatever the archives are called; else by the archive's name."""
    exercise = exercises["model-softmax"]
    first, second = work(exercise), work(exercise, outputs=1)
    attempt = "week-1_ada_attempt_2026-01-{}-15-00-00_week-1.ipynb".format
    late = pack(tmp_path / "a.zip", {attempt(31): second, attempt(30).replace("ada", "bob"): second})
    early = pack(tmp_path / "b.zip", {attempt(30): first})
    moodle = {"Ada_101_assignsubmission_file_/week-1.ipynb": first}
    again = pack(tmp_path / "all (10).zip", dict.fromkeys(moodle, second))
    before = pack(tmp_path / "all (9).zip", moodle)
    for paths in ([late, early], [early, late], [again, before], [before, again]):
        ada = next(s for s in (read() for read in find(paths, exercise)) if s.student.casefold().startswith("ada"))
        assert ada.notebook == second


def test_archive_of_a_student_is_read(tmp_path: Path) -> None:
    inner = pack(tmp_path / "a.zip", {"week-1/week-1.ipynb": b"1", "__MACOSX/week-1/._week-1.ipynb": b"0"})
    outer = pack(tmp_path / "b.zip", {"a.zip": inner.read_bytes()})
    files = {
        "Ada_101_assignsubmission_file_/week-1.zip": inner.read_bytes(),
        "Bob_102_assignsubmission_file_/b.zip": outer.read_bytes(),
        "Cid_103_assignsubmission_file_/week-1.zip": b"{}",
        "Dora_104_assignsubmission_file_/week-1.zip": b"PK\x01\x02" * 20_000,
    }
    submissions = found(pack(tmp_path / "in.zip", files))
    assert {s.student: s.notebook for s in submissions.values()} == {
        "Ada (101)": b"1", "Bob (102)": b"1", "Cid (103)": None, "Dora (104)": None,
    }  # fmt: skip
    assert "week-1.zip cannot be read: File is not a zip file." in submissions["Cid (103)"].problem
    assert "it holds more than 10000 files" in submissions["Dora (104)"].problem


def test_archives_that_unpack_without_end_cost_their_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "MAX_ARCHIVE", 100_000)
    bomb = pack(tmp_path / "a.zip", {f"{n}.zip": bytes(90_000) for n in range(50)}, compression=zipfile.ZIP_DEFLATED)
    folder = fill(tmp_path / "in", {"ada/a.zip": bomb.read_bytes(), "bob/x.ipynb": b"2"})
    for number in range(30):
        shutil.copy(bomb, folder / "ada" / f"b{number}.zip")
    assert "the archives are larger than" in found(folder)["ada"].problem
    assert found(folder)["bob"].notebook == b"2"


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("x.ipynb", bytes(100), {"compression": zipfile.ZIP_BZIP2}),  # 1,200 bytes can hold 1.6 GB
        ("x.ipynb", bytes(100), {"compression": zipfile.ZIP_LZMA}),
        ("\u0301\u0323" * 8000, b"", {}),
    ],
    ids=["bzip2", "lzma", "long names"],
)
def test_archive_that_takes_long_or_much_memory_to_read_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, options: Any
) -> None:
    monkeypatch.setattr(submissions, "MAX_NAMES", 10_000)
    inner = pack(tmp_path / "a.zip", {name: content}, **options).read_bytes()
    submission = found(fill(tmp_path / "in", {"ada/a.zip": inner, "bob/x.ipynb": b"2"}))["ada"]
    assert re.match(r"No notebook .* a\.zip cannot be read: (expected files packed|the names)", submission.problem)


def test_name_that_takes_long_to_normalize_is_cut() -> None:
    """The time grows by the square of the number of accents, 5 s for 32,000."""
    assert len(canonical("a" + "\u0301\u0323" * 16_000)) < 260


def test_notebook_with_a_list_as_an_id_costs_its_owner_alone(tmp_path: Path, exercises: dict[str, Exercise]) -> None:
    exercise = exercises["model-softmax"]
    odd = {"cells": [{"cell_type": "code", "metadata": {"nbgrader": {"grade_id": []}}, "source": "x"}]}
    files = {"ada/2.ipynb": json.dumps(odd).encode(), "ada/1.ipynb": work(exercise), "bob/1.ipynb": b""}
    submissions = [read() for read in find([fill(tmp_path, files)], exercise)]
    assert [s.notebook for s in submissions] == [work(exercise), b""]


def test_metadata_of_gradescope_is_not_taken_from_a_student(tmp_path: Path) -> None:
    forged = b"Bob - week-1.ipynb:\n  :submitters:\n  - :name: Eve\n"
    files = {"Bob - week-1.ipynb": b"1", "Eve - week-1.ipynb": b"0", "submission_metadata.yml": forged}
    assert {s.student: s.notebook for s in found(fill(tmp_path, files)).values()} == {"Bob": b"1", "Eve": b"0"}


def test_metadata_of_gradescope_beside_other_files_is_not_read(tmp_path: Path) -> None:
    """Where students can add folders, one could put the metadata and a folder there, and so choose a name."""
    forged = b"submission_1:\n  :submitters:\n  - :name: Bob\n    :sid: '102'\n"
    files = {"Bob.ipynb": b"1", "submission_1/week-1.ipynb": b"0", "submission_metadata.yml": forged}
    assert {s.student: s.notebook for s in found(fill(tmp_path, files)).values()} == {"Bob": b"1", "submission_1": b"0"}


def test_what_is_read_as_an_export_is_said_and_can_be_denied(tmp_path: Path) -> None:
    fill(tmp_path / "in", MOODLE)
    lines: list[str] = []
    find_submissions([tmp_path / "in"], assignment="week-1", tell=lines.append)
    assert lines == [f"{tmp_path / 'in'}: read as an export of Moodle"]
    plain = find_submissions([tmp_path / "in"], assignment="week-1", tell=lines.append, platform="plain")
    assert len(lines) == 1
    assert {split_label(read().student)[1] for read in plain} == {""}
    (tmp_path / "in" / "Eve.ipynb").write_bytes(b"4")
    with pytest.raises(ValueError, match=r"in: most names are like those of Moodle.*'Eve.ipynb'"):
        find_submissions([tmp_path / "in"], assignment="week-1")
    moodle = find_submissions([tmp_path / "in"], assignment="week-1", platform="moodle")
    assert {read().student for read in moodle} == {"Ada Lovelace (101)", "Bob O'Neill (102)", "Eve", "Çid (103)"}


def test_gradescope_gives_a_row_to_each_member_of_a_group(tmp_path: Path) -> None:
    submitters = {1: ["Ada"], 2: ["Bob", "Cid"]}
    metadata = "".join(
        f"submission_{number}:\n  :submitters:\n"
        + "".join(f"  - :name: {name}\n    :sid: '{name}1'\n" for name in group)
        for number, group in submitters.items()
    )
    files = {"submission_metadata.yml": metadata.encode(), "submission_1/a.ipynb": b"1", "submission_2/b.ipynb": b"2"}
    packed = pack(tmp_path / "in.zip", {f"assignment_9100_export/{name}": text for name, text in files.items()})
    assert {s.student: s.notebook for s in found(packed).values()} == {
        "Ada (Ada1)": b"1", "Bob (Bob1)": b"2", "Cid (Cid1)": b"2",
    }  # fmt: skip


@pytest.mark.parametrize(
    "damage", [(b"submission_1:", b"submission_7:"), (b"export/submission_metadata", b"export/submission_metadatb")]
)
def test_damaged_metadata_of_gradescope_costs_its_own_archive_only(tmp_path: Path, damage: Any) -> None:
    metadata = b"submission_1:\n  :submitters:\n  - :name: Ada\n"
    files = {"export/submission_metadata.yml": metadata, "export/submission_1/a.ipynb": b"1"}
    damaged, whole = pack(tmp_path / "damaged.zip", files), fill(tmp_path / "in", {"bob.ipynb": b"2"})
    old, new = damage
    damaged.write_bytes(damaged.read_bytes().replace(old, new, 1))  # the checksum and the list at the end stay
    submissions = found(damaged, whole)
    assert {name: s.notebook for name, s in submissions.items()} == {"submission_1": b"1", "bob": b"2"}
    assert "submission_metadata.yml cannot be read, so names are unknown" in submissions["submission_1"].problem
    assert submissions["bob"].problem == ""


def test_repositories_of_github_classroom_are_read(tmp_path: Path) -> None:
    files = {"week-1-ada/week-1.ipynb": b"1", "week-1-ada/.git/x.ipynb": b"0", "week-1-bob-b/src/week-1.ipynb": b"2"}
    folder = fill(tmp_path / "week-1-submissions", files)
    assert {s.student: s.notebook for s in found(folder.parent).values()} == {"ada": b"1", "bob-b": b"2"}


def test_notebook_downloaded_alone_is_not_read_as_a_platforms(tmp_path: Path) -> None:
    """Its name is the student's choice, and this one would take the place of Bob's."""
    fill(tmp_path, {"Bob_102_assignsubmission_file_week-1.ipynb": b"1"})
    (student,) = found(tmp_path / "Bob_102_assignsubmission_file_week-1.ipynb")
    assert split_label(student)[1] == ""


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("utf-8", ["Zoë", "Jörg", "李雷", "Łukasz"]),
        ("gb2312", ["李雷", "韩梅梅", "Ada"]),
        ("cp850", ["Müller", "Möller", "Ångström", "Ada"]),
        ("cp1252", ["Müller", "Möller", "Núñez", "Ada"]),
    ],
)
def test_names_of_archives_without_an_encoding_are_as_written(tmp_path: Path, encoding: str, names: list[str]) -> None:
    """Archives made by older programs do not say how names are encoded, and Python takes them for English."""
    places = {
        f"{name}/week-1.ipynb": f"{number:03}{'-' * len(name.encode(encoding))}" for number, name in enumerate(names)
    }
    content = pack(tmp_path / "in.zip", {f"{key}/week-1.ipynb": b"1" for key in places.values()}).read_bytes()
    for name, place in zip(names, places.values(), strict=True):
        raw = name.encode(encoding)
        content = content.replace(place.encode(), raw + b" " * (len(place) - len(raw)))
    (tmp_path / "in.zip").write_bytes(content)
    assert {student.strip() for student in found(tmp_path / "in.zip")} == set(names)


def test_lying_archive_entry_affects_one_student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "in.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ada.ipynb", b"x" * 100)
        archive.writestr("bob.ipynb", b"2")
    file.write_bytes(file.read_bytes().replace(b"x" * 100, b"y" * 100))
    submissions = found(file)
    assert submissions["ada"].problem.startswith("ada.ipynb cannot be read")
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


STAMPED = {
    "ada/week-1/week-1.ipynb": b"1",
    "ada/week-1/timestamp.txt": b"2026-01-30 15:00:00.123 UTC",
    "bob/week-1/week-1.ipynb": b"2",
    "bob/week-1/timestamp.txt": b"\xff yesterday",
    "cid/week-1/notes.txt": b"3",
    "cid/week-1/timestamp.txt": b"2026-01-31 15:00:00 -0500",
}
# A time that a student wrote into the files that she handed in
FORGED = {"Ada_101_assignsubmission_file_/week-1/" + name: text for name, text in {
    "week-1.ipynb": b"1", "timestamp.txt": b"2020-01-30 15:00:00 UTC"
}.items()}  # fmt: skip
BRIGHTSPACE = {"1-2 - Ada Lovelace - Jan 30, 2026 300 PM/week-1.ipynb": b"1"}


@pytest.mark.parametrize(
    ("files", "times"),
    [
        (STAMPED, {"ada": "2026-01-30T15:00:00+00:00", "bob": "", "cid": "2026-01-31T15:00:00-05:00"}),
        (COLLECTED, {"ada": "2026-11-21T10:00:00", "b_o_b": "2026-11-21T10:00:00"}),
        (BRIGHTSPACE, {"Ada Lovelace (1)": "2026-01-30T15:00:00"}),
        (FORGED, {"Ada (101)": ""}),
        (CANVAS, {"lovelaceada (101)": "", "oneillbob (102)": ""}),
    ],
    ids=["nbgrader", "Blackboard", "Brightspace", "forged", "Canvas"],
)
def test_time_of_handing_in_is_what_the_platform_writes(tmp_path: Path, files: Any, times: dict[str, str]) -> None:
    submissions = found(pack(tmp_path / "in.zip", files))
    assert {student: s.handed_in for student, s in submissions.items()} == times


def test_canvas_alone_marks_late_work(tmp_path: Path) -> None:
    inner = pack(tmp_path / "work.zip", {"week-1.ipynb": b"3"}).read_bytes()
    files = {**CANVAS, "curie_LATE_103_9003_work.zip": inner}
    marks = {student: s.late for student, s in found(pack(tmp_path / "in.zip", files)).items()}
    assert marks == {"lovelaceada (101)": False, "oneillbob (102)": True, "curie (103)": True}
    assert {s.late for s in found(pack(tmp_path / "in.zip", COLLECTED)).values()} == {None}


def test_later_of_two_folders_of_nbgrader_counts_in_any_order(tmp_path: Path) -> None:
    late = {**STAMPED, "ada/week-1/week-1.ipynb": b"late", "ada/week-1/timestamp.txt": b"2026-02-01 15:00:00 UTC"}
    first, second = pack(tmp_path / "b.zip", STAMPED), pack(tmp_path / "a.zip", late)
    for order in ([first, second], [second, first]):
        ada = found(*order)["ada"]
        assert (ada.notebook, ada.handed_in) == (b"late", "2026-02-01T15:00:00+00:00")


def test_gradescope_names_the_time_of_a_submission(tmp_path: Path) -> None:
    metadata = """submission_1:
  :submitters:
  - :name: Ada
    :sid: A01
  - :name: Bob
    :sid: A02
  :created_at: 2026-01-30 15:00:00.123456000 Z
"""
    files = {"submission_1/week-1.ipynb": b"1", "submission_metadata.yml": metadata.encode()}
    times = {student: s.handed_in for student, s in found(pack(tmp_path / "in.zip", files)).items()}
    assert times == dict.fromkeys(["Ada (A01)", "Bob (A02)"], "2026-01-30T15:00:00+00:00")
