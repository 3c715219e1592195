"""Write files that hold marks or solutions: whole or not at all, and never over something without a copy beside it."""

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

EARLIER = "earlier"
LOCK = ".lock"


def write(file: Path, content: str | bytes, *, root: Path, private: bool = False) -> None:
    """Write a file, atomically, and text in UTF-8; a file with the same content is left as it is.

    Parameters
    ----------
    file, content
        Where to write what; the folder is made if there is none.
    root
        A folder around the file. What is replaced is kept in its folder `EARLIER`, with the time of its last change in
        its name: ``grades.csv`` becomes ``earlier/grades.2026-01-30T15-00-00.csv``.
    private
        Whether only its owner may read it, and new folders on the way to it.
    """
    content = content.encode() if isinstance(content, str) else content
    make_folder(file.parent, private=private)
    if file.exists():
        if file.read_bytes() == content:
            if private and exposed(file):
                file.chmod(0o600)
            return
        keep(file, root)
    with _whole(file) as part:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)


@contextlib.contextmanager
def _whole(file: Path) -> Iterator[Path]:
    """Yield a path beside a file; what is written there takes the file's place at the end, unless that fails."""
    part = file.with_name(f".{file.name}.part")
    try:
        part.unlink(missing_ok=True)  # of a run that was killed
        yield part
        part.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise OSError(error.errno, error.strerror, str(file)) from error


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other commands from writing into a folder until this one ends, however it ends.

    Raises
    ------
    ValueError
        Another command is at work on it.
    """
    if os.name != "posix":  # assignments can be built there
        yield
        return
    import fcntl

    with os.fdopen(os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"{folder}: another command is at work on this folder; run this one after it") from error
        yield


def make_folder(folder: Path, *, private: bool = True) -> None:
    """Make a folder and those around it that are missing, so that others cannot read them if they are private.

    Raises
    ------
    ValueError
        One of them is a file.
    """
    for place in (*reversed(folder.parents), folder):
        if not place.exists():
            place.mkdir(mode=0o700 if private else 0o777, exist_ok=True)
        elif not place.is_dir():
            raise ValueError(f"{place}: expected a folder, and it is a file")


def keep(file: Path, root: Path) -> None:
    """Copy a file to the earlier ones of the folder `root`, under a name that none of them has; see `write`."""
    changed = time.strftime("%Y-%m-%dT%H-%M-%S", time.localtime(file.stat().st_mtime))
    folder = (root / EARLIER / file.relative_to(root)).parent
    make_folder(folder)
    number, kept = 1, folder / f"{file.stem}.{changed}{file.suffix}"
    while kept.exists():
        number += 1
        kept = folder / f"{file.stem}.{changed}-{number}{file.suffix}"
    with _whole(kept) as part:
        shutil.copy2(file, part)


def exposed(path: Path) -> bool:
    """Return whether anyone but the owner may read or change a file or folder."""
    return os.name == "posix" and path.exists() and bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def warnings(paths: Iterable[Path], content: str) -> Iterator[str]:
    """Yield a line for each of the files and folders that others may read or change; `content` says what they hold."""
    for path in paths:
        if exposed(path):
            mode = stat.S_IMODE(path.stat().st_mode)
            right = 700 if path.is_dir() else 600
            found = f"{path}: other users can open it (mode {mode:o}), and it holds {content}"
            yield f"{found}; to keep them out: chmod {right} {path}"
