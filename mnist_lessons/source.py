"""Identify source code by its content: the identifier of Software Heritage, and the commit.

An identifier such as ``swh:1:dir:…`` names the exact content of a directory, the same for every copy. Its hash is the
one that Git gives to a tree, so for a clean checkout it is what ``git rev-parse HEAD^{tree}`` prints. It is computed
offline. Specification: ISO/IEC 18670, https://www.swhid.org.
"""

import hashlib
import os
import subprocess
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple


class Source(NamedTuple):
    """What identifies a state of source code."""

    swhid: str  # of the directory, as it is
    commit: str  # of Git; empty where it is not known
    changed: bool  # whether the directory differs from the commit


def identify(root: Path) -> Source:
    """Return what identifies the source code in a folder; what `.gitignore` names does not count.

    Without Git, or outside a clone, the commit is not known, and the identifier is that of the files that are there.
    """
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is None:
        return Source(directory_swhid(root, _not_ignored(root)), "", changed=False)
    names = [name for name in listed.split("\0") if name and os.path.lexists(root / name)]
    swhid = directory_swhid(root, names)
    committed = _git(root, "rev-parse", "HEAD", "HEAD^{tree}")
    commit, tree = committed.split() if committed else ("", "")
    return Source(swhid, commit, changed=bool(commit) and swhid != f"swh:1:dir:{tree}")


def directory_swhid(folder: Path, names: Iterable[str]) -> str:
    """Return the identifier of a folder that holds these files alone, given as paths from it with slashes."""
    tree: dict[str, Any] = {}
    for name in names:
        *parents, last = name.split("/")
        inner = tree
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = folder / name
    return f"swh:1:dir:{_tree_hash(tree).hex()}"


def package_swhid(package: Path, ignored: Collection[str] = ()) -> str:
    """Return the identifier of an installed package's folder, without Python's caches and the files to be ignored."""
    files = (file.relative_to(package) for file in package.rglob("*") if file.is_file())
    names = (file.as_posix() for file in files if "__pycache__" not in file.parts)
    return directory_swhid(package, (name for name in names if name not in ignored))


def _tree_hash(tree: dict[str, Any]) -> bytes:
    """Return Git's hash of a tree: its entries sorted by name, where that of a folder ends with a slash."""
    lines = []
    for name, entry in sorted(tree.items(), key=lambda item: os.fsencode(item[0]) + b"/" * isinstance(item[1], dict)):
        mode, digest = ("40000", _tree_hash(entry)) if isinstance(entry, dict) else _file_hash(entry)
        lines.append(mode.encode() + b" " + os.fsencode(name) + b"\0" + digest)
    return _hash("tree", b"".join(lines))


def _file_hash(file: Path) -> tuple[str, bytes]:
    if file.is_symlink():
        return "120000", _hash("blob", os.fsencode(file.readlink()))
    return "100755" if file.stat().st_mode & 0o100 else "100644", _hash("blob", file.read_bytes())


def _hash(kind: str, content: bytes) -> bytes:
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).digest()


def _not_ignored(root: Path) -> Iterator[str]:
    """Yield the files of a folder that has no Git; of `.gitignore`, names and patterns of names are understood."""
    try:
        lines = (root / ".gitignore").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        lines = []
    anywhere = [line.strip("/") for line in lines if not line.startswith("/")]
    at_root = [line.strip("/") for line in lines if line.startswith("/")]
    for folder, folders, files in os.walk(root):
        patterns = anywhere + at_root * (Path(folder) == root)
        folders[:] = [name for name in folders if not any(fnmatch(name, pattern) for pattern in patterns)]
        for name in files:
            if not any(fnmatch(name, pattern) for pattern in patterns):
                yield Path(folder, name).relative_to(root).as_posix()


def _git(root: Path, *arguments: str) -> str | None:
    """Return what a command of Git says of a folder that is the root of a clone; None where it fails."""
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, encoding="utf-8")
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
