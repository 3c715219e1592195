"""Journals: files to which lines are only ever added, each an object in JSON.

Whatever ends a program, all lines that it reported as added are there. Only what follows the last end of line can be
cut short, and does not count.
"""

import errno
import json
import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

_Entry = TypeVar("_Entry")


def open_journal(file: Path) -> FileIO:
    """Return a journal, opened to add to it, which only its owner can read; it is made if there is none."""
    return open(file, "a+b", buffering=0, opener=lambda path, flags: os.open(path, flags, 0o600))


def add(journal: FileIO, entry: dict[str, Any]) -> None:
    """Add a line to an open journal: it is on the disk when this returns, and no part of it if this fails."""
    line = json.dumps(entry) + "\n"
    journal.seek(0)
    content = journal.read()
    rest = content[content.rfind(b"\n") + 1 :]
    size = len(content)
    if rest and _is_whole(rest):  # somebody's editor drops the last end of line
        line = "\n" + line
    elif rest:  # writing was interrupted, and the line never reported as added
        size -= len(rest)
        journal.truncate(size)
    try:
        if journal.write(line.encode()) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(journal.fileno())
    except OSError as error:
        journal.truncate(size)
        raise OSError(error.errno, error.strerror, str(journal.name)) from error


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def read(file: Path, convert: Callable[[dict[str, Any]], _Entry], *, expected: str) -> list[_Entry]:
    """Return the entries of a journal, each as `convert` makes it of the object in a line.

    A mark of the byte order, other ends of lines and empty lines, which editors leave, change nothing.

    Raises
    ------
    ValueError
        A line is none that a program added; `expected` says in words what it should be.
    """
    if not file.exists():
        return []
    entries = []
    lines = file.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entries.append(convert(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if number < len(lines):
                raise ValueError(f"{file}, line {number}: expected {expected}") from error
    return entries
