"""Find the submission of each student in the folders and archives that learning platforms export.

Nothing in them is trusted: links are not followed, only regular files are read, each once, and what cannot be read
costs its owner alone.
"""

import contextlib
import functools
import hashlib
import io
import json
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from coursegrader.exercises import Exercise
from coursegrader.platforms import (
    GRADESCOPE_FILE,
    NOTEBOOK,
    PLAIN,
    Origin,
    canonical,
    is_from_platform,
    is_named,
    read_gradescope,
    read_origins,
    recognize,
    simplify,
)
from coursegrader.times import read_time

MAX_BYTES = 50 << 20  # of a notebook
MAX_ARCHIVE = 100 << 20  # bytes of all archives that a student handed in
MAX_FILES = 10_000  # in a folder, or in an archive that a student handed in
MAX_NAMES = 4 << 20  # characters of the names of all files in such an archive
MAX_DEPTH = 16  # of folders
MAX_READ = 20  # notebooks of a student that are looked into for answers
MAX_SHOWN = 200  # characters of a file's name in a remark
MAX_LISTS = 1_000_000  # lists and objects in a notebook that is looked into
TIMESTAMP = "timestamp.txt"  # in which nbgrader writes when something was handed in

_ARCHIVE = re.compile(r"(?P<stem>.*)\.zip", re.IGNORECASE)
# Files that operating systems leave in folders and archives.
_CLUTTER = re.compile(r"__MACOSX|\..*|Thumbs\.db|desktop\.ini", re.IGNORECASE)
_ENTRY = b"PK\x01\x02"  # in a zip archive, before each entry of its list of contents


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
        What the student should know of the files: why there is no notebook, or which of several was graded; or empty.
    seed : str
        What the tests draw for it follows from this; empty for a new one, see `grade.grade_submission`.
    file : str
        The notebook's path in what was handed in, shortened; empty if there is none.
    handed_in : str
        When it was handed in, in the form of ISO 8601, with a time zone if the platform names one; empty if unknown.
    late : bool or None
        Whether the platform marks it as late; None if it marks nothing.
    """

    student: str
    notebook: bytes | None
    problem: str = ""
    seed: str = ""
    file: str = ""
    handed_in: str = ""
    late: bool | None = None

    @property
    def digest(self) -> str:
        """A hash of the submission, with which records name what they were made from."""
        content = b"\0".join([self.student.encode(), self.problem.encode(), self.notebook or b""])
        return hashlib.sha256(content).hexdigest()


class ExportedFile(NamedTuple):
    """A file of a student in what a platform exported.

    Attributes
    ----------
    path : tuple of str
        Where it is in the export.
    platform : str
        What exported it, one of `coursegrader.platforms.PLATFORMS`.
    origin : Origin
        Whom it is from.
    read : callable
        It returns the content, up to one byte more than the given number.
    """

    path: tuple[str, ...]
    platform: str
    origin: Origin
    read: Callable[[int], bytes]


@dataclass(frozen=True)
class _Entry:
    """A file in a folder or archive.

    The last part of the path is empty for what is no file but shows that there is a folder. `note` says what is wrong
    with it. `attempt` and `source` order the attempts of a student: the time, and the archive's name. `name` is the
    student's own name for the file, if the platform put more before it. `late` is the platform's mark.
    """

    path: tuple[str, ...]
    read: Callable[[int], bytes] | None = None
    note: str = ""
    attempt: str = ""
    source: str = ""
    name: str = ""
    late: bool | None = None


def find_submissions(
    paths: list[Path],
    *,
    assignment: str = "",
    exercises: list[Exercise] | None = None,
    platform: str = "",
    tell: Callable[[str], object] = str,
) -> list[Callable[[], Submission]]:
    """Return for each student, sorted by name, a function that reads the submission.

    Paths may be folders, zip archives and single notebooks.
    A folder contains one notebook or one folder per student, as in exports of nbgrader, Blackboard, Moodle, Canvas,
    Brightspace, Gradescope, Google Classroom and GitHub Classroom.
    Of several notebooks of a student, the first of these is graded: one with an answer to an exercise before one
    without; the last attempt, if the platform writes the time into names; one in a folder of the assignment's name;
    one of that name; the last by archive, then by path, where 10 comes after 9.
    `platform` is one of `coursegrader.platforms.PLATFORMS`, by default what the names in each path show.
    `tell` is called with a line for each path that is read as an export.

    Raises
    ------
    FileNotFoundError
        A path does not exist.
    ValueError
        A file is neither a notebook nor a zip archive, a path is empty, or only some of its names are a platform's.
    """
    students: dict[tuple[str, str], list[_Entry]] = {}
    names: dict[tuple[str, str], set[str]] = {}
    for entry, origin, _ in _read_exports(paths, assignment=assignment, platform=platform, tell=tell):
        students.setdefault(origin.key, []).append(entry)
        names.setdefault(origin.key, set()).add(origin.label)
    merged: dict[str, list[_Entry]] = {}
    for key, entries in students.items():
        merged.setdefault(min(names[key]), []).extend(entries)
    others = {min(labels): sorted(labels)[1:] for labels in names.values()}
    choose = functools.partial(_choose, assignment=assignment, exercises=exercises or [])
    return [functools.partial(choose, student, merged[student], others[student]) for student in sorted(merged)]


def find_files(paths: list[Path], *, assignment: str = "", platform: str = "") -> dict[str, list[ExportedFile]]:
    """Return for each student the files that the platform exported, in the order of `paths`.

    Students have the names of `find_submissions`, and it says what the parameters are and what is raised.
    """
    files: dict[tuple[str, str], list[ExportedFile]] = {}
    names: dict[tuple[str, str], set[str]] = {}
    for entry, origin, known in _read_exports(paths, assignment=assignment, platform=platform):
        names.setdefault(origin.key, set()).add(origin.label)
        if entry.read:
            files.setdefault(origin.key, []).append(ExportedFile(entry.path, known, origin, entry.read))
    found: dict[str, list[ExportedFile]] = {}
    for key in names:
        found.setdefault(min(names[key]), []).extend(files.get(key, []))
    return found


def _read_exports(
    paths: list[Path], *, assignment: str, platform: str, tell: Callable[[str], object] = str
) -> Iterator[tuple[_Entry, Origin, str]]:
    """Yield each file in the exports with whom it is from and the platform; see `find_submissions`."""
    for path in paths:
        found = _unwrap(list(_entries(path)), assignment)
        if not found:
            raise ValueError(f"{path}: expected submissions, found nothing")
        try:
            known = platform or _recognize(found, path)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if known != PLAIN:
            tell(f"{path}: read as an export of {known.title()}")
        stamps = _stamps(found, assignment) if known == PLAIN else {}
        for entry, origin in _with_origins(found, assignment, known):
            name = origin.file if len(entry.path) == 1 else ""
            attempt = origin.attempt or stamps.get(entry.path[:2], "")
            yield replace(entry, attempt=attempt, source=str(path), name=name, late=origin.late), origin, known


def _stamps(entries: list[_Entry], assignment: str) -> dict[tuple[str, ...], str]:
    """Return the times in nbgrader's files ``STUDENT/ASSIGNMENT/timestamp.txt``, by folder."""
    times = {}
    for entry in entries:
        if entry.path[1:] == (assignment, TIMESTAMP) and entry.read:
            with contextlib.suppress(OSError, ValueError, zipfile.BadZipFile, zlib.error):
                times[entry.path[:2]] = read_time(entry.read(MAX_SHOWN).decode(), zone="UTC")
    return times


def _recognize(entries: list[_Entry], path: Path) -> str:
    """Return the platform of an export; a notebook that was downloaded alone has the name that its student chose."""
    if NOTEBOOK.fullmatch(path.name) and not path.is_dir():
        return PLAIN
    names = {entry.path[0] for entry in entries} - {GRADESCOPE_FILE}
    files = {entry.path for entry in entries if len(entry.path) == 1}
    if files == {(GRADESCOPE_FILE,)} and all(re.fullmatch(r"submission_\d+", name) for name in names):
        return "gradescope"
    return recognize(names)


def _with_origins(entries: list[_Entry], assignment: str, platform: str) -> Iterator[tuple[_Entry, Origin]]:
    """Yield each file with whom it is from; a file of a group once for each member."""
    folders = {entry.path[0] for entry in entries if len(entry.path) > 1}
    metadata = next((entry for entry in entries if entry.path == (GRADESCOPE_FILE,)), None)
    groups: dict[str, list[Origin]] = {}
    if platform == "gradescope" and metadata and metadata.read:
        try:
            groups = read_gradescope(metadata.read(MAX_BYTES))
        except Exception as error:  # from the file system, zipfile or a decompressor
            note = f"{GRADESCOPE_FILE} cannot be read, so names are unknown: {error}."
            entries = [replace(entry, note=f"{entry.note} {note}".strip()) for entry in entries]
    names = {entry.path[0] for entry in entries if entry.path != (GRADESCOPE_FILE,)}
    written = PLAIN if platform == "gradescope" else platform
    origins = read_origins(names, folders=folders, assignment=assignment, platform=written)
    for entry in entries:
        top = entry.path[0]
        for origin in groups[top] if top in groups else [origins[top]] if top in origins else []:
            yield entry, origin


def _entries(path: Path) -> Iterator[_Entry]:
    if path.is_dir():
        yield from _in_folder(path)
    elif not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    elif _ARCHIVE.fullmatch(path.name):
        try:
            yield from _in_archive(zipfile.ZipFile(path))
        except zipfile.BadZipFile as error:
            raise ValueError(f"{path}: expected a zip archive, and it cannot be read as one: {error}") from error
    elif NOTEBOOK.fullmatch(path.name):
        yield _Entry((canonical(path.name),), functools.partial(_read_file, path.parent, (path.name,)))
    else:
        raise ValueError(f"{path}: expected a folder, a zip archive or a notebook")


def _in_folder(root: Path) -> Iterator[_Entry]:
    """Yield the files in a folder, and an entry without a name for each folder, whatever is in it."""
    left: dict[str, int] = {}
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        parts = waiting.pop()
        names = _readable(parts)
        try:
            children = _list(root, parts) if len(parts) <= MAX_DEPTH else []
        except OSError as error:
            if not parts:
                raise
            yield _Entry((*names, ""), note=f"A folder cannot be read: {error.strerror}.")
            continue
        if parts:
            deep = "Folders are nested too deeply to be read." if len(parts) > MAX_DEPTH else ""
            yield _Entry((*names, ""), note=deep)
        for name, kind in children:
            owner = parts[0] if parts else name
            left[owner] = left.get(owner, MAX_FILES) - 1
            path = (*names, *_readable((name,)))
            if left[owner] < 0 or _CLUTTER.fullmatch(name):
                continue
            if kind == "folder":
                waiting.append((*parts, name))
            elif kind == "file":
                yield _Entry(path, functools.partial(_read_file, root, (*parts, name)))
            else:
                yield _Entry((*path, "") if not parts else (*names, ""), note=f"{path[-1]} is no file: {kind}.")


def _list(root: Path, parts: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the names in a folder, and for each whether it is a folder, a file or something else."""

    def kind(entry: os.DirEntry[str]) -> str:
        if entry.is_symlink():
            return "a link"
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        return "file" if entry.is_file(follow_symlinks=False) else "a pipe or a device"

    with _opened(root, parts, os.O_DIRECTORY) as descriptor, os.scandir(descriptor) as entries:
        return sorted((entry.name, kind(entry)) for entry in entries)


@contextlib.contextmanager
def _opened(root: Path, parts: tuple[str, ...], flags: int) -> Iterator[int]:
    """Open a file or folder below `root` without following a link, even if one took the place of a folder just now."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for number, part in enumerate(parts, start=1):
            kind = flags if number == len(parts) else os.O_DIRECTORY
            options = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | kind
            below = os.open(part, options, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _read_file(root: Path, parts: tuple[str, ...], limit: int) -> bytes:
    with _opened(root, parts, 0) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no file")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read(limit + 1)


def _in_archive(archive: zipfile.ZipFile) -> Iterator[_Entry]:
    """Yield the files in an archive, and an entry without a name for each folder, whatever is in it."""
    folders: set[tuple[str, ...]] = set()
    for info, name in zip(archive.infolist(), _names(archive), strict=True):
        names = name.replace("\\", "/").split("/")  # some programs for Windows write backslashes
        parts = tuple(canonical(part) for part in names if part not in ("", "."))
        clutter = [number for number, part in enumerate(parts) if part != ".." and _CLUTTER.fullmatch(part)]
        link = stat.S_ISLNK(info.external_attr >> 16)
        inside = parts if info.is_dir() or link else parts[:-1]
        folders.update(inside[:end] for end in range(1, min(len(inside), 2, *clutter, 2) + 1))
        if parts and not clutter and not info.is_dir() and not link:
            yield _Entry(parts, functools.partial(_read_packed, archive, info))
    for folder in folders:
        yield _Entry((*folder, ""))


def _read_packed(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    with archive.open(info) as stream:
        return stream.read(limit + 1)


def _names(archive: zipfile.ZipFile) -> list[str]:
    """Return the names in an archive; where they are not marked as UTF-8, in the encoding that suits all of them."""
    marked = [bool(info.flag_bits & 0x800) for info in archive.infolist()]
    names = [info.orig_filename for info in archive.infolist()]
    encoding = _encoding([name.encode("cp437") for name, known in zip(names, marked, strict=True) if not known])
    return [name if known else name.encode("cp437").decode(encoding) for name, known in zip(names, marked, strict=True)]


def _encoding(names: list[bytes], western: tuple[str, ...] = ("cp850", "cp1252")) -> str:
    """Return the encoding of names: UTF-8, Chinese, or one of Western Europe; else that of PKZIP, which has no gaps."""
    for encoding in ("utf-8", "gb2312", *western):
        with contextlib.suppress(UnicodeDecodeError):
            text = b" ".join(names).decode(encoding)
            strange = [letter for letter in text if not letter.isalpha() and not letter.isascii()]
            if encoding == "utf-8" or not (strange or re.search(r"[a-z][À-ÖØ-Þ]", text)):
                return encoding
    return "cp437"


def _readable(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of files as text; they can contain any bytes."""
    raw = [os.fsencode(part) for part in parts]
    return tuple(canonical(part.decode(_encoding([part], western=("cp1252",)))) for part in raw)


def _unwrap(entries: list[_Entry], assignment: str) -> list[_Entry]:
    """Remove a common folder around all students, such as ``submitted`` in a zipped course.

    The content decides whether a single top-level folder is such a folder or the submission of one student.
    """
    paths = [entry.path for entry in entries if entry.path[1:] != ("",)]
    if len({entry.path[0] for entry in entries}) != 1 or not paths or any(len(path) == 1 for path in paths):
        return entries
    top = paths[0][0]
    parts = {path[1] if len(path) > 2 else _stem(path[1]) for path in paths} - {""}
    exported = is_from_platform({path[1] for path in paths}) or any(path[1:] == (GRADESCOPE_FILE,) for path in paths)
    if is_from_platform([top]) or (assignment in parts and not exported):
        return entries  # student/assignment/notebook or student/notebook
    cloned = simplify(top) == simplify(f"{assignment}-submissions")  # by `gh classroom clone student-repos`
    in_order = any(len(path) > 3 and path[2] == assignment for path in paths)
    if in_order or exported or cloned or len(parts) > 1:
        return [replace(entry, path=entry.path[1:]) for entry in entries if entry.path[1:] != ("",)]
    return entries


def _stem(name: str) -> str:
    """Return the name of a notebook without its extension, or an empty text for other files."""
    found = NOTEBOOK.fullmatch(name)
    return found["stem"] if found else ""


def _first_answered(
    notebooks: list[_Entry], exercises: list[Exercise], problems: list[str]
) -> tuple[_Entry | None, bytes]:
    """Return the first notebook with an answer, or else the first that can be read; note in `problems` which cannot."""
    chosen, content = None, b""
    for entry in notebooks[:MAX_READ]:
        try:
            data = _read_notebook(entry)
            answered = len(notebooks) == 1 or _is_answered(data, exercises)
        except Exception as error:  # from the file system, zipfile or a decompressor
            problems.append(f"{_shown(entry, notebooks)} cannot be read: {error}.")
            continue
        if answered:
            return entry, data
        if chosen is None:
            chosen, content = entry, data
    return chosen, content


def _choose(
    student: str, entries: list[_Entry], others: list[str], *, assignment: str, exercises: list[Exercise]
) -> Submission:
    """Read the files of a student, and return the notebook to grade."""
    files: list[_Entry] = []
    problems = list(dict.fromkeys(entry.note for entry in entries if entry.note))
    left = [MAX_ARCHIVE]
    for entry in entries:
        try:
            files += _unpack(entry, left)
        except Exception as error:  # from the file system, zipfile or a decompressor
            problems.append(f"{entry.path[-1][:MAX_SHOWN]} cannot be read: {error}.")
    last = max(entries, key=lambda entry: entry.attempt)
    submit = functools.partial(Submission, student, handed_in=last.attempt, late=last.late)
    notebooks = sorted(
        (entry for entry in files if NOTEBOOK.fullmatch(entry.path[-1])),
        key=lambda entry: _rank(entry, assignment),
        reverse=True,
    )
    if others:
        problems.append(f"This id also came with another name: {_listed(others)}.")
    if not notebooks:
        names = sorted({entry.path[-1] for entry in files if entry.path[-1]})
        reason = f"No notebook was handed in, only {_listed(names)}." if names else "No notebook was handed in."
        return submit(None, " ".join([reason, *problems]))
    chosen, content = _first_answered(notebooks, exercises, problems)
    if chosen is None:
        return submit(None, " ".join(problems))
    rivals = [entry for entry in notebooks if entry is not chosen]
    if assignment in chosen.path[1:-1]:  # beside folders of other assignments
        rivals = [entry for entry in rivals if assignment in entry.path[1:-1] or len(entry.path) == 2]
    if rivals:
        rest = _listed([_shown(entry, notebooks) for entry in rivals])
        problems.insert(0, f"Of several notebooks, {_shown(chosen, notebooks)} was graded, not {rest}.")
    file = "/".join(chosen.path)[:MAX_SHOWN]
    return submit(content, " ".join(problems), file=file, handed_in=chosen.attempt, late=chosen.late)


def _unpack(entry: _Entry, left: list[int], depth: int = 2) -> list[_Entry]:
    """Return a file, or if it is an archive, the files in it; `left` holds how many bytes of archives may be read."""
    match = _ARCHIVE.fullmatch(entry.path[-1])
    if not match or entry.read is None or not depth:
        return [entry]
    content = entry.read(left[0])
    left[0] -= len(content)
    if left[0] < 0:
        left[0] = 0
        raise ValueError(f"the archives are larger than {MAX_ARCHIVE >> 20} MB")
    if content.count(_ENTRY) > MAX_FILES:
        raise ValueError(f"it holds more than {MAX_FILES} files")
    archive = zipfile.ZipFile(io.BytesIO(content))
    if sum(len(info.orig_filename) for info in archive.infolist()) > MAX_NAMES:
        raise ValueError("the names of its files are too long")
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in archive.infolist()):
        raise ValueError("expected files packed with Deflate")  # what zipfile makes of others at once has no limit
    found = []
    for inside in _in_archive(archive):
        path = (*entry.path[:-1], match["stem"], *inside.path)
        origin = replace(inside, path=path, attempt=entry.attempt, source=entry.source, late=entry.late)
        found += _unpack(origin, left, depth - 1)
    return found


def _read_notebook(entry: _Entry) -> bytes:
    assert entry.read
    content = entry.read(MAX_BYTES)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 20} MB")
    return content


def _rank(entry: _Entry, assignment: str) -> tuple[Any, ...]:
    """Return what orders the notebooks of a student; the greatest is graded if it has an answer."""
    stem = _stem(entry.name or entry.path[-1])
    contained = re.search(rf"(?<![^\W_]){re.escape(simplify(assignment))}(?![^\W_])", simplify(stem)) is not None
    fit = 2 if is_named(stem, assignment) else int(contained)
    inside = assignment in entry.path[1:-1]
    path = [_natural(part) for part in (*entry.path[:-1], _stem(entry.path[-1]))]
    source = Path(entry.source)
    return entry.attempt, inside, fit, _natural(source.name), path, entry.source


def _natural(text: str) -> tuple[Any, ...]:
    """Return a key that sorts 10 behind 9."""
    parts = re.split(r"([0-9]+)", text.casefold())
    return tuple((len(part.lstrip("0")), part.lstrip("0")) if n % 2 else part for n, part in enumerate(parts))


def _shown(entry: _Entry, among: list[_Entry]) -> str:
    """Return the name of a notebook, with as much of its path as tells it from the others."""
    name, path, source = entry.path[-1], "/".join(entry.path), Path(entry.source).name
    if sum(other.path[-1] == name for other in among) == 1:
        return name[:MAX_SHOWN]
    if sum(other.source == entry.source for other in among) == 1:
        return f"{source}/{name}"[:MAX_SHOWN]
    return (path if sum(other.path == entry.path for other in among) == 1 else f"{source}/{path}")[:MAX_SHOWN]


def _listed(names: list[str]) -> str:
    return ", ".join(name[:MAX_SHOWN] for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _is_answered(notebook: bytes, exercises: list[Exercise]) -> bool:
    """Return whether a notebook has more than was given out for one of the exercises; if in doubt, it has."""
    if not exercises or notebook.count(b"[") + notebook.count(b"{") > MAX_LISTS:
        return True
    ids = {exercise.id for exercise in exercises}
    try:
        cells = list(_cells(json.loads(notebook), ids))
    except (ValueError, RecursionError, MemoryError, TypeError, AttributeError, KeyError):
        return False  # it is no notebook
    given = {""}
    for exercise in exercises:
        given.update(code.strip() for code in (exercise.stub, *exercise.setup, *(test.code for test in exercise.tests)))
    names = "|".join(re.escape(name) for exercise in exercises for name in exercise.names) or "(?!)"
    defines = re.compile(rf"^[ \t]*((async[ \t]+)?def|class)[ \t]+({names})\b|^({names})\b[^=\n(]*=", re.MULTILINE)
    return any(
        code.strip() not in given and (grade_id in ids or defines.search(code) is not None) for grade_id, code in cells
    )


def _cells(content: Any, ids: set[str]) -> Iterator[tuple[Any, str]]:
    """Yield grade id and text of the cells with code, or with one of these ids, of a notebook of any version."""
    for sheet in content.get("worksheets", [content]):
        for cell in sheet["cells"]:
            about = (cell.get("metadata") or {}).get("nbgrader") or {}
            name = about.get("grade_id")
            if cell.get("cell_type") == "code" or (isinstance(name, str) and name in ids):
                source = cell.get("source", cell.get("input", ""))
                text = "".join(map(str, source)) if isinstance(source, list) else str(source)
                yield name if isinstance(name, str) else None, text.replace("\r\n", "\n").replace("\r", "\n")
