"""Find out who handed in what, in the folders and archives that learning platforms give."""

import functools
import hashlib
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 20 << 20

# `nbgrader zip_collect` takes the same shape: student_assignment_attempt_2026-11-22-10-00-00_file.ipynb
_COLLECTED = re.compile(r"(?P<student>.+?)_[^_]+_attempt_(?P<time>[\d-]+)_(?P<file>.+)")
# Moodle: a folder or a prefix "Full name_1234_assignsubmission_file"
_MOODLE = re.compile(r"(?P<student>.+?_\d+)_assignsubmission_(file|onlinetext)_?(?P<file>.*)")
# Canvas: name_LATE_user_submission_file.ipynb
_CANVAS = re.compile(r"(?P<student>[^_]+(_LATE)?_\d+)_\d+_(?P<file>.+)")


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    Attributes
    ----------
    student : str
        As the platform names the student.
    notebook : bytes or None
        The notebook's bytes; None if there is none that could be read.
    problem : str
        What is wrong, for the student to read; empty if nothing is.
    """

    student: str
    notebook: bytes | None
    problem: str = ""

    @property
    def digest(self) -> str:
        """A hash of all of it, by which a record knows what it was made from."""
        content = b"\0".join([self.student.encode(), self.problem.encode(), self.notebook or b""])
        return hashlib.sha256(content).hexdigest()


@dataclass
class _Entry:
    """A file somewhere: its path relative to what was handed in, its size, and how to read it."""

    path: tuple[str, ...]
    size: int
    read: Callable[[], bytes]


def find_submissions(paths: list[Path]) -> list[Callable[[], Submission]]:
    """Return for each student, in the order of their names, a function that reads what was handed in.

    Paths may be folders, zip archives and single notebooks.
    A folder holds a notebook for each student, or a folder for each: as nbgrader, Moodle and Canvas lay them out.
    Where a student handed in several notebooks, the last one counts (by the time in nbgrader's names, else by name).

    Raises
    ------
    FileNotFoundError
        A path does not exist.
    ValueError
        A file is neither a notebook nor a zip archive, or a path holds nothing.
    """
    entries: dict[str, list[_Entry]] = {}
    for path in paths:
        found = list(_entries(path))
        if not found:
            raise ValueError(f"{path}: expected submissions, found nothing")
        for entry in found:
            entries.setdefault(_student(entry.path), []).append(entry)
    return [functools.partial(_choose, student, entries[student]) for student in sorted(entries)]


def _entries(path: Path) -> Iterator[_Entry]:
    if path.is_dir():
        for child in sorted(path.rglob("*")):
            if child.is_file() and not child.is_symlink() and ".ipynb_checkpoints" not in child.parts:
                yield _Entry(child.relative_to(path).parts, child.stat().st_size, child.read_bytes)
            elif child.is_dir() and child.parent == path and not any(child.iterdir()):
                yield _Entry((child.name, ""), 0, lambda: b"")
    elif not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    elif path.suffix == ".zip":
        archive = zipfile.ZipFile(path)
        for info in archive.infolist():
            if not info.is_dir():
                read = functools.partial(archive.read, info)
                yield _Entry(tuple(info.filename.split("/")), info.file_size, read)
    elif path.suffix == ".ipynb":
        yield _Entry((path.name,), path.stat().st_size, path.read_bytes)
    else:
        raise ValueError(f"{path}: expected a folder, a zip archive or a notebook")


def _student(path: tuple[str, ...]) -> str:
    """Return whom a file is from, by the first part of its path."""
    first = path[0]
    if len(path) == 1:
        first = first.removesuffix(".ipynb")
    for shape in (_COLLECTED, _MOODLE, _CANVAS):
        if match := shape.fullmatch(path[0]):
            return match["student"].replace("_LATE", "")
    return first


def _choose(student: str, entries: list[_Entry]) -> Submission:
    notebooks = sorted((e for e in entries if e.path[-1].endswith(".ipynb")), key=lambda entry: entry.path)
    if not notebooks:
        return Submission(student, None, "No notebook was handed in.")
    chosen = notebooks[-1]
    if chosen.size > MAX_BYTES:
        return Submission(student, None, f"The notebook is larger than {MAX_BYTES >> 20} MB.")
    try:
        return Submission(student, chosen.read())
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:  # zipfile raises RuntimeError for encrypted files
        return Submission(student, None, f"The notebook cannot be read: {error}")
