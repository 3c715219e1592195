"""Find the submission of each student in the folders and archives that learning platforms export."""

import functools
import hashlib
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_BYTES = 20 << 20

# `nbgrader zip_collect` expects the same pattern: student_assignment_attempt_2026-11-22-10-00-00_file.ipynb
_COLLECTED = re.compile(r"(?P<student>.+?)_[^_]+_attempt_(?P<time>[\d-]+)_(?P<file>.+)")
# Moodle: a folder or a prefix "Full name_1234_assignsubmission_file"; the number is that of the participant
_MOODLE = re.compile(r"(?P<student>.+?)_(?P<number>\d+)_assignsubmission_(file|onlinetext)_?(?P<file>.*)")
# Canvas: name_LATE_user_submission_file.ipynb, user and submission being numbers
_CANVAS = re.compile(r"(?P<student>[^_]+)(_LATE)?_(?P<number>\d+)_\d+_(?P<file>.+)")
# Browsers and mail programs add endings of their own.
_NOTEBOOK = re.compile(r"(?P<stem>.*)\.ipynb(\.json|\.txt)?", re.IGNORECASE)
# Files that operating systems leave in folders and archives.
_CLUTTER = re.compile(r"__MACOSX|\..*|Thumbs\.db|desktop\.ini", re.IGNORECASE)


@dataclass(frozen=True)
class Submission:
    """The submission of one student.

    Attributes
    ----------
    student : str
        The student's name on the platform, followed by the platform's number in parentheses if there is one.
    notebook : bytes or None
        The notebook's bytes; None if there is no readable notebook.
    problem : str
        An error message for the student, or empty.
    """

    student: str
    notebook: bytes | None
    problem: str = ""

    @property
    def digest(self) -> str:
        """A hash of the submission, with which records name what they were made from."""
        content = b"\0".join([self.student.encode(), self.problem.encode(), self.notebook or b""])
        return hashlib.sha256(content).hexdigest()


@dataclass
class _Entry:
    """A file in a folder or archive: its relative path, its size, and how to read it."""

    path: tuple[str, ...]
    size: int
    read: Callable[[], bytes]


def find_submissions(paths: list[Path], *, assignment: str = "") -> list[Callable[[], Submission]]:
    """Return for each student, sorted by name, a function that reads the submission.

    Paths may be folders, zip archives and single notebooks.
    A folder contains one notebook or one folder per student, as in exports of nbgrader, Moodle and Canvas.
    Of several notebooks of a student, the one named like the `assignment`, or in a folder of that name, is graded; of
    several such notebooks the last one (by the time in nbgrader's file names, else by name).

    Raises
    ------
    FileNotFoundError
        A path does not exist.
    ValueError
        A file is neither a notebook nor a zip archive, or a path is empty.
    """
    entries: dict[str, list[_Entry]] = {}
    for path in paths:
        found = _unwrap(list(_entries(path)), assignment)
        if not found:
            raise ValueError(f"{path}: expected submissions, found nothing")
        for entry in found:
            entries.setdefault(_student(entry.path), []).append(entry)
    return [functools.partial(_choose, student, entries[student], assignment) for student in sorted(entries)]


def _entries(path: Path) -> Iterator[_Entry]:
    if path.is_dir():
        for child in sorted(path.rglob("*")):
            parts = child.relative_to(path).parts
            if _is_clutter(parts):
                continue
            if child.is_file() and not child.is_symlink():
                yield _Entry(_readable(parts), child.stat().st_size, child.read_bytes)
            elif child.is_dir() and len(parts) <= 2 and not any(child.iterdir()):
                yield _Entry((*_readable(parts), ""), 0, lambda: b"")
    elif not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    elif path.suffix.lower() == ".zip":
        try:
            archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise ValueError(f"{path}: expected a zip archive, and it cannot be read as one: {error}") from error
        for info in archive.infolist():
            names = info.filename.replace("\\", "/").split("/")  # some programs for Windows write backslashes
            parts = tuple(name for name in names if name not in ("", "."))
            if not info.is_dir() and not _is_clutter(parts):
                yield _Entry(_readable(parts), info.file_size, functools.partial(archive.read, info))
    elif _NOTEBOOK.fullmatch(path.name):
        yield _Entry(_readable((path.name,)), path.stat().st_size, path.read_bytes)
    else:
        raise ValueError(f"{path}: expected a folder, a zip archive or a notebook")


def _is_clutter(parts: tuple[str, ...]) -> bool:
    return any(_CLUTTER.fullmatch(part) and part != ".." for part in parts)


def _readable(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Return names that can be encoded as UTF-8; file names can contain any bytes."""
    return tuple(os.fsencode(part).decode("utf-8", errors="replace") for part in parts)


def _unwrap(entries: list[_Entry], assignment: str) -> list[_Entry]:
    """Remove a common folder around all students, such as ``submitted`` in a zipped course.

    The content decides whether a single top-level folder is such a folder or the submission of one student.
    """
    paths = [entry.path for entry in entries]
    shapes = (_COLLECTED, _MOODLE, _CANVAS)
    if len({path[0] for path in paths}) != 1 or any(len(path) == 1 for path in paths):
        return entries
    parts = {path[1] if len(path) > 2 else _stem(path[1]) for path in paths} - {""}
    if assignment in parts or any(shape.fullmatch(paths[0][0]) for shape in shapes):
        return entries  # student/assignment/notebook or student/notebook
    in_order = any(len(path) > 3 and path[2] == assignment for path in paths)
    from_platform = any(shape.fullmatch(path[1]) for shape in shapes for path in paths)
    if in_order or from_platform or len(parts) > 1:
        return [_Entry(entry.path[1:], entry.size, entry.read) for entry in entries]
    return entries


def _stem(name: str) -> str:
    """Return the name of a notebook without its extension, or an empty text for other files."""
    found = _NOTEBOOK.fullmatch(name)
    return found["stem"] if found else ""


def _student(path: tuple[str, ...]) -> str:
    """Return the student that a file is from, by the first part of its path."""
    first = path[0]
    if len(path) == 1:
        first = _stem(first) or first
    for shape in (_COLLECTED, _MOODLE, _CANVAS):
        if match := shape.fullmatch(path[0]):
            number = match.groupdict().get("number")
            return f"{match['student']} ({number})" if number else match["student"]
    return first


def _choose(student: str, entries: list[_Entry], assignment: str) -> Submission:
    notebooks = [entry for entry in entries if _NOTEBOOK.fullmatch(entry.path[-1])]
    if not notebooks:
        return Submission(student, None, "No notebook was handed in.")

    def rank(entry: _Entry) -> tuple[Any, ...]:
        return (*_fit(entry.path, assignment), entry.path)

    chosen = max(notebooks, key=rank)
    if chosen.size > MAX_BYTES:
        return Submission(student, None, f"The notebook is larger than {MAX_BYTES >> 20} MB.")
    try:
        return Submission(student, chosen.read())
    except Exception as error:  # from the file system, zipfile or a decompressor
        return Submission(student, None, f"The notebook cannot be read: {error}")


def _fit(path: tuple[str, ...], assignment: str) -> tuple[bool, bool, bool]:
    """Return whether a notebook is in the assignment's folder, has its name, or contains its name."""
    stem = _stem(path[-1])
    contained = re.search(rf"{re.escape(assignment)}(?!\d)", stem) is not None  # week-1 is not in week-10
    return assignment in path[:-1], stem == assignment, contained
